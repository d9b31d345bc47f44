//! Where attempts are counted, and where no longer.

use livelock_core::attempts::{
    AttemptKind, AttemptSite, CpuAttempts, FoundSite, SiteAttempts, Suspect,
};
use livelock_core::detect::Observation;
use livelock_core::escalation::{SiteChoice, functions_to_search};
use livelock_core::event::{ObjectPlace, SampleEvent, SampleMode, TaskRef};
use livelock_core::ids::{CgroupId, CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, Tgid};
use livelock_core::names::{FunctionName, Names};
use livelock_core::window::Window;

use crate::scenario::{Sim, compute};

/// Functions of 4 KiB each.
struct Pages;

impl Names for Pages {
    fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
        Some(FunctionName {
            name: format!("function_{}", addr.0 / 0x1000),
            offset_bytes: addr.0 % 0x1000,
        })
    }
    fn data_symbol(&self, _: LockAddr) -> Option<String> {
        None
    }
    fn member(&self, _: ObjectPlace) -> Option<String> {
        None
    }
    fn cgroup_path(&self, _: CgroupId) -> Option<String> {
        None
    }
}

fn sample(frames: &[u64]) -> SampleEvent {
    SampleEvent {
        cpu: CpuId(0),
        taken: MonotonicNs(0),
        task: TaskRef {
            pid: Pid(7),
            tgid: Tgid(7),
            comm: None,
        },
        mode: SampleMode::Kernel,
        in_traced_spin: false,
        in_self: false,
        prio: None,
        user_ip: None,
        first_arg: None,
        frames: frames.iter().copied().map(CodeAddr).collect(),
    }
}

/// A window of a host that is busy in the kernel: 90 samples below function 2, five in function 9.
fn busy() -> (Window, Observation) {
    let mut sim = Sim::new(4);
    sim.run(1, compute());
    let (mut window, mut seen) = (sim.windows.remove(0), sim.seen.remove(0));
    window.samples = (0..90).map(|nr| sample(&[0x1000 + nr, 0x2010])).collect();
    window.samples.extend((0..5).map(|_| sample(&[0x9000])));
    (seen.busy, seen.used) = (Some(0.95), Some(0.95));
    seen.user_share = Some(0.01);
    (window, seen)
}

fn site(function: u64) -> AttemptSite {
    AttemptSite {
        kind: AttemptKind::Trylock,
        tried_at: CodeAddr(function + 0x20),
        succeeded_at: CodeAddr(function + 0x30),
        begin: CodeAddr(function),
        end: CodeAddr(function + 0x1000),
    }
}

fn found(function: u64) -> FoundSite {
    FoundSite {
        site: site(function),
        calls: Vec::new(),
    }
}

/// Of the only CPU with samples.
fn suspect(function: u64) -> Suspect {
    Suspect {
        found: found(function),
        cpus: vec![CpuId(0)],
    }
}

fn count(window: &mut Window, site: AttemptSite, nr_succeeded: u64) {
    window.attempts.push(SiteAttempts {
        site,
        cpus: vec![CpuAttempts {
            cpu: CpuId(0),
            nr_tried: 100,
            tried_ns: 1_000_000,
            nr_succeeded,
            succeeded_ns: 1_000_000,
        }],
    });
}

#[test]
fn functions_below_which_nobody_is_are_not_searched() {
    let (window, _) = busy();
    let starts = functions_to_search(&window, &Pages);
    assert_eq!(
        starts,
        [CodeAddr(0x2000)],
        "those of one sample each count little"
    );
}

#[test]
fn attempts_are_counted_where_a_kernel_is_busy() {
    let (window, seen) = busy();
    let found = [found(0x2000), found(0x9000), found(0x5000)];
    let mut choice = SiteChoice::default();
    assert_eq!(choice.next(&window, &seen, &found), [suspect(0x2000)]);
    let with = |change: &dyn Fn(&mut Observation)| {
        let mut seen = seen.clone();
        change(&mut seen);
        SiteChoice::default().next(&window, &seen, &found)
    };
    assert_eq!(with(&|seen| seen.used = Some(0.3)), []);
    assert_eq!(with(&|seen| seen.used = None), []);
    assert_eq!(with(&|seen| seen.user_share = Some(0.6)), []);
}

#[test]
fn what_succeeds_is_left_alone_ever_longer_and_what_fails_is_not() {
    let (mut window, seen) = busy();
    let found = [found(0x2000)];
    let mut choice = SiteChoice::default();
    // Windows that tell the same count, and then do not; the one in which it is counted again is the last.
    let mut left_alone = |window: &mut Window, nr_succeeded| {
        window.attempts.clear();
        count(window, site(0x2000), nr_succeeded);
        let mut nr_windows = 0;
        while choice.next(window, &seen, &found).is_empty() {
            nr_windows += 1;
            if nr_windows == 3 {
                window.attempts.clear();
            }
            assert!(nr_windows < 20, "it is never counted again");
        }
        nr_windows
    };
    let alone = [100, 100, 100, 100].map(|nr| left_alone(&mut window, nr));
    assert_eq!(alone, [3, 6, 10, 10]);
    assert_eq!(left_alone(&mut window, 0), 0);
    assert_eq!(left_alone(&mut window, 100), 3, "it begins anew");
    window.attempts.clear();
    count(&mut window, site(0x2000), 0);
    window.attempts[0].cpus[0].nr_tried = 1;
    assert_eq!(choice.next(&window, &seen, &found), [], "makes room");
    window.attempts.clear();
    assert_eq!(choice.next(&window, &seen, &found), [suspect(0x2000)]);
    count(&mut window, site(0x2000), 0);
    assert_eq!(choice.next(&window, &seen, &found), [suspect(0x2000)]);
    window.attempts.clear();
    count(&mut window, site(0x2000), 40);
    let kept = choice.next(&window, &seen, &found);
    assert_eq!(kept, [suspect(0x2000)], "most of it fails");
}

#[test]
fn what_succeeds_beside_what_fails_is_soon_counted_again() {
    let (mut window, seen) = busy();
    window.samples.extend((0..90).map(|_| sample(&[0x9000])));
    let found = [found(0x2000), found(0x9000)];
    let mut choice = SiteChoice::default();
    for _ in 0..3 {
        count(&mut window, site(0x2000), 0);
        count(&mut window, site(0x9000), 100);
        assert_eq!(choice.next(&window, &seen, &found), [suspect(0x2000)]);
        window.attempts.clear();
        count(&mut window, site(0x2000), 0);
        let both = [suspect(0x2000), suspect(0x9000)];
        assert_eq!(choice.next(&window, &seen, &found), both);
        window.attempts.clear();
    }
}
