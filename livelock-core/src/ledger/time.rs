//! The time ledger: each nanosecond of each CPU booked once.
//!
//! In: a window. Out: [`TimeBooks`], which add up over windows, and from them a
//! [`TimeLedger`]. Refuses: to believe in ticks alone; an overcommitted guest loses 20 to 78 % of them.

use crate::event::{CpuTimes, OwnProcess};
use crate::ledger::holder::idle_holder_ns;
use crate::ledger::profile::Profile;
use crate::ledger::samples::SampleCounts;
use crate::ledger::stolen::stolen_spin_ns;
use crate::ledger::tasks::of_tasks;
use crate::ledger::waste;
use crate::tasks::Subject;
use crate::thresholds::NR_MIN_SAMPLES;
use crate::verdict::TimeLedger;
use crate::window::Window;

/// Nanoseconds of all CPUs, or of what the tasks of a scope could use. `capacity = idle + steal + own + busy`, and `busy` is the sum of the others but
/// `lost_ticks_ns`, which overlaps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeBooks {
    /// Of tasks: what belongs to no task is unknown.
    pub is_of_tasks: bool,
    /// Wall time of the CPUs whose times are known.
    pub capacity_ns: u64,
    /// Idle and waiting for I/O.
    pub idle_ns: u64,
    /// Taken by the hypervisor.
    pub steal_ns: u64,
    /// Our own process.
    pub own_ns: u64,
    /// User.
    pub user_ns: u64,
    /// Kernel work without spin.
    pub kernel_ns: u64,
    /// Spin seen by tracepoints.
    pub traced_spin_ns: u64,
    /// Spin seen by samples only.
    pub untraced_spin_ns: u64,
    /// Of that, what a second signal speaks for.
    pub corroborated_ns: u64,
    /// Of the untraced spin, waits for other CPUs to answer that counted calls speak for. They end, so that they
    /// are waste, but no sign that nothing is achieved.
    pub ipi_ns: u64,
    /// Page faults that did not get past themselves.
    pub fault_ns: u64,
    /// Kernel loops that retry while nothing comes back to user mode.
    pub retry_ns: u64,
    /// Reclaim and compaction that freed next to nothing.
    pub reclaim_ns: u64,
    /// Receiving of packets that were thrown away.
    pub receive_ns: u64,
    /// Hard interrupts.
    pub hardirq_ns: u64,
    /// Capacity of the windows in which ticks could not see hard interrupts.
    pub hardirq_unseen_ns: u64,
    /// Soft interrupts.
    pub softirq_ns: u64,
    /// Busy by clock, while no tick said with what.
    pub unknown_ns: u64,
    /// Busy time of the windows without a tick, whatever it was booked as later.
    pub unticked_ns: u64,
    /// Spin that the tracepoints claim beyond what the ticks leave for it: one of the two is wrong.
    pub conflict_ns: u64,
    /// Wall time that no counter booked.
    pub lost_ticks_ns: u64,
    /// Time of the holders of locks that were never free and stood still, which overlaps the others.
    pub holder_ns: u64,
    /// Capacity of the windows with enough samples to speak of untraced spin.
    pub sampled_capacity_ns: u64,
    /// Samples.
    pub samples: SampleCounts,
}

impl TimeBooks {
    /// Busy time.
    #[must_use]
    pub const fn busy_ns(&self) -> u64 {
        self.capacity_ns
            .saturating_sub(self.idle_ns)
            .saturating_sub(self.steal_ns)
            .saturating_sub(self.own_ns)
    }

    /// Time spun away.
    #[must_use]
    pub const fn spin_ns(&self) -> u64 {
        self.traced_spin_ns + self.untraced_spin_ns
    }

    /// Time spun away or otherwise in vain.
    #[must_use]
    pub const fn waste_ns(&self) -> u64 {
        self.spin_ns() + self.reclaim_ns + self.receive_ns + self.fault_ns + self.retry_ns
    }

    /// Waste that does not rest on samples alone.
    #[must_use]
    pub const fn agreed_waste_ns(&self) -> u64 {
        self.waste_ns() - self.untraced_spin_ns + self.corroborated_ns
    }

    /// Waste that two signals speak for, waits for other CPUs included.
    #[must_use]
    pub const fn seen_twice_ns(&self) -> u64 {
        self.agreed_waste_ns() + self.ipi_ns
    }

    /// `waste / busy`; `None` if nothing was busy.
    #[must_use]
    pub fn omega(&self) -> Option<f64> {
        share(self.waste_ns(), self.busy_ns())
    }

    /// `waste / busy` without the CPUs that hold locks which are never free and stand still; `None` without such a
    /// lock. Waits for other CPUs are left out.
    #[must_use]
    pub fn waiter_omega(&self) -> Option<f64> {
        let waiters_ns = self.busy_ns().saturating_sub(self.holder_ns);
        share(self.waste_ns() - self.ipi_ns, waiters_ns)
            .filter(|_| self.holder_ns > 0)
            .map(|omega| omega.min(1.0))
    }

    /// User share of busy time; `None` if nothing was busy, or nothing said what it was busy with. Where no
    /// tick arrived, samples may have: their timer is another one.
    #[must_use]
    pub fn user_share(&self) -> Option<f64> {
        if self.unticked_ns > 0 && self.user_ns == 0 {
            let is_enough = self.samples.nr_busy >= NR_MIN_SAMPLES;
            return self
                .samples
                .share(self.samples.nr_user)
                .filter(|_| is_enough);
        }
        share(self.user_ns, self.busy_ns())
    }

    /// Busy share of the CPUs' time.
    #[must_use]
    pub fn busy_share(&self) -> Option<f64> {
        share(self.busy_ns(), self.capacity_ns)
    }

    /// Busy share of the time that was there to be used: what a hypervisor took, or this tool, could be neither busy nor
    /// idle. A full host is full however much of it is stolen.
    #[must_use]
    pub fn used_share(&self) -> Option<f64> {
        share(self.busy_ns(), self.busy_ns() + self.idle_ns)
    }

    /// Adds `other`.
    pub const fn merge(&mut self, other: &Self) {
        self.is_of_tasks |= other.is_of_tasks;
        self.capacity_ns += other.capacity_ns;
        self.idle_ns += other.idle_ns;
        self.steal_ns += other.steal_ns;
        self.own_ns += other.own_ns;
        self.user_ns += other.user_ns;
        self.kernel_ns += other.kernel_ns;
        self.traced_spin_ns += other.traced_spin_ns;
        self.untraced_spin_ns += other.untraced_spin_ns;
        self.corroborated_ns += other.corroborated_ns;
        self.ipi_ns += other.ipi_ns;
        self.fault_ns += other.fault_ns;
        self.retry_ns += other.retry_ns;
        self.reclaim_ns += other.reclaim_ns;
        self.receive_ns += other.receive_ns;
        self.hardirq_ns += other.hardirq_ns;
        self.hardirq_unseen_ns += other.hardirq_unseen_ns;
        self.softirq_ns += other.softirq_ns;
        self.unknown_ns += other.unknown_ns;
        self.unticked_ns += other.unticked_ns;
        self.conflict_ns += other.conflict_ns;
        self.lost_ticks_ns += other.lost_ticks_ns;
        self.holder_ns += other.holder_ns;
        self.sampled_capacity_ns += other.sampled_capacity_ns;
        self.samples.merge(&other.samples);
    }

    /// In percent of all CPUs.
    #[must_use]
    pub fn ledger(&self) -> TimeLedger {
        let pct = |ns: u64| share(ns, self.capacity_ns).map(|share| 100.0 * share);
        let known = |ns: u64| pct(ns).filter(|_| self.unknown_ns == 0 || ns > 0);
        let of_cpus = |share: Option<f64>| share.filter(|_| !self.is_of_tasks);
        TimeLedger {
            polling_idle_pct: None,
            halted_waiters_pct: None,
            sampling_error_pct: None,
            idle_pct: pct(self.idle_ns),
            user_pct: known(self.user_ns),
            kernel_pct: known(self.kernel_ns),
            traced_spin_pct: pct(self.traced_spin_ns),
            untraced_spin_pct: share(self.untraced_spin_ns, self.sampled_capacity_ns)
                .and_then(|_| pct(self.untraced_spin_ns)),
            vain_fault_pct: pct(self.fault_ns),
            vain_retry_pct: pct(self.retry_ns),
            ipi_wait_pct: of_cpus(pct(self.ipi_ns)),
            vain_reclaim_pct: pct(self.reclaim_ns),
            vain_receive_pct: of_cpus(pct(self.receive_ns)),
            hardirq_pct: of_cpus(known(self.hardirq_ns)).filter(|_| self.hardirq_unseen_ns == 0),
            softirq_pct: of_cpus(known(self.softirq_ns)),
            steal_pct: of_cpus(pct(self.steal_ns)),
            own_pct: pct(self.own_ns),
            lost_ticks_pct: of_cpus(pct(self.lost_ticks_ns)),
            coverage_pct: share(self.traced_spin_ns, self.spin_ns())
                .filter(|_| self.sampled_capacity_ns > 0)
                .map(|share| 100.0 * share),
        }
    }
}

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
    let burned_ns = traced_ns.saturating_sub(stolen_spin_ns(window));
    // Two clocks and a clamped window: spin cannot exceed the time the CPUs were busy.
    let (booked_ns, left_ns) = take_busy(&mut books, burned_ns);
    books.traced_spin_ns += booked_ns;
    books.conflict_ns += left_ns;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_neither_busy_nor_idle() {
        let full = TimeBooks {
            capacity_ns: 400,
            steal_ns: 100,
            own_ns: 50,
            ..TimeBooks::default()
        };
        assert_eq!(full.busy_share(), Some(0.625));
        assert_eq!(full.used_share(), Some(1.0));
        let half = TimeBooks {
            idle_ns: 125,
            ..full
        };
        assert_eq!(half.used_share(), Some(0.5));
        let all_taken = TimeBooks {
            steal_ns: 350,
            ..full
        };
        assert_eq!(all_taken.used_share(), None);
    }
}
