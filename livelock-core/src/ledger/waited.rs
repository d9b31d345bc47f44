//! What of the traced waits of a window burned.
//!
//! In: a window and its books. Out: the part that burned, and the part for which waiters stood halted, of any of its
//! waits. Refuses: single waits; only of all together is it known.

use crate::ledger::time::TimeBooks;
use crate::window::Window;

/// Traced waits and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// By the clock of the tracepoints.
    waited_ns: u64,
    burned_ns: u64,
    halted_ns: u64,
}

impl Waited {
    /// Of all CPUs, or of the tasks of the scope.
    #[must_use]
    pub fn of(window: &Window, books: &TimeBooks) -> Self {
        // What CPUs and what locks add up to is read at moments that are not quite the same.
        let by_lock_ns: u64 = window.locks.iter().map(|lock| lock.spin_ns).sum();
        Self {
            waited_ns: window.traced_spin_ns.unwrap_or(0).max(by_lock_ns),
            burned_ns: books.traced_spin_ns,
            halted_ns: books.halted_ns,
        }
    }

    /// What burned of `ns` that were waited. Of all locks together no more than the window's traced spin.
    #[must_use]
    pub fn burned_of(&self, ns: u64) -> u64 {
        self.part(self.burned_ns, ns)
    }

    /// What waiters stood halted for of `ns` that were waited.
    #[must_use]
    pub fn halted_of(&self, ns: u64) -> u64 {
        self.part(self.halted_ns, ns)
    }

    /// The part that burned; `None` if nobody waited.
    #[must_use]
    pub fn burned_part(&self) -> Option<f64> {
        super::time::share(self.burned_ns, self.waited_ns)
    }

    fn part(&self, part_ns: u64, ns: u64) -> u64 {
        let product = u128::from(ns) * u128::from(part_ns);
        let exact = product.checked_div(u128::from(self.waited_ns));
        u64::try_from(exact.unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_parts_never_exceed_the_whole() {
        let waited = Waited {
            waited_ns: 100,
            burned_ns: 33,
            halted_ns: 50,
        };
        let locks = [7, 11, 82];
        assert!(locks.map(|ns| waited.burned_of(ns)).iter().sum::<u64>() <= 33);
        assert!(locks.map(|ns| waited.halted_of(ns)).iter().sum::<u64>() <= 50);
        assert_eq!((waited.burned_of(100), waited.halted_of(100)), (33, 50));
        assert_eq!(Waited::default().burned_of(7), 0);
        assert_eq!(Waited::default().burned_part(), None);
    }
}
