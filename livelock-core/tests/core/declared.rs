//! Declared progress against what is wasted: it caps, it carries, and it accuses nobody alone.

use livelock_core::declared::{
    DeclaredReading, DeclaredState, Expectation, Source, default_stall_ns,
};
use livelock_core::detect::NoProgressRule;
use livelock_core::event::LockKind;
use livelock_core::verdict::{Confidence, EvidenceSource, ProgressState, Status, Verdict};

use crate::scenario::*;

/// One source that grows by `step` a window.
struct Declared {
    sim: Sim,
    value: u64,
}

impl Declared {
    fn new(nr_cpus: u32, expectation: Option<Expectation>) -> Self {
        let mut sim = Sim::new(nr_cpus);
        let source = Source {
            name: "orders".to_owned(),
            spec: "file:/run/orders".to_owned(),
            expectation,
        };
        let first = DeclaredReading { value: Some(0) };
        let stall_ns = default_stall_ns(sim.window_ns, Some(10 * sim.window_ns));
        sim.judge.expect_progress(vec![source], &[first], stall_ns);
        Self { sim, value: 0 }
    }

    fn run(&mut self, nr: usize, load: Load, step: u64) -> &mut Self {
        for _ in 0..nr {
            self.value += step;
            let value = Some(self.value);
            self.sim.judge.declare(vec![DeclaredReading { value }]);
            self.sim.run(1, load);
        }
        self
    }

    fn verdict(&self) -> Verdict {
        self.sim.judge.verdict(&Table)
    }
}

/// Two thirds wasted, user code gets a little: not enough without a baseline.
fn wasteful() -> Load {
    let sums = Sums {
        kind: LockKind::Mutex,
        burn_cpus: 2.6,
        sleepers: 0.0,
        nr_waits_per_sec: 2_000,
    };
    Load {
        sums: Some(sums),
        ..shared_pipe()
    }
}

const RATE: Option<Expectation> = Some(Expectation::Rate { min_per_sec: 100.0 });

fn carries(verdict: &Verdict) -> bool {
    let mut evidence = verdict.evidence.iter();
    evidence.any(|e| e.source == EvidenceSource::DeclaredProgress)
}

fn speaks_against(verdict: &Verdict) -> bool {
    let mut against = verdict.against.iter();
    against.any(|e| e.source == EvidenceSource::DeclaredProgress)
}

#[test]
fn what_keeps_pace_is_contended_at_most() {
    assert_eq!(
        Declared::new(8, RATE)
            .run(10, fd_collapse(), 0)
            .verdict()
            .status,
        Status::Livelock
    );
    let verdict = Declared::new(8, RATE)
        .run(10, fd_collapse(), 1000)
        .verdict();
    assert_eq!(verdict.status, Status::Contended);
    assert_eq!(verdict.window.nr_no_progress, 0);
    assert_eq!(verdict.progress.state, ProgressState::Normal);
    assert_eq!(verdict.progress.declared[0].state, DeclaredState::KeepsPace);
    assert!(speaks_against(&verdict) && !carries(&verdict));
    let ruled_out = verdict
        .ruled_out
        .iter()
        .find(|r| r.candidate == "live lock");
    assert!(
        ruled_out.is_some_and(|r| r.reason.contains("orders")),
        "{ruled_out:?}"
    );
}

#[test]
fn a_steady_crawl_without_a_stated_rate_does_not_excuse_a_collapse() {
    let verdict = Declared::new(8, None).run(10, fd_collapse(), 40).verdict();
    assert_eq!(verdict.status, Status::Livelock);
    assert_eq!(verdict.progress.declared[0].state, DeclaredState::Unknown);
}

#[test]
fn a_failure_stands_for_the_missing_baseline() {
    let plain = Declared::new(4, RATE).run(10, wasteful(), 1000).verdict();
    assert_eq!(plain.status, Status::Contended);
    for (expectation, step, state) in [
        (None, 0, ProgressState::Stalled),
        (RATE, 0, ProgressState::Collapsed),
        (RATE, 10, ProgressState::Collapsed),
    ] {
        let mut failing = Declared::new(4, expectation);
        let verdict = failing.run(10, wasteful(), step).verdict();
        assert_eq!(verdict.status, Status::Livelock, "{expectation:?} {step}");
        assert_eq!(verdict.confidence, Confidence::High);
        assert_eq!(verdict.progress.state, state);
        assert!(
            verdict.progress.reason.contains("orders"),
            "{}",
            verdict.progress.reason
        );
        assert!(carries(&verdict));
        let rule = failing.sim.seen.last().and_then(|seen| seen.rule);
        assert_eq!(rule, Some(NoProgressRule::DeclaredProgress));
    }
}

#[test]
fn a_failure_alone_accuses_nobody() {
    let busy = Declared::new(4, RATE).run(10, compute(), 0).verdict();
    assert_eq!(busy.status, Status::Busy);
    assert_eq!(busy.progress.state, ProgressState::Stalled);
    assert!(speaks_against(&busy));
    let idle = Declared::new(4, RATE).run(10, idle(), 0).verdict();
    assert_eq!(idle.status, Status::Healthy);
    assert_eq!(idle.progress.state, ProgressState::Normal);
    assert_eq!(idle.progress.declared[0].state, DeclaredState::Stalled);
}

#[test]
fn what_could_not_be_read_changes_nothing() {
    let mut sim = Sim::new(8);
    let source = Source {
        name: "late".to_owned(),
        spec: "exec:sleep 9".to_owned(),
        expectation: RATE,
    };
    sim.judge.expect_progress(vec![source], &[], 1);
    sim.run(10, fd_collapse());
    let verdict = sim.judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Livelock);
    assert_eq!(verdict.progress.declared[0].rate_per_sec, None);
    assert!(!carries(&verdict) && !speaks_against(&verdict));
}

#[test]
fn a_live_lock_is_left_when_work_gets_done_again() {
    let mut watched = Declared::new(8, RATE);
    watched.run(8, fd_collapse(), 0).run(5, fd_collapse(), 1000);
    let status = |watched: &Declared| watched.sim.judge.recent_verdict(&Table).status;
    assert_eq!(status(&watched), Status::Contended);
    watched.run(6, fd_collapse(), 0);
    assert_eq!(status(&watched), Status::Livelock);
    assert_eq!(watched.verdict().status, Status::Livelock);
}

#[test]
fn a_verdict_with_declared_progress_reads_back() {
    let verdict = Declared::new(8, RATE).run(10, fd_collapse(), 0).verdict();
    let text = serde_json::to_string(&verdict).expect("JSON");
    let back: Verdict = serde_json::from_str(&text).expect("a verdict");
    assert_eq!(back.progress.declared, verdict.progress.declared);
    // Documents of before know nothing of it.
    let mut old: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    if let Some(progress) = old["progress"].as_object_mut() {
        progress.remove("declared");
    }
    let old: Verdict = serde_json::from_value(old).expect("a verdict");
    assert!(old.progress.declared.is_empty());
}
