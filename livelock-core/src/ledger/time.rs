//! The time ledger: each nanosecond of each CPU booked once.
//!
//! In: a window. Out: [`TimeBooks`], which add up over windows. Refuses: to believe in ticks alone; an overcommitted guest loses 20 to 78 % of them.

use crate::event::{CpuTimes, OwnProcess};
use crate::ledger::holder::idle_holder_ns;
use crate::ledger::profile::Profile;
use crate::ledger::samples::SampleCounts;
use crate::ledger::tasks::of_tasks;
use crate::ledger::waits;
use crate::ledger::waste;
use crate::tasks::Subject;
use crate::thresholds::NR_MIN_SAMPLES;
use crate::window::Window;

pub use crate::ledger::books::TimeBooks;

/// The time of the CPUs with these times before waste is told from work. `own`: what of it was this process.
pub(super) fn of_cpus<'times>(
    cpu_times: impl IntoIterator<Item = &'times CpuTimes>,
    wall_ns: u64,
    own: Option<&OwnProcess>,
) -> TimeBooks {
    let mut books = TimeBooks::default();
    let mut ticked = CpuTimes::default();
    for times in cpu_times {
        let idle_ns = (times.idle_ns + times.iowait_ns).min(wall_ns);
        let steal_ns = times.steal_ns.min(wall_ns - idle_ns);
        let busy_ticks_ns = times.user_ns + times.system_ns + times.hardirq_ns + times.softirq_ns;
        books.capacity_ns += wall_ns;
        books.idle_ns += idle_ns;
        books.steal_ns += steal_ns;
        books.lost_ticks_ns += wall_ns.saturating_sub(idle_ns + steal_ns + busy_ticks_ns);
        ticked.user_ns += times.user_ns;
        ticked.system_ns += times.system_ns;
        ticked.hardirq_ns += times.hardirq_ns;
        ticked.softirq_ns += times.softirq_ns;
    }
    // The tool is not what the host is busy with, least of all while it reads its symbols.
    if let Some(own) = own {
        books.own_ns = own.cpu_ns().min(books.busy_ns());
        ticked.user_ns = ticked.user_ns.saturating_sub(own.user_ns);
        ticked.system_ns = ticked.system_ns.saturating_sub(own.system_ns);
    }
    spread_busy(&mut books, &ticked);
    books
}

/// The books of one window; `None` without both snapshots of `/proc/stat` (or of the tasks of the scope) and of the
/// programs. `arch`: as `uname -m` says, for what system calls are called.
#[must_use]
pub fn book(
    window: &Window,
    counts: &SampleCounts,
    profile: &Profile,
    arch: &str,
) -> Option<TimeBooks> {
    if window.duration_ns() == 0 {
        return None;
    }
    let traced_ns = window.traced_spin_ns?;
    let mut books = match &window.subject {
        // Without both snapshots of `/proc/stat` nothing is known of them.
        Subject::Cpus if window.cpu_times.is_empty() => return None,
        Subject::Cpus => of_cpus(
            window.cpu_times.values(),
            window.duration_ns(),
            window.own.as_ref(),
        ),
        Subject::Tasks(tasks) => of_tasks(window, tasks.as_ref()?),
    };
    books.samples = *counts;
    let nr_samples = books.samples.nr_busy;
    let off = waits::off(window, profile, &books);
    let is_told = off.is_told;
    let off = off.sum();
    let burned_ns = traced_ns
        .saturating_sub(off.stolen_ns)
        .saturating_sub(off.halted_ns);
    // Two clocks and a clamped window: waits cannot exceed the time the CPUs were busy. Ticks book a waiter that stands
    // halted as the kernel time of its task.
    let (halted_ns, unhalted_ns) = take_busy(&mut books, off.halted_ns);
    let (booked_ns, left_ns) = take_busy(&mut books, burned_ns);
    books.halted_ns += halted_ns;
    books.traced_spin_ns += booked_ns;
    books.halt_unseen_ns = if is_told { 0 } else { booked_ns };
    books.conflict_ns += unhalted_ns + left_ns;
    if nr_samples >= NR_MIN_SAMPLES {
        books.sampled_capacity_ns = books.capacity_ns;
        let share = books.samples.nr_untraced_spin as f64 / nr_samples as f64;
        let untraced_ns = (books.busy_ns() as f64 * share) as u64;
        books.untraced_spin_ns += take_busy(&mut books, untraced_ns).0;
        let of_untraced = |share: f64| (books.untraced_spin_ns as f64 * share) as u64;
        let nr = counts.nr_untraced_spin;
        let corroborated_ns = of_untraced(waste::corroborated_share(window, profile, nr));
        let ipi_ns = of_untraced(waste::ipi_share(window, profile, nr));
        books.corroborated_ns = corroborated_ns;
        books.ipi_ns = ipi_ns.min(books.untraced_spin_ns - corroborated_ns);
    }
    let in_vain = waste::in_vain(window, profile, &books, arch);
    books.reclaim_ns += take_busy(&mut books, in_vain.reclaim_ns).0;
    books.receive_ns += take_busy(&mut books, in_vain.receive_ns).0;
    books.fault_ns += take_busy(&mut books, in_vain.fault_ns).0;
    books.retry_ns += take_busy(&mut books, in_vain.retry_ns).0;
    books.holder_ns = idle_holder_ns(window, &books);
    Some(books)
}

/// Spreads the busy time, which the clock knows, over what the ticks that did arrive saw.
fn spread_busy(books: &mut TimeBooks, ticked: &CpuTimes) {
    let busy_ns = books.busy_ns();
    let ticks_ns = ticked.user_ns + ticked.system_ns + ticked.hardirq_ns + ticked.softirq_ns;
    if ticks_ns == 0 {
        books.unknown_ns = busy_ns;
        books.unticked_ns = busy_ns;
        return;
    }
    let scaled = |ns: u64| {
        let exact = u128::from(busy_ns) * u128::from(ns) / u128::from(ticks_ns);
        u64::try_from(exact).unwrap_or(busy_ns)
    };
    books.user_ns = scaled(ticked.user_ns);
    books.hardirq_ns = scaled(ticked.hardirq_ns);
    books.softirq_ns = scaled(ticked.softirq_ns);
    // The rest takes the rounding, so that the sum is exact.
    books.kernel_ns = busy_ns
        .saturating_sub(books.user_ns)
        .saturating_sub(books.hardirq_ns)
        .saturating_sub(books.softirq_ns);
}

/// Takes up to `wanted_ns` from where ticks booked it: kernel first, then what nobody knew, then
/// interrupts. Never from user time: the user share must stay a signal of its own. Gives what was taken, and
/// what could not be.
pub(super) fn take_busy(books: &mut TimeBooks, wanted_ns: u64) -> (u64, u64) {
    let mut left_ns = wanted_ns;
    for source_ns in [
        &mut books.kernel_ns,
        &mut books.unknown_ns,
        &mut books.softirq_ns,
        &mut books.hardirq_ns,
    ] {
        let moved_ns = left_ns.min(*source_ns);
        *source_ns -= moved_ns;
        left_ns -= moved_ns;
    }
    (wanted_ns - left_ns, left_ns)
}

/// `part / whole`; `None` of nothing.
#[must_use]
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
