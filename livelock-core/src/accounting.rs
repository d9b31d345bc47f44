//! The books: `nr_begun = nr_completed + nr_in_flight + sum(lost)`.
//!
//! In: the CPUs' counters since attach, the kernel's recursion misses, the open waits. Out:
//! [`Accounting`]. Refuses: hiding a difference; it is `unaccounted`.

use std::collections::BTreeMap;

use crate::event::{CpuCounters, DetailLossCause, LossCause};
use crate::verdict::Accounting;

impl LossCause {
    /// Name in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nested => "nested",
            Self::TooDeep => "too_deep",
            Self::EndMissed => "end_missed",
            Self::TaskSlotsFull => "task_slots_full",
            Self::NestedSleep => "nested_sleep",
            Self::RecursionMiss => "recursion_miss",
        }
    }
}

impl DetailLossCause {
    /// Name in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WaitRingFull => "wait_ring_full",
            Self::StackRingFull => "stack_ring_full",
            Self::SampleRingFull => "sample_ring_full",
            Self::ReleaseRingFull => "release_ring_full",
            Self::CallRingFull => "call_ring_full",
            Self::StackFailed => "stack_failed",
            Self::LockTableFull => "lock_table_full",
            Self::FoldBacklog => "fold_backlog",
            Self::TornSnapshot => "torn_snapshot",
            Self::Undecodable => "undecodable",
            Self::UnattributedMiss => "unattributed_miss",
            Self::UserStackRingFull => "user_stack_ring_full",
        }
    }
}

/// Sums the books of all CPUs. Recursion misses are begins that no program saw: they are begun and
/// lost.
#[must_use]
pub fn balance<'a>(
    cpus: impl IntoIterator<Item = &'a CpuCounters>,
    nr_recursion_misses: Option<u64>,
    nr_in_flight: u64,
    nr_undecodable: u64,
) -> Accounting {
    let mut books = Accounting {
        nr_in_flight,
        ..Accounting::default()
    };
    for cpu in cpus {
        books.nr_begun += cpu.nr_begun;
        books.nr_completed += cpu.nr_completed;
        add_by_name(&mut books.lost, &cpu.lost, |cause| cause.name());
        add_by_name(&mut books.detail_lost, &cpu.detail_lost, |cause| {
            cause.name()
        });
    }
    if let Some(nr_missed) = nr_recursion_misses.filter(|&nr| nr > 0) {
        books.nr_begun += nr_missed;
        *books
            .lost
            .entry(LossCause::RecursionMiss.name().to_owned())
            .or_default() += nr_missed;
    }
    if nr_undecodable > 0 {
        let cause = DetailLossCause::Undecodable.name().to_owned();
        books.detail_lost.insert(cause, nr_undecodable);
    }
    let nr_explained = books.nr_completed + books.nr_in_flight + nr_lost(&books);
    books.unaccounted = books.nr_begun as i64 - nr_explained as i64;
    books
}

/// Waits lost by all causes.
#[must_use]
pub fn nr_lost(books: &Accounting) -> u64 {
    books.lost.values().sum()
}

/// `books` without what was in them at `before`. Waits that were open then are begun anew, so that the books still close.
#[must_use]
pub fn since(mut books: Accounting, before: &Accounting) -> Accounting {
    let nr_begun_before = before.nr_begun.saturating_sub(before.nr_in_flight);
    books.nr_begun = books.nr_begun.saturating_sub(nr_begun_before);
    books.nr_completed = books.nr_completed.saturating_sub(before.nr_completed);
    books.unaccounted -= before.unaccounted;
    subtract_by_name(&mut books.lost, &before.lost);
    subtract_by_name(&mut books.detail_lost, &before.detail_lost);
    books
}

fn subtract_by_name(sums: &mut BTreeMap<String, u64>, before: &BTreeMap<String, u64>) {
    for (cause, nr) in before {
        if let Some(sum) = sums.get_mut(cause) {
            *sum = sum.saturating_sub(*nr);
        }
    }
    sums.retain(|_, sum| *sum > 0);
}

fn add_by_name<C: Copy>(
    sums: &mut BTreeMap<String, u64>,
    counts: &BTreeMap<C, u64>,
    name: impl Fn(C) -> &'static str,
) {
    for (&cause, &nr) in counts {
        if nr > 0 {
            *sums.entry(name(cause).to_owned()).or_default() += nr;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cpu(nr_begun: u64, nr_completed: u64, nr_nested: u64) -> CpuCounters {
        CpuCounters {
            nr_begun,
            nr_completed,
            lost: BTreeMap::from([(LossCause::Nested, nr_nested)]),
            ..CpuCounters::default()
        }
    }

    #[test]
    fn a_piece_has_books_of_its_own_that_close() {
        let before = balance(&[cpu(100, 90, 3)], Some(4), 6, 0);
        assert_eq!(before.unaccounted, 1, "one moved while it was read");
        let after = balance(&[cpu(150, 141, 5)], Some(4), 4, 0);
        assert_eq!(after.unaccounted, 0);
        let piece = since(after, &before);
        assert_eq!(
            (piece.nr_begun, piece.nr_completed, piece.nr_in_flight),
            (56, 51, 4)
        );
        assert_eq!(piece.lost, BTreeMap::from([("nested".to_owned(), 2)]));
        let nr_explained = piece.nr_completed + piece.nr_in_flight + nr_lost(&piece);
        assert_eq!(
            piece.nr_begun as i64 - nr_explained as i64,
            piece.unaccounted
        );
    }

    #[test]
    fn a_missing_wait_is_unaccounted() {
        let cpus = [cpu(100, 90, 3), cpu(50, 50, 0)];
        assert_eq!(balance(&cpus, Some(4), 7, 0).unaccounted, 0);
        assert_eq!(balance(&cpus, Some(4), 6, 0).unaccounted, 1);
        assert_eq!(balance(&cpus, Some(4), 8, 0).unaccounted, -1);
    }

    #[test]
    fn recursion_misses_are_begun_and_lost() {
        let books = balance(&[cpu(10, 10, 0)], Some(4), 0, 0);
        assert_eq!(books.nr_begun, 14);
        assert_eq!(books.lost.get("recursion_miss"), Some(&4));
        assert_eq!(balance(&[cpu(10, 10, 0)], None, 0, 0).lost.len(), 0);
    }

    proptest! {
        #[test]
        fn books_of_consistent_cpus_balance(
            parts in prop::collection::vec((0u64..1 << 40, 0u64..1 << 20, 0u64..64), 0..64),
            nr_missed in prop::option::of(0u64..1 << 30),
        ) {
            let cpus: Vec<_> = parts.iter().map(|&(done, lost, open)| cpu(done + lost + open, done, lost)).collect();
            let nr_open = parts.iter().map(|part| part.2).sum();
            let books = balance(&cpus, nr_missed, nr_open, 0);
            prop_assert_eq!(books.unaccounted, 0);
            prop_assert_eq!(books.nr_begun, books.nr_completed + books.nr_in_flight + nr_lost(&books));
        }
    }
}
