//! Hard interrupts where ticks cannot see them.
//!
//! In: the books of a window, what the programs timed, whether the kernel keeps the time of interrupts by clock. Out: the
//! same books with that time, or marked as without. Refuses: to take the 0 of ticks that come after the handler for none.

use super::time::{TimeBooks, take_busy};
use crate::probes::{Probe, ProbeGroup};
use crate::thresholds as at;
use crate::window::Window;

/// Completes `books`. Without `CONFIG_IRQ_TIME_ACCOUNTING` a tick that falls due in a handler is taken when that has returned,
/// and books what was interrupted (`irqtime_account_process_tick` is not built, kernel/sched/cputime.c, 5.19 to 7.3).
pub fn complete(books: &mut TimeBooks, window: &Window, is_by_clock: Option<bool>) {
    if is_by_clock != Some(false) || books.is_of_tasks {
        return;
    }
    let Some(timed_ns) = timed_ns(window) else {
        books.hardirq_unseen_ns = books.capacity_ns;
        return;
    };
    let missing_ns = timed_ns.saturating_sub(books.hardirq_ns);
    // What came in while a CPU idled is idle time to the kernel.
    books.hardirq_ns += take_busy(books, missing_ns).0;
}

/// Time in the handlers of devices; `None`: the programs were not there for most of the window.
fn timed_ns(window: &Window) -> Option<u64> {
    let activity = window.activity.as_ref();
    let activity = activity.filter(|seen| seen.sees(Probe::IrqHandlerExit))?;
    let observed_ns = activity.observed_ns(ProbeGroup::Interrupts)?;
    let wall_ns = window.duration_ns();
    let handled_ns: u64 = activity.hardirqs.values().map(|time| time.ns).sum();
    let is_most = observed_ns as f64 >= at::MAJORITY * wall_ns as f64;
    let whole_ns = u128::from(handled_ns) * u128::from(wall_ns) / u128::from(observed_ns.max(1));
    is_most.then(|| u64::try_from(whole_ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{Activity, CountedTime};
    use crate::ids::MonotonicNs;
    use crate::window::WindowBuilder;
    use std::collections::BTreeMap;

    const MS: u64 = 1_000_000;

    fn window(activity: Option<Activity>) -> Window {
        let window = WindowBuilder::new(2).close(MonotonicNs(0), MonotonicNs(100 * MS));
        Window { activity, ..window }
    }

    fn timed(observed_ms: u64) -> Option<Activity> {
        Some(Activity {
            probes: crate::probes::ProbeSet::default().with(Probe::IrqHandlerExit),
            observed_ns: BTreeMap::from([(ProbeGroup::Interrupts, observed_ms * MS)]),
            hardirqs: BTreeMap::from([(36, CountedTime { nr: 9, ns: 30 * MS })]),
            ..Activity::default()
        })
    }

    fn completed(activity: Option<Activity>, is_by_clock: Option<bool>) -> TimeBooks {
        let mut books = TimeBooks {
            capacity_ns: 200 * MS,
            kernel_ns: 200 * MS,
            ..TimeBooks::default()
        };
        complete(&mut books, &window(activity), is_by_clock);
        books
    }

    #[test]
    fn zero_ticks_are_no_zero() {
        let unseen = completed(None, Some(false));
        assert_eq!(unseen.ledger().hardirq_pct, None);
        assert_eq!(unseen.ledger().kernel_pct, Some(100.0));
        for is_by_clock in [Some(true), None] {
            let seen = completed(None, is_by_clock);
            assert_eq!(seen.ledger().hardirq_pct, Some(0.0));
        }
    }

    #[test]
    fn what_was_timed_is_no_kernel_work() {
        let books = completed(timed(100), Some(false));
        assert_eq!((books.hardirq_ns, books.kernel_ns), (30 * MS, 170 * MS));
        assert_eq!(books.ledger().hardirq_pct, Some(15.0));
        let most = completed(timed(60), Some(false));
        assert_eq!(most.hardirq_ns, 50 * MS);
        let little = completed(timed(40), Some(false));
        assert_eq!(little.ledger().hardirq_pct, None);
    }
}
