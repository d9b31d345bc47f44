//! Sides made by hand: the same twice, another load, too little, sums alone.

use super::*;
use crate::host::{HostFacts, SamplerSource, SpinlockFlavour};
use crate::judge::Judge;
use crate::names::{FunctionName, Names};
use crate::verdict::{CauseClass, Status, Verdict};

struct Nobody;

impl Names for Nobody {
    fn function(&self, _: crate::ids::CodeAddr) -> Option<FunctionName> {
        None
    }
    fn data_symbol(&self, _: crate::ids::LockAddr) -> Option<String> {
        None
    }
    fn member(&self, _: crate::event::ObjectPlace) -> Option<String> {
        None
    }
    fn cgroup_path(&self, _: crate::ids::CgroupId) -> Option<String> {
        None
    }
}

fn verdict(status: Status) -> Verdict {
    let host = HostFacts {
        hostname: "web1".to_owned(),
        kernel_release: "6.1.0".to_owned(),
        kernel_build_id: None,
        arch: "x86_64".to_owned(),
        nr_cpus_online: 8,
        nr_cpus_possible: 8,
        hypervisor: None,
        spinlocks: SpinlockFlavour::Native,
        sampler: SamplerSource::Hrtimer,
        has_contended_release: false,
        has_lockdep: false,
        idle_by_clock: None,
        hardirq_by_clock: None,
        load_1m: None,
    };
    Verdict {
        status,
        ..Judge::new(host, Vec::new()).verdict(&Nobody)
    }
}

/// A recording whose windows spun so much and achieved so much, spread by a few percent.
fn side(status: Status, burn_pct: f64, tokens: f64, nr_windows: usize) -> Side {
    let mut series = Series::new(300_000_000);
    for number in 0..nr_windows {
        let wobble = 1.0 + 0.02 * ((number * 7 % 5) as f64 - 2.0);
        series.push_values(burn_pct * wobble, None, tokens * wobble);
    }
    let mut verdict = verdict(status);
    verdict.window.nr_windows = u32::try_from(nr_windows).expect("few");
    verdict.burn_pct = Some(burn_pct);
    verdict.progress.tokens_per_busy_sec = Some(tokens);
    Side {
        name: "x".to_owned(),
        kind: SessionKind::Recording,
        verdict,
        series: Some(series),
    }
}

fn direction(comparison: &Comparison, measure: Measure) -> Direction {
    let changes = comparison.changes.iter();
    let mut of = changes.filter(|change| change.measure == measure);
    of.next().expect("each measure").direction
}

#[test]
fn the_same_twice_is_no_difference() {
    let one = side(Status::Busy, 20.0, 5000.0, 15);
    let comparison = compare(&one, &one);
    assert_eq!(comparison.outcome, Outcome::NoDifference);
    assert_eq!(comparison.summary, "no difference that this data can show");
    assert!(comparison.caveats.is_empty(), "{:?}", comparison.caveats);
    assert!(comparison.classes.appeared.is_empty() && comparison.locks.vanished.is_empty());
}

#[test]
fn more_spinning_and_less_progress_is_worse_and_the_other_way_round_better() {
    let good = side(Status::Busy, 20.0, 5000.0, 15);
    let bad = side(Status::Busy, 60.0, 900.0, 12);
    let there = compare(&good, &bad);
    assert_eq!(there.outcome, Outcome::Worse);
    assert_eq!(direction(&there, Measure::BurnPct), Direction::Worse);
    assert_eq!(
        direction(&there, Measure::TokensPerBusySec),
        Direction::Worse
    );
    assert_eq!(
        direction(&there, Measure::HandoffGapNs),
        Direction::CannotTell
    );
    assert_eq!(there.summary, "worse: progress per CPU-second, spinning");
    assert_eq!(compare(&bad, &good).outcome, Outcome::Better);
    let mixed = side(Status::Busy, 60.0, 20_000.0, 12);
    assert_eq!(compare(&good, &mixed).outcome, Outcome::Mixed);
}

#[test]
fn what_is_small_is_none_however_sure_and_what_is_rare_is_none_however_large() {
    let one = side(Status::Busy, 20.0, 5000.0, 30);
    let slightly = side(Status::Busy, 26.0, 4000.0, 30);
    assert_eq!(compare(&one, &slightly).outcome, Outcome::NoDifference);
    let mut burst = one.clone();
    if let Some(series) = &mut burst.series {
        for _ in 0..10 {
            series.push_values(95.0, None, 10.0);
        }
    }
    assert_eq!(compare(&one, &burst).outcome, Outcome::NoDifference);
}

#[test]
fn a_status_outweighs_measures_and_an_answer_needs_two_of_them() {
    let busy = side(Status::Busy, 20.0, 5000.0, 15);
    let livelock = side(Status::Livelock, 20.0, 5000.0, 15);
    let comparison = compare(&busy, &livelock);
    assert_eq!(comparison.outcome, Outcome::Worse);
    assert!(
        comparison
            .summary
            .starts_with("A is busy, B is a live lock")
    );
    let unknown = side(Status::CannotTell, 20.0, 5000.0, 15);
    assert_eq!(compare(&busy, &unknown).outcome, Outcome::CannotTell);
    let healthy = side(Status::Healthy, 20.0, 5000.0, 15);
    assert_eq!(compare(&healthy, &busy).outcome, Outcome::NoDifference);
}

#[test]
fn without_waste_another_rate_is_another_load() {
    let rate = |tokens: f64, waste_pct| {
        let mut side = side(Status::Busy, 0.5, tokens, 0);
        side.verdict.window.nr_windows = 15;
        if let Some(series) = &mut side.series {
            for number in 0..15 {
                series.push_values(0.5, Some(waste_pct), tokens + f64::from(number));
            }
        }
        side
    };
    let comparison = compare(&rate(5000.0, 1.0), &rate(900.0, 1.0));
    assert_eq!(comparison.outcome, Outcome::Different);
    assert!(
        comparison
            .summary
            .ends_with("differs: progress per CPU-second")
    );
    // What the rules of one session call contended is not yet what two are judged by.
    let comparison = compare(&rate(5000.0, 29.0), &rate(900.0, 29.0));
    assert_eq!(comparison.outcome, Outcome::Different);
    let comparison = compare(&rate(5000.0, 31.0), &rate(900.0, 31.0));
    assert_eq!(comparison.outcome, Outcome::Worse);
}

#[test]
fn waste_alone_makes_nobody_worse_who_is_well() {
    let wasteful = |status, waste_pct, burn_pct| {
        let mut side = side(status, burn_pct, 5000.0, 0);
        side.verdict.window.nr_windows = 15;
        if let Some(series) = &mut side.series {
            for _ in 0..15 {
                series.push_values(burn_pct, Some(waste_pct), 5000.0);
            }
        }
        side
    };
    let little = wasteful(Status::Healthy, 1.0, 0.5);
    for (much, outcome) in [
        (wasteful(Status::Busy, 15.0, 0.5), Outcome::Different),
        (wasteful(Status::Healthy, 45.0, 0.5), Outcome::Different),
        (wasteful(Status::Busy, 45.0, 30.0), Outcome::Worse),
        (wasteful(Status::Contended, 45.0, 0.5), Outcome::Worse),
    ] {
        let comparison = compare(&little, &much);
        assert_eq!(comparison.outcome, outcome, "{}", comparison.summary);
    }
    let back = compare(&wasteful(Status::Healthy, 45.0, 0.5), &little);
    assert_eq!(back.outcome, Outcome::Different);
    let contended = wasteful(Status::Contended, 60.0, 0.5);
    let both = compare(&wasteful(Status::Contended, 40.0, 0.5), &contended);
    assert_eq!(direction(&both, Measure::WastePct), Direction::Worse);
}

#[test]
fn few_windows_and_sums_are_told() {
    let ids = |comparison: &Comparison| -> Vec<CaveatId> {
        comparison.caveats.iter().map(|caveat| caveat.id).collect()
    };
    let few = side(Status::Busy, 20.0, 5000.0, 4);
    let comparison = compare(&few, &few);
    assert_eq!(comparison.outcome, Outcome::CannotTell);
    assert_eq!(
        ids(&comparison),
        [CaveatId::FewWindows, CaveatId::FewWindows]
    );
    let sums = |burn_pct| Side {
        kind: SessionKind::Verdict,
        series: None,
        ..side(Status::Busy, burn_pct, 5000.0, 15)
    };
    let comparison = compare(&sums(20.0), &sums(35.0));
    assert_eq!(comparison.outcome, Outcome::NoDifference);
    assert_eq!(ids(&comparison), [CaveatId::NoWindows, CaveatId::NoWindows]);
    let comparison = compare(&sums(20.0), &sums(45.0));
    assert_eq!(comparison.outcome, Outcome::Worse);
    let burn = comparison
        .changes
        .iter()
        .find(|change| change.measure == Measure::BurnPct);
    assert_eq!(burn.and_then(|change| change.p_value), None);
}

#[test]
fn other_hosts_are_told() {
    let here = side(Status::Busy, 20.0, 5000.0, 15);
    let mut there = here.clone();
    there.verdict.host.kernel_release = "7.3.4".to_owned();
    there.verdict.host.nr_cpus_online = 4;
    there.verdict.host.hypervisor = Some("KVM".to_owned());
    let ids: Vec<CaveatId> = compare(&here, &there)
        .caveats
        .iter()
        .map(|caveat| caveat.id)
        .collect();
    assert_eq!(
        ids,
        [
            CaveatId::OtherKernel,
            CaveatId::OtherCpus,
            CaveatId::OtherHypervisor
        ]
    );
}

#[test]
fn gaps_are_those_of_one_lock() {
    let with = |lock: &str, gap_ns| {
        let mut side = side(Status::Contended, 20.0, 5000.0, 15);
        side.series = side.series.map(|series| series.with_gaps(lock, gap_ns));
        side
    };
    let gap = |a: &Side, b: &Side| direction(&compare(a, b), Measure::HandoffGapNs);
    let (mine, slow, other) = (
        with("mine", 1000.0),
        with("mine", 9000.0),
        with("other", 9000.0),
    );
    assert_eq!(gap(&mine, &slow), Direction::Worse);
    assert_eq!(gap(&mine, &other), Direction::CannotTell);
    let comparison = compare(&mine, &other);
    let change = comparison
        .changes
        .iter()
        .find(|change| change.measure == Measure::HandoffGapNs);
    let medians =
        change.map(|change| [change.a, change.b].map(|side| side.map(|side| side.median)));
    assert_eq!(medians, Some([Some(1000.0), Some(9000.0)]));
}

#[test]
fn another_cause_is_a_difference_where_both_suffer() {
    let of = |status, class| {
        let mut side = side(status, 20.0, 5000.0, 15);
        side.verdict.cause.class = class;
        side
    };
    let (one, two) = (CauseClass::SpinCollapse, CauseClass::ReclaimThrash);
    for (status, outcome) in [
        (Status::Livelock, Outcome::Different),
        (Status::Contended, Outcome::Different),
        (Status::Busy, Outcome::NoDifference),
    ] {
        let comparison = compare(&of(status, one), &of(status, two));
        assert_eq!(comparison.outcome, outcome, "{status:?}");
        let same = compare(&of(status, one), &of(status, one));
        assert_eq!(same.outcome, Outcome::NoDifference, "{status:?}");
    }
    let comparison = compare(&of(Status::Livelock, one), &of(Status::Livelock, two));
    assert_eq!(
        comparison.summary,
        "neither better nor worse, but another cause: spin_collapse in A, reclaim_thrash in B"
    );
}

#[test]
fn as_many_windows_as_there_are_up_to_thirty_are_picked_evenly() {
    for (nr, picked) in [
        (5, 5),
        (29, 29),
        (30, 30),
        (31, 30),
        (59, 30),
        (60, 30),
        (9999, 30),
    ] {
        let all: Vec<f64> = (0..nr).map(f64::from).collect();
        let some = series::picked(&all);
        assert_eq!(some.len(), picked, "of {nr}");
        let steps = some.windows(2).map(|pair| pair[1] - pair[0]);
        let (least, most) = steps.fold((f64::MAX, 0.0_f64), |(least, most), step| {
            (least.min(step), most.max(step))
        });
        assert!(
            least >= 1.0 && most <= least + 1.0,
            "of {nr}: {least} to {most}"
        );
    }
    assert!(series::picked(&[]).is_empty());
}

#[test]
fn a_week_of_windows_is_kept_in_bounds() {
    let long = side(Status::Busy, 20.0, 5000.0, 600_000);
    let short = side(Status::Busy, 20.0, 5000.0, 15);
    assert_eq!(compare(&long, &short).outcome, Outcome::NoDifference);
    let bad = side(Status::Busy, 70.0, 500.0, 15);
    assert_eq!(compare(&long, &bad).outcome, Outcome::Worse);
}
