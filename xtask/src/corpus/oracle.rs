//! Did the live lock come about in this run?
//!
//! In: what the load itself counted. Out: made, not made, or not known. Refuses: to look at the verdict; how deep a collapse gets
//! differs from run to run, and only a load that collapsed can be missed.

use super::catalogue::{Kind, Oracle};
use super::observation::{Measured, Observation, Outcome};

/// All threads together must complete less than this share of what one completes alone, with the same operation in the same guest,
/// for a collapse to count as made.
///
/// Unit: a fraction. Reason: at 1 the other CPUs are of no use; half of that leaves room for one of the two figures to be off by
/// a factor of two, as figures of one and a half seconds are on a machine that others share. Source: Boyd-Wickizer et al.,
/// "Non-scalable locks are dangerous" (2012): a collapse is throughput that falls as CPUs are added; measured collapses of this
/// lab are 5 to 400 times deep.
pub(super) const COLLAPSE_FRACTION: f64 = 0.5;

/// Tries that must fail for each that succeeds.
///
/// Unit: a ratio. Reason: less than a tenth of the work leads anywhere. Source: the ratio of restarts to commits from which
/// back-off storms of transactions are taken for a live lock.
pub(super) const FAILED_TRIES_PER_OP: f64 = 10.0;

/// Was it made? None where nothing tells: no oracle for this scenario, or one of its figures is missing.
pub(super) fn is_made(observation: &Observation) -> Option<bool> {
    let Outcome::Measured(measured) = &observation.outcome else {
        return None;
    };
    match observation.oracle? {
        Oracle::OneThread => has_collapsed(measured),
        Oracle::FailedTries => {
            let truth = measured.truth.as_ref()?;
            // A module that did nothing shows nothing.
            let has_run = truth.failed_tries_per_sec + truth.ops_per_sec > 0.0;
            has_run.then_some(truth.failed_tries_per_sec >= FAILED_TRIES_PER_OP * truth.ops_per_sec)
        }
    }
}

/// A positive that is known not to have come about.
pub(super) fn is_not_made(observation: &Observation) -> bool {
    observation.kind == Kind::Positive && is_made(observation) == Some(false)
}

/// A boundary whose threads together did less than one alone in this run: whoever calls it a live lock is not wrong.
pub(super) fn is_harmful_boundary(observation: &Observation) -> bool {
    observation.kind == Kind::Boundary && is_retrograde(observation) == Some(true)
}

/// Did all threads together complete less than one alone? Short of [`COLLAPSE_FRACTION`] that is too little to ask for a verdict,
/// and enough not to call one wrong: the CPUs that were added do harm. None where no thread was alone.
pub(super) fn is_retrograde(observation: &Observation) -> Option<bool> {
    let Outcome::Measured(measured) = &observation.outcome else {
        return None;
    };
    observation
        .oracle
        .filter(|oracle| *oracle == Oracle::OneThread)?;
    let alone = measured.alone_ops_per_sec.filter(|&alone| alone > 0.0)?;
    Some(measured.ops_per_sec? < alone)
}

fn has_collapsed(measured: &Measured) -> Option<bool> {
    let alone = measured.alone_ops_per_sec.filter(|&alone| alone > 0.0)?;
    Some(measured.ops_per_sec? < COLLAPSE_FRACTION * alone)
}

#[cfg(test)]
mod tests {
    use livelock_core::verdict::Status;

    use super::super::catalogue::Kind;
    use super::super::score::tests::{edit, observation};
    use super::super::truth::tests::truth;
    use super::*;

    fn positive(oracle: Oracle) -> Observation {
        let mut seen = observation(Kind::Positive, Status::Livelock, Status::Livelock);
        seen.oracle = Some(oracle);
        seen
    }

    #[test]
    fn a_collapse_is_less_than_half_of_one_thread() {
        let mut seen = positive(Oracle::OneThread);
        assert_eq!(is_made(&seen), None);
        edit(&mut seen).alone_ops_per_sec = Some(1000.0);
        assert_eq!(is_made(&seen), None);
        for (ops, wanted) in [
            (499.0, true),
            (500.0, false),
            (999.0, false),
            (4000.0, false),
            (0.0, true),
        ] {
            edit(&mut seen).ops_per_sec = Some(ops);
            assert_eq!(is_made(&seen), Some(wanted), "{ops}");
            assert_eq!(is_retrograde(&seen), Some(ops < 1000.0), "{ops}");
        }
        edit(&mut seen).alone_ops_per_sec = Some(0.0);
        assert_eq!(is_made(&seen), None);
        seen.oracle = None;
        assert_eq!(is_made(&seen), None);
    }

    #[test]
    fn ten_failures_for_one_success_are_a_live_lock() {
        let mut seen = positive(Oracle::FailedTries);
        assert_eq!(is_made(&seen), None);
        for (failed, ops, wanted) in [(100.0, 10.0, true), (99.0, 10.0, false), (5.0, 0.0, true)] {
            edit(&mut seen).truth = Some(truth(ops, failed));
            assert_eq!(is_made(&seen), Some(wanted), "{failed} {ops}");
        }
        edit(&mut seen).truth = Some(truth(0.0, 0.0));
        assert_eq!(is_made(&seen), None);
    }
}
