//! States of sources at their borders, and properties of the ledger.

use proptest::prelude::*;

use super::*;
use crate::thresholds as at;

const WINDOW_NS: u64 = 500_000_000;
const STALL_NS: u64 = 2_000_000_000;

fn source(expectation: Option<Expectation>) -> Source {
    Source {
        name: "orders".to_owned(),
        spec: "file:/run/orders".to_owned(),
        expectation,
    }
}

fn moment(is_quiet: bool) -> Moment {
    Moment {
        length_ns: WINDOW_NS,
        busy_ns: Some(2 * WINDOW_NS),
        is_quiet,
    }
}

/// States of one source whose counter begins at `first` and reads `values`, in windows of half a second.
fn states(
    expectation: Option<Expectation>,
    first: u64,
    values: &[(Option<u64>, bool)],
) -> Vec<DeclaredState> {
    let first = DeclaredReading { value: Some(first) };
    let mut ledger = DeclaredLedger::new(vec![source(expectation)], &[first], STALL_NS);
    let mut seen = Vec::new();
    for &(value, is_quiet) in values {
        let window = ledger.observe(&[DeclaredReading { value }], moment(is_quiet));
        assert_eq!(window.combined, window.sources[0].0.state);
        seen.push(window.combined);
    }
    seen
}

/// A counter that grows by `steps`, from 0.
fn grown(steps: &[u64], is_quiet: bool) -> Vec<(Option<u64>, bool)> {
    let mut value = 0;
    let grow = |step: &u64| {
        value += step;
        (Some(value), is_quiet)
    };
    steps.iter().map(grow).collect()
}

use DeclaredState::{Collapsed, KeepsPace, Stalled, Unknown};

#[test]
fn a_stated_rate_is_held_at_its_border() {
    let rate = Some(Expectation::Rate { min_per_sec: 100.0 });
    let seen = states(rate, 0, &grown(&[50, 49, 50], false));
    assert_eq!(seen, [KeepsPace, Collapsed, KeepsPace]);
}

#[test]
fn a_rate_a_cpu_second_counts_busy_time() {
    // Two busy CPUs: half a second of window is a second of busy time.
    let rate = |min_per_busy_sec| Some(Expectation::RatePerCpu { min_per_busy_sec });
    assert_eq!(states(rate(50.0), 0, &grown(&[50], false)), [KeepsPace]);
    assert_eq!(states(rate(51.0), 0, &grown(&[50], false)), [Collapsed]);
    let mut ledger = DeclaredLedger::new(
        vec![source(rate(1.0))],
        &[DeclaredReading { value: Some(0) }],
        STALL_NS,
    );
    let unseen = Moment {
        busy_ns: None,
        ..moment(true)
    };
    let window = ledger.observe(&[DeclaredReading { value: Some(99) }], unseen);
    assert_eq!(window.combined, Unknown);
}

#[test]
fn a_slow_rate_takes_several_windows() {
    // One a second: five are due after five seconds.
    let rate = Some(Expectation::Rate { min_per_sec: 1.0 });
    let steady = states(rate, 0, &grown(&[1, 0].repeat(10), false));
    assert_eq!(steady[..8], [Unknown; 8]);
    assert!(
        steady[9..].iter().all(|&state| state == KeepsPace),
        "{steady:?}"
    );
    let slow = states(rate, 0, &grown(&[1, 0, 0, 0].repeat(5), false));
    assert!(
        slow[9..].iter().all(|&state| state == Collapsed),
        "{slow:?}"
    );
}

#[test]
fn a_stall_is_longer_than_it_may_be() {
    let seen = states(None, 7, &[(Some(7), false); 6]);
    assert_eq!(seen, [Unknown, Unknown, Unknown, Unknown, Stalled, Stalled]);
    let zero = Some(Expectation::Zero {
        limit_ns: 1_000_000_000,
    });
    let seen = states(zero, 0, &grown(&[1, 0, 0, 0, 1], false));
    assert_eq!(seen, [KeepsPace, KeepsPace, KeepsPace, Stalled, KeepsPace]);
    assert_eq!(states(zero, 0, &grown(&[0, 0], false)), [Unknown; 2]);
}

#[test]
fn without_a_rate_quiet_windows_are_the_measure() {
    let mut values = grown(&[100; 6], true);
    for step in [100, 29, 30, 31] {
        let last = values.last().and_then(|(value, _)| *value).unwrap_or(0);
        values.push((Some(last + step), false));
    }
    let seen = states(None, 0, &values);
    assert_eq!(seen[..at::NR_BASELINE_MIN], [Unknown; at::NR_BASELINE_MIN]);
    assert_eq!(
        seen[5..],
        [KeepsPace, KeepsPace, Collapsed, KeepsPace, KeepsPace]
    );
    // In a collapse that was there before us nothing is known of the pace, however steadily it moves.
    assert_eq!(states(None, 0, &grown(&[40; 9], false)), [Unknown; 9]);
    // A source that idles in quiet windows says nothing about busy ones.
    let mut idle = vec![(Some(0), true); 4];
    idle.extend([(Some(0), true), (Some(3), false), (Some(6), false)]);
    assert_eq!(states(None, 0, &idle)[5..], [Unknown, Unknown]);
}

#[test]
fn a_restart_is_no_progress() {
    let rate = Some(Expectation::Rate { min_per_sec: 100.0 });
    let values = [Some(1000), Some(400), Some(460)].map(|value| (value, false));
    assert_eq!(states(rate, 0, &values), [KeepsPace, Unknown, KeepsPace]);
    // One that starts again in every window never gets anything done.
    let restarting: Vec<_> = (0..6).map(|i| (Some(600 - 100 * i), false)).collect();
    let seen = states(rate, 1000, &restarting);
    assert_eq!(seen[4..], [Stalled, Stalled]);
}

#[test]
fn what_cannot_be_read_is_unknown_and_its_time_is_not_lost() {
    let rate = Some(Expectation::Rate { min_per_sec: 100.0 });
    let values = [Some(50), None, Some(100), None, Some(200)].map(|value| (value, false));
    let seen = states(rate, 0, &values);
    assert_eq!(seen, [KeepsPace, Unknown, Collapsed, Unknown, KeepsPace]);
    let mut ledger = DeclaredLedger::new(vec![source(None)], &[], STALL_NS);
    let window = ledger.observe(&[], moment(false));
    assert_eq!(window.combined, Unknown);
    assert_eq!(window.sources[0].0.rate_per_sec, None);
}

#[test]
fn one_source_that_keeps_pace_is_enough() {
    assert_eq!(combined([Stalled, KeepsPace, Unknown]), KeepsPace);
    assert_eq!(combined([Stalled, Unknown]), Stalled);
    assert_eq!(combined([Stalled, Collapsed]), Collapsed);
    assert_eq!(combined([Unknown]), Unknown);
    assert_eq!(combined([]), Unknown);
}

#[test]
fn a_short_session_stalls_early_and_never_at_once() {
    let s = 1_000_000_000;
    assert_eq!(default_stall_ns(s, None), at::STALL_NS);
    assert_eq!(default_stall_ns(s / 2, Some(60 * s)), at::STALL_NS);
    assert_eq!(default_stall_ns(s / 2, Some(5 * s)), 3 * s / 2);
    assert_eq!(default_stall_ns(s / 10, Some(5 * s)), 5 * s / 4);
}

#[test]
fn the_report_prefers_what_is_known() {
    let mut ledger = DeclaredLedger::new(
        vec![source(Some(Expectation::Rate { min_per_sec: 100.0 }))],
        &[DeclaredReading { value: Some(0) }],
        STALL_NS,
    );
    let mut tally = DeclaredTally::default();
    for value in [None, None, Some(1500), None, Some(1510)] {
        let window = ledger.observe(&[DeclaredReading { value }], moment(false));
        tally.merge(&DeclaredTally::of_window(window));
    }
    assert_eq!((tally.nr_failed(), tally.nr_windows(Unknown)), (1, 3));
    let of_failure = tally.report(true);
    assert_eq!(of_failure[0].state, Collapsed);
    assert_eq!(of_failure[0].rate_per_sec, Some(1510.0 / 2.5));
    assert_eq!(of_failure[0].expectation.as_deref(), Some("rate>=100"));
    assert_eq!(of_failure[0].reason, "10.0 a second, less than 100");
}

fn expectations() -> impl Strategy<Value = Option<Expectation>> {
    prop_oneof![
        Just(None),
        (0.001..1e6).prop_map(|min_per_sec| Some(Expectation::Rate { min_per_sec })),
        (0.001..1e6)
            .prop_map(|min_per_busy_sec| Some(Expectation::RatePerCpu { min_per_busy_sec })),
        (1..u64::MAX).prop_map(|limit_ns| Some(Expectation::Zero { limit_ns })),
    ]
}

proptest! {
    #[test]
    fn any_readings_are_survived(
        expectation in expectations(),
        stall_ns in any::<u64>(),
        readings in prop::collection::vec(
            (prop::option::of(any::<u64>()), any::<u64>(), prop::option::of(any::<u64>()), any::<bool>()),
            0..40,
        ),
    ) {
        let mut ledger = DeclaredLedger::new(vec![source(expectation)], &[], stall_ns);
        let mut tally = DeclaredTally::default();
        for (value, length_ns, busy_ns, is_quiet) in readings {
            let moment = Moment { length_ns, busy_ns, is_quiet };
            let window = ledger.observe(&[DeclaredReading { value }], moment);
            if value.is_none() {
                prop_assert_eq!(window.combined, Unknown);
            }
            tally.merge(&DeclaredTally::of_window(window));
        }
        for report in tally.report(true) {
            prop_assert!(report.rate_per_sec.is_none_or(f64::is_finite));
        }
    }

    #[test]
    fn a_counter_that_never_moves_never_keeps_pace(
        expectation in expectations(),
        value in any::<u64>(),
        quiet in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let values: Vec<_> = quiet.iter().map(|&is_quiet| (Some(value), is_quiet)).collect();
        prop_assert!(!states(expectation, value, &values).contains(&KeepsPace));
    }

    #[test]
    fn a_counter_above_its_rate_never_fails(
        min_per_sec in 0.1_f64..1e6,
        extra in prop::collection::vec(0_u64..1000, 1..60),
    ) {
        let due = (min_per_sec * WINDOW_NS as f64 / 1e9).ceil() as u64;
        let steps: Vec<u64> = extra.iter().map(|more| due + more).collect();
        let seen = states(Some(Expectation::Rate { min_per_sec }), 0, &grown(&steps, false));
        prop_assert!(!seen.iter().any(|state| matches!(state, Collapsed | Stalled)));
    }
}
