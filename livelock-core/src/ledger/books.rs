//! The books of time: what they hold, and the shares that they come to.
//!
//! In: filled by `time`, added up over windows. Out: shares, and a [`TimeLedger`]. Refuses: to call what a hypervisor took, or a
//! halted waiter left to it, burned.

use crate::ledger::samples::SampleCounts;
use crate::ledger::time::share;
use crate::thresholds as at;
use crate::verdict::TimeLedger;

/// Nanoseconds of all CPUs, or of what the tasks of a scope could use. `capacity = idle + steal + own + busy`, and `busy` is the sum of
/// `halted` and all that burned. What is said to be part of something, or to overlap, is in no sum.
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
    /// Spin seen by tracepoints: what waiters waited by the clock, less what was stolen and what they stood halted for.
    pub traced_spin_ns: u64,
    /// Waiters of traced locks that had given their CPU back to the hypervisor. The kernel calls it busy, and so do these books, as
    /// nobody else can use the CPU; but nothing burns.
    pub halted_ns: u64,
    /// Traced waits of the windows whose samples could not tell who stood halted; they count as spin.
    pub halt_unseen_ns: u64,
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
    /// Busy time as the kernel tells it, halted waiters included: what shares of busy time are of.
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

    /// Time burned in vain, by spinning or otherwise.
    #[must_use]
    pub const fn burned_ns(&self) -> u64 {
        self.spin_ns() + self.reclaim_ns + self.receive_ns + self.fault_ns + self.retry_ns
    }

    /// Waits that tracepoints saw, spinning or halted.
    #[must_use]
    pub const fn traced_ns(&self) -> u64 {
        self.traced_spin_ns + self.halted_ns
    }

    /// Time of busy CPUs that came to nothing: burned, or stood halted for a lock. A lock whose holder does not run keeps its
    /// waiters from all else either way, so that this, not the burn, is what may show that nothing is achieved.
    #[must_use]
    pub const fn waste_ns(&self) -> u64 {
        self.burned_ns() + self.halted_ns
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
            let is_enough = self.samples.nr_busy >= at::NR_MIN_SAMPLES;
            return self
                .samples
                .share(self.samples.nr_user)
                .filter(|_| is_enough);
        }
        share(self.user_ns, self.busy_ns())
    }

    /// Share of the CPUs' time in which they ran something. A halted waiter does not.
    #[must_use]
    pub fn busy_share(&self) -> Option<f64> {
        share(
            self.busy_ns().saturating_sub(self.halted_ns),
            self.capacity_ns,
        )
    }

    /// Share of the CPUs' time that was busy, halted waiters included.
    #[must_use]
    pub fn occupied_share(&self) -> Option<f64> {
        share(self.busy_ns(), self.capacity_ns)
    }

    /// Share of the CPUs' time in which waiters stood halted; `None` if for most of their waits nobody could tell, unless all of
    /// these are too little to matter.
    #[must_use]
    pub fn halted_share(&self) -> Option<f64> {
        let unseen = share(self.halt_unseen_ns, self.traced_ns()).unwrap_or(0.0);
        let unseen_of_busy = share(self.halt_unseen_ns, self.busy_ns()).unwrap_or(0.0);
        let is_told = unseen < at::MAJORITY || unseen_of_busy < at::HALTED_SHARE;
        share(self.halted_ns, self.capacity_ns).filter(|_| is_told)
    }

    /// Steal or lost ticks, whichever is more, as share of the time for which CPUs did not stand halted: those want no
    /// CPU of the hypervisor, and nothing is stolen from them, so that the steal of the one that holds what they wait for would
    /// be lost among them.
    #[must_use]
    pub fn overcommit_share(&self) -> Option<f64> {
        let wanting_ns = self.capacity_ns.saturating_sub(self.halted_ns);
        let stolen = share(self.steal_ns, wanting_ns).map_or(0.0, |stolen| stolen.min(1.0));
        // Ticks get lost on any CPU, halted ones included.
        Some(stolen.max(share(self.lost_ticks_ns, self.capacity_ns)?))
    }

    /// Busy share of the time that was there to be used: what a hypervisor took, or this tool, could be neither busy nor
    /// idle. A full host is full however much of it is stolen, and however many wait without their CPU.
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
        self.halted_ns += other.halted_ns;
        self.halt_unseen_ns += other.halt_unseen_ns;
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
            halted_waiters_pct: self.halted_share().map(|share| 100.0 * share),
            sampling_error_pct: None,
            idle_pct: pct(self.idle_ns + self.halted_ns),
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
