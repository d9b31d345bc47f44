//! Tracers and terminals: what observes or carries costs more than the work.
//!
//! In: a plan. Out: threads that are sampled, traced, or that write through a terminal. Refuses:
//! tracing anything but its own threads and children.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::child::{self, Process};
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::scenario::healthy::burn_rounds;
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "ptrace-syscalls",
        description: "stop a process a thread at each system call, as strace does: switches instead of work",
        class: Class::TracerOverhead,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::NOTHING,
        prepare: ptrace_syscalls,
    },
    Scenario {
        name: "perf-sampling",
        description: "compute while being sampled every 10 us: a good part of the time goes to interrupts",
        class: Class::TracerOverhead,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs {
            root: true,
            ..Needs::NOTHING
        },
        prepare: perf_sampling,
    },
    Scenario {
        name: "pty-flood",
        description: "write to a terminal and read from it, in all threads: workers of the kernel carry the bytes and want the lock of their pool",
        class: Class::WorkqueueHog,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::COLLAPSE,
        prepare: pty_flood,
    },
];

/// Between two samples, the shortest that the kernel's clock event takes.
const SAMPLE_PERIOD_NS: u64 = 10_000;

/// Each tracer is a process, as strace is: threads would share the lock of their signals.
fn ptrace_syscalls(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let mut tracee = None;
        child::in_process(move || {
            let tracee = match &mut tracee {
                Some(tracee) => tracee,
                None => tracee.insert(stopped_tracee()?),
            };
            // SAFETY: the process is ours, is traced by this thread, and is stopped.
            sys::done(unsafe { libc::ptrace(libc::PTRACE_SYSCALL, tracee.pid(), 0, 0) })?;
            wait_for_stop(tracee).map(|()| 1)
        })
    })
}

fn stopped_tracee() -> io::Result<Process> {
    let tracee = Process::fork(|| {
        // SAFETY: takes numbers; the parent becomes the tracer, and the process stops until it goes
        // on. Then system calls without an effect, until it is killed.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::raise(libc::SIGSTOP);
            loop {
                libc::syscall(libc::SYS_getppid);
            }
        }
    })?;
    wait_for_stop(&tracee)?;
    Ok(tracee)
}

fn wait_for_stop(child: &Process) -> io::Result<()> {
    let mut status = 0;
    // SAFETY: the child is ours and not reaped; the kernel writes into a live local.
    sys::done(unsafe { libc::waitpid(child.pid(), &raw mut status, libc::__WALL) })?;
    if libc::WIFSTOPPED(status) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

/// The first version of `struct perf_event_attr`.
#[repr(C)]
#[derive(Default)]
struct PerfAttr {
    kind: u32,
    size_bytes: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
}

/// `PERF_TYPE_SOFTWARE`, `PERF_COUNT_SW_CPU_CLOCK`, `PERF_SAMPLE_IP`.
const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_COUNT_SW_CPU_CLOCK: u64 = 0;
const PERF_SAMPLE_IP: u64 = 1;

fn perf_sampling(_: &Plan) -> anyhow::Result<Work> {
    sampled_thread().map_err(|err| {
        Missing::because(
            &err,
            "a sampled event cannot be opened",
            "run it as root (CAP_PERFMON), outside a sandbox that forbids perf_event_open",
        )
    })?;
    Work::by_thread(|_| {
        let event = sampled_thread().context("failed to open a sampled event")?;
        plan::op(move || {
            let _event = &event;
            burn_rounds(10_000);
            Ok(())
        })
    })
}

/// Samples the calling thread. Nobody reads the samples; the interrupts come all the same.
fn sampled_thread() -> io::Result<OwnedFd> {
    let attr = PerfAttr {
        kind: PERF_TYPE_SOFTWARE,
        size_bytes: mem::size_of::<PerfAttr>() as u32,
        config: PERF_COUNT_SW_CPU_CLOCK,
        sample_period: SAMPLE_PERIOD_NS,
        sample_type: PERF_SAMPLE_IP,
        ..PerfAttr::default()
    };
    let (this_thread, any_cpu, no_group, no_flags) = (0, -1, -1, 0);
    // SAFETY: the kernel reads a live local of the size that it states.
    sys::own_fd(unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            this_thread,
            any_cpu,
            no_group,
            no_flags,
        )
    })
}

fn pty_flood(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let (keyboard, program) =
            pty().context("failed to make a terminal; is devpts mounted on /dev/pts?")?;
        let mut bytes = [0; 1024];
        plan::counted(move || {
            sys::tried(sys::write(&keyboard, &[b'a'; 512]))?;
            sys::tried(sys::read(&program, &mut bytes))
        })
    })
}

/// A terminal that passes bytes on as they are: the end of the keyboard, and that of the program.
fn pty() -> io::Result<(OwnedFd, OwnedFd)> {
    let (mut keyboard, mut program) = (0, 0);
    // SAFETY: made of integers, for which zero is valid.
    let mut settings: libc::termios = unsafe { mem::zeroed() };
    // SAFETY: works on a live local.
    unsafe { libc::cfmakeraw(&raw mut settings) };
    // SAFETY: writes two live locals and reads a third; name and size may be null.
    sys::done(unsafe {
        libc::openpty(
            &raw mut keyboard,
            &raw mut program,
            ptr::null_mut(),
            &raw const settings,
            ptr::null(),
        )
    })?;
    // SAFETY: both descriptors are new and nobody else knows them.
    let ends = unsafe {
        (
            OwnedFd::from_raw_fd(keyboard),
            OwnedFd::from_raw_fd(program),
        )
    };
    for end in [&ends.0, &ends.1] {
        // SAFETY: takes numbers; the descriptor is open.
        sys::done(unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    }
    Ok(ends)
}
