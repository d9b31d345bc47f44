//! Tasks: signals to one process, processes that begin and end, readers of their lists.
//!
//! In: a plan. Out: threads that kill, fork, wait and read /proc. Refuses: signals that anybody feels;
//! they are ignored, blocked, or of number 0.

use std::ffi::CString;
use std::io;
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::{Missing, Needs};
use crate::plan::{self, Op, Plan, Work};
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "kill-one",
        description: "send an ignored SIGCONT to one process of many threads: all senders want its siglock",
        class: Class::TasklistSignal,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: kill_one,
    },
    Scenario {
        name: "sigqueue-one",
        description: "queue SIGCONT for one process of many threads, one takes it: all threads want its siglock",
        class: Class::TasklistSignal,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: sigqueue_one,
    },
    Scenario {
        name: "kill-group",
        description: "probe one process group while one thread in four starts processes: readers and writers of tasklist_lock",
        class: Class::TasklistSignal,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::COLLAPSE,
        prepare: kill_group,
    },
    Scenario {
        name: "fork-wait",
        description: "start a process that ends at once and wait for it, in all threads",
        class: Class::TasklistSignal,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::COLLAPSE,
        prepare: fork_wait,
    },
    Scenario {
        name: "fork-readers",
        description: "half of the threads start processes, half read /proc/self/stat and wait for nobody",
        class: Class::TasklistSignal,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::COLLAPSE,
        prepare: fork_readers,
    },
    Scenario {
        name: "netns-churn",
        description: "start processes in new network namespaces: workers of the kernel that take them down want sysctl_lock",
        class: Class::SpinCollapse,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs {
            root: true,
            network_namespace: true,
            ..Needs::COLLAPSE
        },
        prepare: netns_churn,
    },
];

/// Stack of a process that only ends.
const CHILD_STACK_BYTES: usize = 16 * 1024;

/// Stack of a thread that only sleeps.
const SLEEPER_STACK_BYTES: usize = 32 * 1024;

/// Threads that sleep beside those that send: under the lock the kernel looks at each thread of the process.
const NR_SLEEPERS: usize = 64;

/// Threads that sleep until the end of the load.
struct Sleepers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Sleepers {
    fn start(nr_threads: usize) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut sleepers = Self {
            stop: Arc::clone(&stop),
            threads: Vec::new(),
        };
        for _ in 0..nr_threads {
            let stop = Arc::clone(&stop);
            let sleep = move || {
                while !stop.load(Ordering::Acquire) {
                    thread::park();
                }
            };
            let builder = thread::Builder::new().stack_size(SLEEPER_STACK_BYTES);
            let started = builder.spawn(sleep);
            sleepers
                .threads
                .push(started.context("failed to start a thread that sleeps")?);
        }
        Ok(sleepers)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // It does nothing that can fail.
            drop(thread.join());
        }
    }
}

fn kill_one(_: &Plan) -> anyhow::Result<Work> {
    // SAFETY: takes nothing.
    let pid = unsafe { libc::getpid() };
    let sleepers = Sleepers::start(NR_SLEEPERS)?;
    // Ignored where nobody is stopped, so it is dropped, but only after a walk of all threads under the lock.
    Ok(Work::shared(move || kill(pid, libc::SIGCONT))?.keep(sleepers))
}

fn kill(pid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes numbers.
    sys::done(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// A signal that is blocked before the threads start. The first thread takes it by waiting for it, the others queue
/// it. SIGCONT, because the kernel then looks at each thread under the lock, whether or not one is queued already.
fn sigqueue_one(plan: &Plan) -> anyhow::Result<Work> {
    let set = blocked(libc::SIGCONT)?;
    // SAFETY: takes nothing.
    let pid = unsafe { libc::getpid() };
    let sleepers = Sleepers::start(NR_SLEEPERS)?;
    let nr_threads = plan.nr_threads;
    let work = Work::by_thread(move |index| {
        let (takes, sends) = (index == 0, index > 0 || nr_threads == 1);
        plan::op(move || {
            if sends {
                let value = libc::sigval {
                    sival_ptr: ptr::null_mut(),
                };
                // SAFETY: takes numbers and a value that nobody looks at. A full queue says EAGAIN.
                sys::tried(sys::done(unsafe {
                    libc::sigqueue(pid, libc::SIGCONT, value)
                }))?;
            }
            if takes { take(&set) } else { Ok(()) }
        })
    })?;
    Ok(work.keep(sleepers))
}

/// Blocks a signal for this thread and those it starts.
pub(crate) fn blocked(signal: libc::c_int) -> anyhow::Result<libc::sigset_t> {
    // SAFETY: `sigset_t` is a plain bit mask; `sigemptyset` initialises it anyway.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is a live local, the number is a valid signal, a null old set is allowed.
    let rc = unsafe {
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut())
    };
    if rc == 0 {
        Ok(set)
    } else {
        Err(io::Error::from_raw_os_error(rc)).context("failed to block a signal")
    }
}

/// Takes a pending signal of the set, if there is one.
fn take(set: &libc::sigset_t) -> io::Result<()> {
    let now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the set is initialised, the timespec is valid, a null siginfo is allowed.
    let rc = unsafe { libc::sigtimedwait(set, ptr::null_mut(), &raw const now) };
    sys::tried(sys::done(rc)).map(drop)
}

fn kill_group(plan: &Plan) -> anyhow::Result<Work> {
    // SAFETY: takes numbers. A leader of a session has a group of its own already.
    unsafe { libc::setpgid(0, 0) };
    let nr_threads = plan.nr_threads;
    Work::by_thread(move |index| {
        if index == 0 && nr_threads > 1 {
            processes(0)
        } else {
            plan::op(|| kill(0, 0))
        }
    })
}

fn fork_wait(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| processes(0))
}

fn fork_readers(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|index| {
        if index.is_multiple_of(2) {
            return processes(0);
        }
        let name = CString::new("/proc/self/stat")?;
        plan::op(move || {
            let stat = sys::open(&name, libc::O_RDONLY)?;
            sys::read(&stat, &mut [0; 512])?;
            // SAFETY: a null status is allowed. There may be nobody to wait for.
            let rc =
                unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG | libc::__WNOTHREAD) };
            match sys::done(rc) {
                Err(err) if sys::is_errno(&err, libc::ECHILD) => Ok(()),
                result => result.map(drop),
            }
        })
    })
}

fn netns_churn(_: &Plan) -> anyhow::Result<Work> {
    let mut first = processes(libc::CLONE_NEWNET)?;
    first().map_err(|err| {
        Missing::because(
            &err,
            "a process in a network namespace of its own cannot be started",
            "run it as root (CAP_SYS_ADMIN), on a kernel with CONFIG_NET_NS",
        )
    })?;
    Work::by_thread(|_| processes(libc::CLONE_NEWNET))
}

/// Starts a process on a stack of its own, and waits for its end. It shares address space, files and
/// folder with this one: what is left is the work on lists of tasks.
fn processes(flags: libc::c_int) -> anyhow::Result<Op> {
    extern "C" fn end(_: *mut libc::c_void) -> libc::c_int {
        0
    }
    // Of u128, because the stack must be aligned to 16 bytes.
    let mut stack = vec![0_u128; CHILD_STACK_BYTES / 16];
    plan::op(move || {
        let top = stack.as_mut_ptr_range().end;
        let shares = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES;
        let flags = shares | libc::CLONE_VFORK | libc::SIGCHLD | flags;
        // SAFETY: the caller sleeps until the child, which touches nothing but its stack, has ended.
        let pid = sys::done(unsafe { libc::clone(end, top.cast(), flags, ptr::null_mut()) })?;
        // SAFETY: a null status is allowed; the child is ours and not reaped yet.
        sys::done(unsafe { libc::waitpid(pid, ptr::null_mut(), 0) }).map(drop)
    })
}
