//! What got worse.
//!
//! In: an earlier report and this one. Out: one line for each scenario and figure that is worse.
//! Refuses: to compare what only one of them has measured.

use std::collections::BTreeMap;

use super::oracle;
use super::report::{Judged, Report};
use super::score::Grade;

/// Kernel, CPUs, scenario.
type Key<'a> = (&'a str, u32, &'a str);

/// Runs of one scenario, and in how many of them each answer was right.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    status: Counted,
    class: Counted,
    class_of_all: Counted,
    place: Counted,
    strict_place: Counted,
    holder: Counted,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    nr_right: u32,
    nr_judged: u32,
}

impl Counted {
    fn add(&mut self, is_right: bool) {
        self.nr_right += u32::from(is_right);
        self.nr_judged += 1;
    }

    /// Is the share of right answers smaller than it was? Shares are compared as fractions.
    fn is_worse_than(self, before: Self) -> bool {
        self.nr_judged > 0
            && before.nr_judged > 0
            && u64::from(self.nr_right) * u64::from(before.nr_judged)
                < u64::from(before.nr_right) * u64::from(self.nr_judged)
    }
}

/// One line for everything that got worse.
pub(super) fn worse(before: &Report, now: &Report) -> Vec<String> {
    let before_tallies = tallies(before);
    let mut lines = Vec::new();
    for ((kernel, nr_cpus, scenario), tally) in tallies(now) {
        let Some(old) = before_tallies.get(&(kernel, nr_cpus, scenario)) else {
            continue;
        };
        for (what, now, old) in [
            ("status", tally.status, old.status),
            ("class", tally.class, old.class),
            (
                "class, whatever the status,",
                tally.class_of_all,
                old.class_of_all,
            ),
            ("place", tally.place, old.place),
            ("lock and caller", tally.strict_place, old.strict_place),
            ("holder", tally.holder, old.holder),
        ] {
            if now.is_worse_than(old) {
                lines.push(format!(
                    "kernel {kernel}, {nr_cpus} CPUs, {scenario}: {what} right in {} of {}, was {} of {}",
                    now.nr_right, now.nr_judged, old.nr_right, old.nr_judged
                ));
            }
        }
    }
    lines
}

fn tallies(report: &Report) -> BTreeMap<Key<'_>, Tally> {
    let mut tallies: BTreeMap<Key<'_>, Tally> = BTreeMap::new();
    for cell in &report.cells {
        for judged in &cell.observations {
            let scenario = judged.observation.scenario.as_str();
            let key = (cell.kernel.as_str(), cell.nr_cpus, scenario);
            add(tallies.entry(key).or_default(), judged);
        }
    }
    tallies
}

fn add(tally: &mut Tally, judged: &Judged) {
    let is_judged = !matches!(judged.grade, Grade::NotMeasured | Grade::Retrograde);
    if is_judged && !oracle::is_not_made(&judged.observation) {
        tally.status.add(judged.grade == Grade::Right);
    }
    for (counted, is_right) in [
        (&mut tally.class, judged.class_is_right),
        (&mut tally.class_of_all, judged.class_of_all_is_right),
        (&mut tally.place, judged.place_is_right),
        (&mut tally.strict_place, judged.place_is_strictly_right),
        (&mut tally.holder, judged.holder_is_right),
    ] {
        if let Some(is_right) = is_right {
            counted.add(is_right);
        }
    }
}

#[cfg(test)]
mod tests {
    use livelock_core::verdict::{CauseClass, Status};

    use super::super::catalogue::Kind;
    use super::super::score::tests::{edit, observation};
    use super::*;

    fn report(statuses: &[Status]) -> Report {
        let mut report = Report::new(5, false);
        let observations = statuses
            .iter()
            .map(|&status| observation(Kind::Positive, Status::Livelock, status))
            .collect();
        report.add("6.1", 4, observations);
        report
    }

    #[test]
    fn a_lower_share_is_worse_and_an_equal_one_is_not() {
        let found = report(&[Status::Livelock]);
        let half = report(&[Status::Livelock, Status::Contended]);
        assert_eq!(worse(&found, &found), Vec::<String>::new());
        assert_eq!(worse(&half, &found), Vec::<String>::new());
        let lines = worse(&found, &half);
        assert_eq!(
            lines,
            ["kernel 6.1, 4 CPUs, fd-table: status right in 1 of 2, was 1 of 1"]
        );
    }

    #[test]
    fn what_only_one_has_is_not_compared() {
        let found = report(&[Status::Livelock]);
        let mut other = Report::new(5, false);
        other.add(
            "7.3",
            4,
            vec![observation(Kind::Positive, Status::Livelock, Status::Busy)],
        );
        assert_eq!(worse(&found, &other), Vec::<String>::new());
        assert_eq!(worse(&found, &report(&[])), Vec::<String>::new());
    }

    #[test]
    fn a_class_that_was_right_without_an_accusation_may_get_worse() {
        let with_class = |class| {
            let mut busy = observation(Kind::Boundary, Status::Contended, Status::Busy);
            busy.class = CauseClass::AtomicHotLine;
            edit(&mut busy).class = class;
            let mut report = Report::new(5, false);
            report.add("6.1", 4, vec![busy]);
            report
        };
        let (right, wrong) = (
            with_class(CauseClass::AtomicHotLine),
            with_class(CauseClass::KernelWork),
        );
        assert_eq!(
            worse(&right, &wrong),
            [
                "kernel 6.1, 4 CPUs, fd-table: class, whatever the status, right in 0 of 1, was 1 of 1"
            ]
        );
        assert_eq!(worse(&wrong, &right), Vec::<String>::new());
    }
}
