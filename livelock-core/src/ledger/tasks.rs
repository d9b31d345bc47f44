//! The time of the tasks of a scope.
//!
//! In: a window about tasks. Out: its first books. Refuses: interrupts, steal and lost ticks, which belong to no
//! task; the ledger shows them as unknown.

use crate::ledger::time::TimeBooks;
use crate::tasks::TaskCounters;
use crate::window::Window;

/// The books of `tasks` before waste is told from work.
pub(super) fn of_tasks(window: &Window, tasks: &TaskCounters) -> TimeBooks {
    let idle_ns = window.cpu_times.values().map(|t| t.idle_ns + t.iowait_ns);
    let idle_ns = (!window.cpu_times.is_empty()).then(|| idle_ns.sum());
    let capacity_ns = tasks.capacity_ns(window.duration_ns(), window.nr_cpus_online, idle_ns);
    let own = window.own.filter(|_| tasks.has_own);
    let own_user_ns = own.map_or(0, |own| own.user_ns).min(tasks.user_ns);
    let own_system_ns = own.map_or(0, |own| own.system_ns).min(tasks.system_ns);
    TimeBooks {
        is_of_tasks: true,
        capacity_ns,
        idle_ns: capacity_ns.saturating_sub(tasks.cpu_ns()),
        own_ns: own_user_ns + own_system_ns,
        user_ns: tasks.user_ns - own_user_ns,
        kernel_ns: tasks.system_ns - own_system_ns,
        ..TimeBooks::default()
    }
}
