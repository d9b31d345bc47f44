//! Whether a verdict has the right class.
//!
//! In: observations. Out: right, wrong or not judged, once where somebody is accused and once whatever the status; which class
//! was told for which. Refuses: to count a class that the verdict lists beside its cause.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use livelock_core::verdict::{CauseClass, Status};
use serde::{Deserialize, Serialize};

use super::catalogue::Kind;
use super::observation::{Measured, Observation, Outcome};
use super::oracle;

/// Which of these applies to one lock depends on how long CPUs lose their lock holders: on the time
/// slices of the emulator. They are one answer, but for the exact figures.
const ONE_LOCK: &[CauseClass] = &[
    CauseClass::SpinCollapse,
    CauseClass::HolderPreemption,
    CauseClass::LongHold,
];

/// Classes of business: a verdict must tell them also where it accuses nobody.
const BUSINESS: &[CauseClass] = &[
    CauseClass::UserSpin,
    CauseClass::LegitimatePolling,
    CauseClass::SlowClock,
    CauseClass::UserCompute,
    CauseClass::KernelWork,
    CauseClass::None,
];

/// Was the class right? None where it is not judged: without an accusation, unless the class is one of
/// business, and in a control.
pub(super) fn is_right(observation: &Observation) -> Option<bool> {
    Some(is_alike(
        accused_or_business(observation)?.class,
        observation.class,
    ))
}

/// The same with the three classes of one lock told apart.
pub(super) fn is_exact(observation: &Observation) -> Option<bool> {
    Some(accused_or_business(observation)?.class == observation.class)
}

/// Was the class right, whatever the status? A verdict that is `healthy` or cannot tell has a class as well, mostly `none`, which
/// is wrong unless the catalogue says so too. None without a verdict, and in a control.
pub(super) fn is_right_of_all(observation: &Observation) -> Option<bool> {
    Some(is_alike(made(observation)?.class, observation.class))
}

/// The same with the three classes of one lock told apart.
pub(super) fn is_exact_of_all(observation: &Observation) -> Option<bool> {
    Some(made(observation)?.class == observation.class)
}

fn is_alike(told: CauseClass, expected: CauseClass) -> bool {
    told == expected || (ONE_LOCK.contains(&told) && ONE_LOCK.contains(&expected))
}

/// The verdict of a load that came about, as far as it was asked: what was not made has no class to be told.
pub(super) fn made(observation: &Observation) -> Option<&Measured> {
    uncontrolled(observation).filter(|_| !oracle::is_not_made(observation))
}

/// The verdict, unless it is a control's: what its spinlocks cannot make has no class.
pub(super) fn uncontrolled(observation: &Observation) -> Option<&Measured> {
    match &observation.outcome {
        Outcome::Measured(measured) => (!observation.is_control).then_some(measured),
        Outcome::NotMeasured { .. } => None,
    }
}

/// The verdict, if it accuses somebody.
pub(super) fn accused(observation: &Observation) -> Option<&Measured> {
    uncontrolled(observation)
        .filter(|measured| measured.status.severity() >= Status::Contended.severity())
}

/// The verdict, if it accuses somebody or must tell what business it is.
pub(super) fn accused_or_business(observation: &Observation) -> Option<&Measured> {
    let is_business = observation.kind == Kind::LookAlike && BUSINESS.contains(&observation.class);
    if is_business {
        uncontrolled(observation)
    } else {
        accused(observation)
    }
}

/// Verdicts that told one class for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Confused {
    /// The catalogue's.
    pub(super) expected: CauseClass,
    /// The verdict's.
    pub(super) told: CauseClass,
    /// Verdicts.
    pub(super) nr: u32,
    /// Both are of one lock, so that it counts as right but for the exact figures.
    pub(super) is_of_one_lock: bool,
}

/// All verdicts whose class is not exactly the catalogue's, whatever their status; the most frequent first.
pub(super) fn confusion(observations: &[Observation]) -> Vec<Confused> {
    let mut counts: BTreeMap<(CauseClass, CauseClass), u32> = BTreeMap::new();
    for observation in observations {
        if let Some(measured) = made(observation)
            && measured.class != observation.class
        {
            *counts
                .entry((observation.class, measured.class))
                .or_default() += 1;
        }
    }
    let mut confused: Vec<_> = counts
        .into_iter()
        .map(|((expected, told), nr)| Confused {
            expected,
            told,
            nr,
            is_of_one_lock: is_alike(told, expected),
        })
        .collect();
    // Stable: those as frequent stay in the order of the classes.
    confused.sort_by_key(|it| Reverse(it.nr));
    confused
}

#[cfg(test)]
mod tests {
    use super::super::score::tests::{edit, observation};
    use super::*;

    fn boundary(class: CauseClass, status: Status, told: CauseClass) -> Observation {
        let mut seen = observation(Kind::Boundary, Status::Contended, status);
        seen.class = class;
        edit(&mut seen).class = told;
        seen
    }

    #[test]
    fn classes_are_judged_where_somebody_is_accused() {
        let mut seen = observation(Kind::Positive, Status::Livelock, Status::Contended);
        assert_eq!(is_right(&seen), Some(true));
        edit(&mut seen).class = CauseClass::HolderPreemption;
        assert_eq!(is_right(&seen), Some(true));
        edit(&mut seen).class = CauseClass::FutexBucket;
        assert_eq!(is_right(&seen), Some(false));
        edit(&mut seen).status = Status::Busy;
        assert_eq!(is_right(&seen), None);
        seen.class = CauseClass::FutexBucket;
        edit(&mut seen).status = Status::Livelock;
        edit(&mut seen).class = CauseClass::SpinCollapse;
        assert_eq!(is_right(&seen), Some(false));
    }

    #[test]
    fn business_is_judged_without_an_accusation() {
        let mut busy = observation(Kind::LookAlike, Status::Busy, Status::Busy);
        assert_eq!(is_right(&busy), None);
        busy.class = CauseClass::UserCompute;
        assert_eq!(is_right(&busy), Some(false));
        edit(&mut busy).class = CauseClass::UserCompute;
        assert_eq!(is_right(&busy), Some(true));
    }

    #[test]
    fn a_busy_boundary_must_have_its_class_as_well() {
        use CauseClass::{AtomicHotLine, KernelWork, None as Nothing};
        let wrong = boundary(AtomicHotLine, Status::Busy, KernelWork);
        assert_eq!(
            (is_right(&wrong), is_right_of_all(&wrong)),
            (None, Some(false))
        );
        let right = boundary(AtomicHotLine, Status::Busy, AtomicHotLine);
        assert_eq!(
            (is_right(&right), is_right_of_all(&right)),
            (None, Some(true))
        );
        for status in [Status::Healthy, Status::CannotTell] {
            let untold = boundary(AtomicHotLine, status, Nothing);
            assert_eq!(is_right_of_all(&untold), Some(false));
            let nothing = boundary(Nothing, status, Nothing);
            assert_eq!(is_right_of_all(&nothing), Some(true));
        }
    }

    #[test]
    fn what_has_no_verdict_or_is_a_control_has_no_class() {
        let mut control = observation(Kind::Positive, Status::Livelock, Status::Contended);
        control.is_control = true;
        let mut lost = observation(Kind::Positive, Status::Livelock, Status::Busy);
        lost.outcome = Outcome::NotMeasured {
            reason: "the guest died".to_owned(),
        };
        for seen in [&control, &lost] {
            assert_eq!(is_right_of_all(seen), None);
            assert_eq!(is_exact_of_all(seen), None);
            assert_eq!(is_exact(seen), None);
        }
        assert_eq!(confusion(&[control, lost]), []);
    }

    #[test]
    fn the_classes_of_one_lock_are_told_apart_in_the_exact_figures() {
        let mut seen = observation(Kind::Positive, Status::Livelock, Status::Livelock);
        assert_eq!(
            (is_exact(&seen), is_exact_of_all(&seen)),
            (Some(true), Some(true))
        );
        edit(&mut seen).class = CauseClass::HolderPreemption;
        assert_eq!(
            (is_right(&seen), is_exact(&seen)),
            (Some(true), Some(false))
        );
        assert_eq!(
            (is_right_of_all(&seen), is_exact_of_all(&seen)),
            (Some(true), Some(false))
        );
        edit(&mut seen).status = Status::Busy;
        assert_eq!(
            (is_exact(&seen), is_exact_of_all(&seen)),
            (None, Some(false))
        );
    }

    #[test]
    fn wrong_classes_are_counted_by_pair() {
        use CauseClass::{HolderPreemption, KernelWork, Rcu, SpinCollapse};
        let all = [
            boundary(SpinCollapse, Status::Contended, HolderPreemption),
            boundary(Rcu, Status::Busy, KernelWork),
            boundary(Rcu, Status::Contended, KernelWork),
            boundary(KernelWork, Status::Busy, Rcu),
            boundary(Rcu, Status::Busy, Rcu),
        ];
        let told = confusion(&all);
        let rows: Vec<_> = told
            .iter()
            .map(|it| (it.expected, it.told, it.nr, it.is_of_one_lock))
            .collect();
        assert_eq!(
            rows,
            [
                (Rcu, KernelWork, 2, false),
                (SpinCollapse, HolderPreemption, 1, true),
                (KernelWork, Rcu, 1, false),
            ]
        );
    }
}
