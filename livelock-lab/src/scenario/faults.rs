//! Page faults that come again: one that nobody resolves, one that fails a hundred times, one that
//! fails a system call.
//!
//! In: a plan. Out: threads that fault. Refuses: to leave a thread in its fault; the memory becomes
//! ordinary when the load is over.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::child;
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::sys::{self, PAGE_BYTES, Region};

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "uffd-loop",
        description: "page faults that are woken without a page: the same fault again, without end",
        class: Class::FaultLoop,
        expected_status: Status::Livelock,
        // Between two tries the threads sleep, and each wake-up succeeds: only user space knows that no page comes.
        kind: Kind::Boundary,
        needs: Needs {
            userfaultfd: true,
            ..Needs::TWO_CPUS
        },
        prepare: uffd_loop,
    },
    Scenario {
        name: "sigsegv-loop",
        description: "a signal handler returns to the faulting instruction a hundred times before it helps",
        class: Class::FaultLoop,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::NOTHING,
        prepare: sigsegv_loop,
    },
    Scenario {
        name: "efault-loop",
        description: "write from memory that is not there: the same failing call again, without end",
        class: Class::FaultLoop,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::NOTHING,
        prepare: efault_loop,
    },
];

/// Faults of [`sigsegv_loop`] before the handler makes the page readable.
const NR_FAILING_FAULTS: u64 = 100;

/// From `linux/userfaultfd.h`: the flag for faults of user mode only, which needs no privilege, the
/// version of the interface, and four of its requests.
const UFFD_USER_MODE_ONLY: libc::c_int = 1;
const UFFD_API: u64 = 0xaa;
const UFFDIO_REGISTER_MODE_MISSING: u64 = 1;
const UFFDIO_API: libc::c_ulong = 0xc018_aa3f;
const UFFDIO_REGISTER: libc::c_ulong = 0xc020_aa00;
const UFFDIO_UNREGISTER: libc::c_ulong = 0x8010_aa01;
const UFFDIO_WAKE: libc::c_ulong = 0x8010_aa02;

/// Thread 0 wakes the others, which fault on a page that nobody ever brings.
fn uffd_loop(plan: &Plan) -> anyhow::Result<Work> {
    plan.at_least(2)?;
    let missing = |err: io::Error| {
        Missing::because(
            &err,
            "userfaultfd cannot be used",
            "use a kernel with CONFIG_USERFAULTFD, outside a sandbox that forbids it",
        )
    };
    let region = Region::anonymous(
        PAGE_BYTES,
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE,
    )
    .context("failed to map memory")?;
    let faults = Arc::new(Faults::new(region).map_err(missing)?);
    Work::by_thread(move |index| {
        let faults = Arc::clone(&faults);
        if index == 0 {
            let waker = Waker(faults);
            return plan::op(move || waker.0.ask(UFFDIO_WAKE));
        }
        plan::counted(move || {
            faults.region.touch();
            Ok(0)
        })
    })
}

/// Memory whose faults go to whoever holds the descriptor.
struct Faults {
    fd: OwnedFd,
    region: Region,
}

impl Faults {
    fn new(region: Region) -> io::Result<Self> {
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | UFFD_USER_MODE_ONLY;
        // SAFETY: takes a number.
        let fd = sys::own_fd(unsafe { libc::syscall(libc::SYS_userfaultfd, flags) })?;
        request(&fd, UFFDIO_API, &mut [UFFD_API, 0, 0])?;
        let range = [region.addr() as u64, region.len_bytes() as u64];
        let mode = UFFDIO_REGISTER_MODE_MISSING;
        request(&fd, UFFDIO_REGISTER, &mut [range[0], range[1], mode, 0])?;
        Ok(Self { fd, region })
    }

    /// A request that takes the range only.
    fn ask(&self, number: libc::c_ulong) -> io::Result<()> {
        let mut range = [self.region.addr() as u64, self.region.len_bytes() as u64];
        request(&self.fd, number, &mut range)
    }
}

/// All requests take a struct of 64-bit numbers, of the size that is part of the request.
fn request<const N: usize>(
    fd: &OwnedFd,
    number: libc::c_ulong,
    words: &mut [u64; N],
) -> io::Result<()> {
    // SAFETY: the descriptor is open, the array is as long as the request says.
    sys::done(unsafe { libc::ioctl(fd.as_raw_fd(), number, words.as_mut_ptr()) }).map(drop)
}

/// Makes the memory ordinary again at the end, so that the threads leave their faults.
struct Waker(Arc<Faults>);

impl Drop for Waker {
    fn drop(&mut self) {
        if let Err(err) = self.0.ask(UFFDIO_UNREGISTER) {
            eprintln!("livelock-lab: failed to give up the faults: {err}");
        }
    }
}

fn sigsegv_loop(_: &Plan) -> anyhow::Result<Work> {
    // SAFETY: made of integers and null pointers, for which zero is valid.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler calls only what is safe in one; a null old action is allowed.
    sys::done(unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) })
        .context("failed to handle SIGSEGV")?;
    Work::by_thread(|_| {
        // The first page counts the faults of the second.
        let region = Region::anonymous(
            2 * PAGE_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE,
        )
        .context("failed to map memory")?;
        // A process each: threads would share the lock of their signals.
        child::in_process(move || {
            // SAFETY: the second page of the mapping.
            let page = unsafe { region.addr().add(PAGE_BYTES) };
            protect(page, libc::PROT_NONE)?;
            // SAFETY: the handler makes the page readable in the end.
            unsafe { page.read_volatile() };
            Ok(1)
        })
    })
}

fn protect(page: *mut u8, prot: libc::c_int) -> io::Result<()> {
    // SAFETY: a whole page of a mapping of ours, into which nobody keeps references.
    sys::done(unsafe { libc::mprotect(page.cast(), PAGE_BYTES, prot) }).map(drop)
}

/// Runs in the faulting thread, for faults of [`sigsegv_loop`] only: nothing else in here faults.
extern "C" fn on_fault(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid siginfo of a fault.
    let addr = unsafe { (*info).si_addr() };
    let page = addr.map_addr(|addr| addr & !(PAGE_BYTES - 1));
    if page.is_null() {
        // SAFETY: a fault that is a mistake ends the process.
        unsafe { libc::_exit(139) };
    }
    // SAFETY: the page before is the counter, mapped by the faulting thread.
    let nr_faults = unsafe { &*page.cast::<u8>().sub(PAGE_BYTES).cast::<AtomicU64>() };
    if nr_faults.fetch_add(1, Ordering::Relaxed) % NR_FAILING_FAULTS == NR_FAILING_FAULTS - 1 {
        protect(page.cast(), libc::PROT_READ).unwrap_or_default();
    }
}

fn efault_loop(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let region = Region::anonymous(PAGE_BYTES, libc::PROT_NONE, libc::MAP_PRIVATE)
            .context("failed to map memory")?;
        let (reader, writer) = sys::pipe(0).context("failed to make a pipe")?;
        plan::op(move || {
            let _reader = &reader;
            // SAFETY: the memory cannot be read, which is what the kernel is to find out.
            let rc = unsafe { libc::write(writer.as_raw_fd(), region.addr().cast(), 64) };
            match sys::done(rc) {
                Err(err) if sys::is_errno(&err, libc::EFAULT) => Ok(()),
                Err(err) => Err(err),
                Ok(_) => Err(io::Error::from_raw_os_error(libc::EPROTO)),
            }
        })
    })
}
