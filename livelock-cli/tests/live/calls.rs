//! Breakpoints on this machine's kernel: attempts that fail are counted, and the calls around them recorded.
//!
//! System calls stand in for the calls: each has an address, and one first argument, the registers of its thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use livelock_cli::capture::Capture;
use livelock_cli::decode::decode;
use livelock_core::attempts::{AttemptKind, AttemptSite, FoundSite, SiteAttempts, Suspect};
use livelock_core::event::{Event, LockCallEvent};
use livelock_core::ids::{CodeAddr, CpuId, MonotonicNs, Pid};
use livelock_core::lock_call::{LockCallKind, LockCallSite};

use crate::attached::start;
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

/// Hits of a call on a CPU after which it is let alone, as `capture` has it.
const NR_HITS: usize = 32;

/// Makes the three calls in their order until told to stop. Says who does.
fn call_around(is_over: &AtomicBool, thread: &Sender<Pid>) {
    // SAFETY: a system call without arguments.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    let tid = u32::try_from(tid).expect("a thread id");
    thread.send(Pid(tid)).expect("somebody listens");
    while !is_over.load(Ordering::Relaxed) {
        // SAFETY: system calls without arguments.
        unsafe {
            libc::syscall(libc::SYS_getuid);
            libc::syscall(libc::SYS_getppid);
            libc::syscall(libc::SYS_getgid);
        }
    }
}

/// What was counted, the calls that `thread` was seen to make, and how often somebody looked.
struct Seen {
    counted: Vec<SiteAttempts>,
    calls: Vec<LockCallEvent>,
    nr_looks: usize,
}

/// Looks until all kinds of calls of `thread` were seen.
fn look(capture: &mut Capture, suspect: &Suspect, thread: Pid) -> Seen {
    let began = Instant::now();
    let (mut raw, mut events) = (Vec::new(), Vec::new());
    let mut seen = Seen {
        counted: Vec::new(),
        calls: Vec::new(),
        nr_looks: 1,
    };
    while began.elapsed() < PATIENCE && !KINDS.iter().all(|&kind| seen.has(kind)) {
        capture.count_attempts(std::slice::from_ref(suspect));
        std::thread::sleep(Duration::from_millis(50));
        capture.drain(&mut raw);
        for record in raw.drain(..) {
            decode(&record, MonotonicNs(u64::MAX), &mut events).expect("a record of this kernel");
        }
        seen.calls
            .extend(events.drain(..).filter_map(|event| match event {
                Event::LockCall(call) if call.task.pid == thread => Some(call),
                _ => None,
            }));
        let fresh = capture.take_attempts();
        if !fresh.is_empty() && fresh != seen.counted {
            seen.counted = fresh;
            seen.nr_looks += 1;
        }
    }
    seen
}

const KINDS: [LockCallKind; 3] = [
    LockCallKind::Lock,
    LockCallKind::Trylock,
    LockCallKind::Unlock,
];

impl Seen {
    fn has(&self, kind: LockCallKind) -> bool {
        self.calls.iter().any(|call| call.kind == kind)
    }
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
    let (sender, threads) = channel();
    let load = {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || call_around(&is_over, &sender))
    };
    let thread = threads.recv().expect("the load begins");
    let seen = look(&mut capture, &suspect(trylock, never), thread);
    is_over.store(true, Ordering::Relaxed);
    load.join().expect("the load ends");

    if seen.counted.is_empty() && addr_of("register_kprobe").is_none() {
        turn::skip(
            TEST,
            "this kernel has no kprobes, and forbids breakpoints in its code",
        );
        return;
    }
    assert_eq!(seen.counted.len(), 1, "breakpoints could not be set");
    assert!(seen.counted[0].fails(), "{:?}", seen.counted);
    let mut by_place: BTreeMap<(CpuId, LockCallKind), usize> = BTreeMap::new();
    for call in &seen.calls {
        assert!(call.lock == seen.calls[0].lock && call.lock.0 != 0);
        *by_place.entry((call.cpu, call.kind)).or_default() += 1;
    }
    for kind in KINDS {
        assert!(seen.has(kind), "{kind:?} was not seen: {by_place:?}");
    }
    // The kernel lets go of a breakpoint after that many, or the ring would be full.
    let most = NR_HITS * seen.nr_looks;
    assert!(by_place.values().all(|&nr| nr <= most), "{by_place:?}");
}
