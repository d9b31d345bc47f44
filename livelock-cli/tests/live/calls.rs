//! Breakpoints on this machine's kernel: attempts that fail are counted, and the calls around them recorded.
//!
//! System calls stand in for the calls: each has an address, and one first argument, the registers of its thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use livelock_cli::btf;
use livelock_cli::capture::{
    Capture, CaptureConfig, KernelOffsets, TRACEPOINT_TYPES, TaskFilter, WaitFilter,
};
use livelock_cli::decode::decode;
use livelock_core::attempts::{AttemptKind, AttemptSite, FoundSite, SiteAttempts, Suspect};
use livelock_core::event::{Event, LockCallEvent};
use livelock_core::ids::{CodeAddr, CpuId, MonotonicNs};
use livelock_core::lock_call::{LockCallKind, LockCallSite};

use crate::turn;

/// Longer than a count and a watch take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the kernel function `name` begins.
fn addr_of(name: &str) -> Option<CodeAddr> {
    let symbols = std::fs::read_to_string("/proc/kallsyms").ok()?;
    let line = symbols
        .lines()
        .find(|line| line.ends_with(&format!(" {name}")))?;
    let addr = u64::from_str_radix(line.split(' ').next()?, 16).ok()?;
    (addr != 0).then_some(CodeAddr(addr))
}

fn start() -> Capture {
    let btf = btf::read_running().expect("this kernel's types");
    let config = CaptureConfig {
        offsets: KernelOffsets {
            task_pid: btf.member_offset("task_struct", "pid"),
            task_tgid: btf.member_offset("task_struct", "tgid"),
            ..KernelOffsets::default()
        },
        types: btf.skeleton(&TRACEPOINT_TYPES),
        sample_hz: 99,
        slice_mask: 15,
        tasks: TaskFilter::All,
        waits: WaitFilter::default(),
    };
    Capture::start(&config).expect("attached")
}

/// Makes the three calls in their order until told to stop.
fn call_around(is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        // SAFETY: system calls without arguments.
        unsafe {
            libc::syscall(libc::SYS_getuid);
            libc::syscall(libc::SYS_getppid);
            libc::syscall(libc::SYS_getgid);
        }
    }
}

/// What was counted, and the calls that were recorded, once both are there.
fn watched(capture: &mut Capture, suspect: &Suspect) -> (Vec<SiteAttempts>, Vec<LockCallEvent>) {
    let began = Instant::now();
    let (mut raw, mut events) = (Vec::new(), Vec::new());
    let mut counted = Vec::new();
    let mut calls = Vec::new();
    while began.elapsed() < PATIENCE && (calls.is_empty() || counted.is_empty()) {
        capture.count_attempts(std::slice::from_ref(suspect));
        std::thread::sleep(Duration::from_millis(50));
        capture.drain(&mut raw);
        for record in raw.drain(..) {
            decode(&record, MonotonicNs(u64::MAX), &mut events).expect("a record of this kernel");
        }
        calls.extend(events.drain(..).filter_map(|event| match event {
            Event::LockCall(call) => Some(call),
            _ => None,
        }));
        let fresh = capture.take_attempts();
        if !fresh.is_empty() {
            counted = fresh;
        }
    }
    (counted, calls)
}

#[test]
fn what_fails_is_counted_and_the_calls_around_it_are_recorded() {
    const TEST: &str = "calls";
    let Some(_turn) = turn::attach(TEST) else {
        return;
    };
    let found = (
        addr_of("__x64_sys_getppid"),
        addr_of("__x64_sys_getuid"),
        addr_of("__x64_sys_getgid"),
        addr_of("__x64_sys_acct"),
    );
    let (Some(trylock), Some(lock), Some(unlock), Some(never)) = found else {
        turn::skip(TEST, "the addresses of system calls are not to be seen");
        return;
    };
    let suspect = |tried_at: CodeAddr, succeeded_at: CodeAddr| Suspect {
        found: FoundSite {
            site: AttemptSite {
                kind: AttemptKind::Trylock,
                tried_at,
                succeeded_at,
                begin: tried_at,
                end: CodeAddr(tried_at.0 + 1),
            },
            calls: [
                (trylock, LockCallKind::Trylock),
                (lock, LockCallKind::Lock),
                (unlock, LockCallKind::Unlock),
            ]
            .map(|(at, kind)| LockCallSite { at, kind })
            .to_vec(),
        },
        cpus: (0..std::thread::available_parallelism().map_or(1, usize::from))
            .map(|cpu| CpuId(u32::try_from(cpu).expect("few CPUs")))
            .collect(),
    };
    let mut capture = start();
    let is_over = Arc::new(AtomicBool::new(false));
    let load = {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || call_around(&is_over))
    };
    let (counted, calls) = watched(&mut capture, &suspect(trylock, never));
    is_over.store(true, Ordering::Relaxed);
    load.join().expect("the load ends");

    if counted.is_empty() && addr_of("register_kprobe").is_none() {
        turn::skip(
            TEST,
            "this kernel has no kprobes, and forbids breakpoints in its code",
        );
        return;
    }
    assert_eq!(counted.len(), 1, "breakpoints could not be set");
    assert!(counted[0].fails(), "{counted:?}");
    assert!(!calls.is_empty(), "nothing was recorded");
    let pid = calls[0].task.pid;
    let mine: Vec<_> = calls.iter().filter(|call| call.task.pid == pid).collect();
    for kind in [
        LockCallKind::Lock,
        LockCallKind::Trylock,
        LockCallKind::Unlock,
    ] {
        assert!(mine.iter().any(|call| call.kind == kind), "{mine:?}");
    }
    assert!(
        mine.iter()
            .all(|call| call.lock == mine[0].lock && call.lock.0 != 0),
        "{mine:?}"
    );
}
