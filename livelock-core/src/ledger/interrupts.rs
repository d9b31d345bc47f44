//! Hard interrupts where ticks cannot see them.
//!
//! In: the books of a window, what the programs timed, whether the kernel keeps the time of interrupts by clock. Out: the
//! books, marked as without hard interrupts; the time in handlers of devices. Refuses: to take the 0 of ticks that come
//! after the handler for none, and to move timed handlers into the books: nobody tells what they interrupted.

use super::time::TimeBooks;
use crate::activity::Activity;
use crate::probes::{Probe, ProbeGroup};

/// Marks `books`. Without `CONFIG_IRQ_TIME_ACCOUNTING` a tick that falls due in a handler is taken when that has returned,
/// and books what was interrupted (`irqtime_account_process_tick` is not built, kernel/sched/cputime.c, 5.19 to 7.3).
pub const fn mark(books: &mut TimeBooks, is_by_clock: Option<bool>) {
    if matches!(is_by_clock, Some(false)) && !books.is_of_tasks {
        books.hardirq_unseen_ns = books.capacity_ns;
    }
}

/// Time in the handlers of devices, in CPUs; timers and interrupts between CPUs are none. `None`: nobody timed them.
#[must_use]
pub fn device_cpus(activity: &Activity) -> Option<f64> {
    let observed_ns = activity.observed_ns(ProbeGroup::Interrupts)?;
    let handled_ns: u64 = activity.hardirqs.values().map(|time| time.ns).sum();
    activity
        .sees(Probe::IrqHandlerExit)
        .then(|| handled_ns as f64 / observed_ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::CountedTime;
    use crate::probes::ProbeSet;
    use std::collections::BTreeMap;

    #[test]
    fn zero_ticks_are_no_zero() {
        let hardirq_pct = |is_by_clock| {
            let mut books = TimeBooks {
                capacity_ns: 200,
                kernel_ns: 200,
                ..TimeBooks::default()
            };
            mark(&mut books, is_by_clock);
            books.ledger().hardirq_pct
        };
        assert_eq!(hardirq_pct(Some(false)), None);
        assert_eq!(hardirq_pct(Some(true)), Some(0.0));
        assert_eq!(hardirq_pct(None), Some(0.0));
    }

    #[test]
    fn handlers_are_timed_while_somebody_looks() {
        let mut activity = Activity {
            probes: ProbeSet::default().with(Probe::IrqHandlerExit),
            observed_ns: BTreeMap::from([(ProbeGroup::Interrupts, 100)]),
            hardirqs: BTreeMap::from([
                (36, CountedTime { nr: 9, ns: 90 }),
                (37, CountedTime { nr: 1, ns: 60 }),
            ]),
            ..Activity::default()
        };
        assert_eq!(device_cpus(&activity), Some(1.5));
        activity.observed_ns.clear();
        assert_eq!(device_cpus(&activity), None);
    }
}
