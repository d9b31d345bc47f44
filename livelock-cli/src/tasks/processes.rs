//! What a changing set of processes spent together.
//!
//! In: what each living one says at each reading. Out: a sum that only grows. Refuses: to book a reaped child twice,
//! once by itself and once by its parent.

use std::collections::HashMap;

use super::process::{ProcessStat, Spent};

/// The processes of a tree from reading to reading.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes {
    last: Option<HashMap<u32, ProcessStat>>,
    total: Spent,
}

impl Processes {
    /// Takes a reading of all living processes. The first one is where the sum begins.
    ///
    /// A child that ended adds what it spent to what its parent says of reaped children. What was booked of it at
    /// earlier readings is taken off again; what a child spent that nobody reaped, since its last reading, is lost.
    pub(super) fn update(&mut self, now: HashMap<u32, ProcessStat>) -> Spent {
        let is_first = self.last.is_none();
        let last = self.last.replace(HashMap::new()).unwrap_or_default();
        let (mut own, mut reaped) = (Spent::default(), Spent::default());
        for (pid, stat) in &now {
            let before = last
                .get(pid)
                .filter(|before| before.start_ticks == stat.start_ticks);
            let before = match before {
                Some(before) => *before,
                None if is_first => *stat,
                None => ProcessStat::default(),
            };
            own = own.plus(stat.own.less(before.own));
            reaped = reaped.plus(stat.reaped.less(before.reaped));
        }
        let is_alive = |pid: &u32| {
            let same = |now: &ProcessStat| {
                let start = last.get(pid).map(|before| before.start_ticks);
                start.is_none_or(|start| start == now.start_ticks)
            };
            now.get(pid).is_some_and(same)
        };
        for (_, ended) in last.iter().filter(|(pid, _)| !is_alive(pid)) {
            if ends_at_a_member(ended.parent, &last, is_alive) {
                reaped = reaped.less(ended.own.plus(ended.reaped));
            }
        }
        self.total = self.total.plus(own).plus(reaped);
        self.last = Some(now);
        self.total
    }
}

/// Whether `parent` lives, or ended as well and was a descendant of a member that lives.
fn ends_at_a_member(
    parent: u32,
    last: &HashMap<u32, ProcessStat>,
    is_alive: impl Fn(&u32) -> bool,
) -> bool {
    let mut pid = parent;
    for _ in 0..=last.len() {
        if is_alive(&pid) {
            return true;
        }
        match last.get(&pid) {
            Some(ended) => pid = ended.parent,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(parent: u32, user_ticks: u64, reaped_ticks: u64) -> ProcessStat {
        let spent = |user_ticks| Spent {
            user_ticks,
            ..Spent::default()
        };
        ProcessStat {
            parent,
            start_ticks: 1,
            own: spent(user_ticks),
            reaped: spent(reaped_ticks),
            ..ProcessStat::default()
        }
    }

    fn totals(readings: &[&[(u32, ProcessStat)]]) -> Vec<u64> {
        let mut processes = Processes::default();
        let update = |all: &&[(u32, ProcessStat)]| processes.update(all.iter().copied().collect());
        readings
            .iter()
            .map(update)
            .map(|sum| sum.user_ticks)
            .collect()
    }

    #[test]
    fn what_was_spent_before_the_first_reading_does_not_count() {
        let sums = totals(&[&[(1, stat(0, 100, 50))], &[(1, stat(0, 107, 50))]]);
        assert_eq!(sums, [0, 7]);
    }

    #[test]
    fn a_reaped_child_is_booked_once() {
        let sums = totals(&[
            &[(1, stat(0, 0, 0))],
            // Forked since, and seen once.
            &[(1, stat(0, 0, 0)), (2, stat(1, 30, 0))],
            // Reaped with 40; another child came and went between the readings with 5.
            &[(1, stat(0, 0, 45))],
        ]);
        assert_eq!(sums, [0, 30, 45]);
    }

    #[test]
    fn a_child_that_nobody_reaped_takes_nothing_back() {
        let sums = totals(&[
            &[(1, stat(0, 0, 0)), (2, stat(1, 10, 0)), (3, stat(9, 80, 0))],
            &[(1, stat(0, 4, 12))],
        ]);
        assert_eq!(sums, [0, 6]);
    }

    #[test]
    fn an_id_that_comes_round_is_another_process() {
        let other = ProcessStat {
            start_ticks: 2,
            ..stat(1, 3, 0)
        };
        let sums = totals(&[
            &[(1, stat(0, 0, 0)), (2, stat(1, 10, 0))],
            &[(1, stat(0, 0, 11)), (2, other)],
        ]);
        assert_eq!(sums, [0, 4]);
    }

    proptest::proptest! {
        #[test]
        fn the_sum_never_goes_back(
            readings in proptest::collection::vec(
                proptest::collection::hash_map(0u32..6, (0u32..6, 0u64..1000, 0u64..1000), 0..6),
                0..8,
            ),
        ) {
            let mut processes = Processes::default();
            let mut before = 0;
            for reading in readings {
                let now = reading.into_iter().map(|(pid, (parent, own, reaped))| (pid, stat(parent, own, reaped)));
                let sum = processes.update(now.collect()).user_ticks;
                proptest::prop_assert!(sum >= before);
                before = sum;
            }
        }
    }
}
