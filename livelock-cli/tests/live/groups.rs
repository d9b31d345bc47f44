//! Each group of probe level 1 on this machine's kernel: it loads, attaches, counts, and leaves the others alone.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use livelock_cli::capture::Capture;
use livelock_cli::decode::decode;
use livelock_core::activity::Activity;
use livelock_core::event::Event;
use livelock_core::ids::MonotonicNs;
use livelock_core::probes::{GroupSet, Probe, ProbeGroup, ProbeSet};

use crate::attached::start;
use crate::turn;

/// Long enough for work items that run once a second.
const LOOK: Duration = Duration::from_millis(1200);

/// Longer than attaching takes anywhere.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something of everything but reclaim, until dropped.
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let threads = (0..2).map(|_| {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                while !is_over.load(Ordering::Relaxed) {
                    // Nobody listens there: each packet is dropped.
                    let _ = socket.send_to(b"x", "127.0.0.1:9");
                    touch();
                    std::thread::sleep(Duration::from_micros(200));
                }
            })
        });
        Self {
            threads: threads.collect(),
            is_over,
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Faults pages in and takes them away, from other CPUs that run this process as well.
fn touch() {
    const BYTES: usize = 64 * 4096;
    // SAFETY: a mapping of our own, written within its bounds and unmapped once.
    unsafe {
        let at = libc::mmap(
            std::ptr::null_mut(),
            BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if at == libc::MAP_FAILED {
            return;
        }
        std::ptr::write_bytes(at.cast::<u8>(), 1, BYTES);
        libc::munmap(at, BYTES);
    }
}

/// Orders `groups`, and waits until they are there.
fn set(capture: &mut Capture, groups: GroupSet) {
    capture.set_groups(groups);
    assert_eq!(capture.groups(), groups, "nothing else was under way");
    assert!(
        capture.wait_for_groups(PATIENCE),
        "{groups:?}: not there yet"
    );
}

/// Sums of all CPUs since the first attach; `None`: nothing is attached.
fn counted(capture: &mut Capture) -> Option<Activity> {
    let mut raw = Vec::new();
    capture.drain(&mut raw);
    raw.clear();
    capture.close_window(&mut raw);
    capture.begin_window();
    let mut events = Vec::new();
    for record in &raw {
        decode(record, MonotonicNs(u64::MAX), &mut events).expect("a record of this kernel");
    }
    let activities = events.into_iter().filter_map(|event| match event {
        Event::Activity { activity, .. } => Some(*activity),
        _ => None,
    });
    activities.reduce(|mut sum, other| {
        sum.merge(&other);
        sum
    })
}

#[test]
fn each_group_attaches_alone_counts_and_leaves() {
    let Some(_turn) = turn::attach("groups") else {
        return;
    };
    let mut capture = start();
    let _load = Load::start();
    assert!(counted(&mut capture).is_none(), "nothing is attached yet");
    for group in ProbeGroup::ALL {
        let only = GroupSet::EMPTY.with(group);
        set(&mut capture, only);
        std::thread::sleep(LOOK);
        let seen = counted(&mut capture).expect("attached");
        for probe in seen.probes.absent(group) {
            turn::skip("groups", &format!("this kernel has no {}", probe.name()));
        }
        if seen.probes.is_empty() {
            // Of a file system that is not loaded.
            assert_eq!(group, ProbeGroup::Transactions);
            set(&mut capture, GroupSet::EMPTY);
            continue;
        }
        assert_eq!(seen.groups(), only);
        let cost = seen.costs.get(&group).copied().unwrap_or_default();
        println!(
            "{group:?}: {} runs, {} ns each",
            cost.nr,
            cost.ns.checked_div(cost.nr).unwrap_or(0)
        );
        assert!(
            seen.costs.keys().all(|&of| of == group),
            "others ran: {:?}",
            seen.costs
        );
        if !matches!(group, ProbeGroup::Reclaim | ProbeGroup::Transactions) {
            assert!(cost.nr > 0, "{group:?} saw nothing");
        }
        check(group, &seen);
        set(&mut capture, GroupSet::EMPTY);
        let last = counted(&mut capture).expect("the last copy");
        assert!(last.groups().is_empty(), "{group:?} has left");
        assert!(counted(&mut capture).is_none(), "nobody counts");
    }
}

/// What the load must have left in the counters of `group`.
fn check(group: ProbeGroup, seen: &Activity) {
    match group {
        ProbeGroup::Syscalls => assert!(seen.all_syscalls().nr_ok() > 1000),
        ProbeGroup::Interrupts => assert!(!seen.softirqs.is_empty()),
        ProbeGroup::Scheduler => assert!(seen.nr_switches > 100 && seen.run_delays.nr > 0),
        ProbeGroup::Faults => assert!(seen.nr_faults > 1000),
        ProbeGroup::Reclaim => assert!(seen.reclaim.direct.nr() < 1_000_000),
        ProbeGroup::Packets => assert!(seen.nr_packets_dropped > 100),
        ProbeGroup::CrossCalls => {
            let flushes: u64 = seen.tlb_flushes.values().sum();
            assert!(!seen.sees(Probe::TlbFlush) || flushes > 0);
            assert!(!seen.sees(Probe::CsdQueueCpu) || !seen.call_functions.is_empty());
        }
        ProbeGroup::Workqueue => {
            assert!(!seen.work_functions.is_empty());
            assert!(seen.work.nr() > 0);
        }
        // Nobody makes any here.
        ProbeGroup::Transactions => assert!(seen.nr_trans_commits < 1_000_000),
    }
}

#[test]
fn a_group_that_comes_later_and_again_starts_without_half_of_a_pair() {
    let Some(_turn) = turn::attach("groups: again") else {
        return;
    };
    let mut capture = start();
    let _load = Load::start();
    let syscalls = GroupSet::EMPTY.with(ProbeGroup::Syscalls);
    let both = syscalls.with(ProbeGroup::Scheduler);
    set(&mut capture, syscalls);
    std::thread::sleep(LOOK / 4);
    set(&mut capture, both);
    std::thread::sleep(LOOK / 4);
    let first = counted(&mut capture).expect("attached");
    assert_eq!(first.probes, ProbeSet::of(both));
    set(&mut capture, syscalls);
    let gone = counted(&mut capture).expect("attached");
    assert_eq!(gone.groups(), syscalls);
    // What became runnable before the group left must not look as if it had waited ever since.
    std::thread::sleep(LOOK);
    set(&mut capture, both);
    std::thread::sleep(LOOK / 4);
    let again = counted(&mut capture).expect("attached");
    let moved = again.since(&gone);
    assert!(moved.nr_switches > 0 && moved.all_syscalls().nr() > 0);
    assert_eq!(moved.nr_long_delays, 0, "{:?}", moved.long_delay);
}
