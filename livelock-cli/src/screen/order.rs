//! Which locks and CPUs are listed, and in what order.
//!
//! In: a verdict's locks, the CPUs of a window. Out: references, sorted. Refuses: to sort unknown values in front.

use livelock_core::ids::CpuId;
use livelock_core::verdict::{LockReport, TimeLedger};

use super::category::{busy_pct, spin_pct};

/// What locks are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LockOrder {
    /// CPU time burned.
    #[default]
    Burn,
    /// Waits completed.
    Waits,
    /// Time between two acquisitions, longest first.
    Gap,
    /// Age of the oldest open wait.
    Oldest,
    /// Name.
    Name,
}

impl LockOrder {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Burn => Self::Waits,
            Self::Waits => Self::Gap,
            Self::Gap => Self::Oldest,
            Self::Oldest => Self::Name,
            Self::Name => Self::Burn,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Burn => "burn",
            Self::Waits => "waits",
            Self::Gap => "gap",
            Self::Oldest => "oldest wait",
            Self::Name => "name",
        }
    }
}

/// What CPUs are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CpuOrder {
    /// Busiest first; spin breaks ties.
    #[default]
    Busy,
    /// Most spin first.
    Spin,
    /// Number.
    Number,
}

impl CpuOrder {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Busy => Self::Spin,
            Self::Spin => Self::Number,
            Self::Number => Self::Busy,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busiest",
            Self::Spin => "most spin",
            Self::Number => "by number",
        }
    }
}

/// The locks that match `filter`, sorted.
pub(super) fn locks<'v>(
    locks: &'v [LockReport],
    filter: &str,
    order: LockOrder,
) -> Vec<&'v LockReport> {
    let mut listed: Vec<&LockReport> = locks.iter().filter(|lock| matches(lock, filter)).collect();
    match order {
        LockOrder::Burn => listed.sort_by(|a, b| b.spin_pct().total_cmp(&a.spin_pct())),
        LockOrder::Waits => listed.sort_by_key(|lock| std::cmp::Reverse(lock.nr_waits)),
        LockOrder::Gap => {
            listed.sort_by_key(|lock| std::cmp::Reverse(lock.handoff_gap_ns.map(|gap| gap.p50)));
        }
        LockOrder::Oldest => {
            listed.sort_by_key(|lock| std::cmp::Reverse(lock.oldest_in_flight_ns));
        }
        LockOrder::Name => listed.sort_by(|a, b| a.name.cmp(&b.name)),
    }
    listed
}

/// Whether a name, an address, a task or a function of the lock contains `filter`, in whatever case.
fn matches(lock: &LockReport, filter: &str) -> bool {
    let filter = filter.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&filter);
    let sides = lock.waiters.iter().chain(&lock.holders);
    filter.is_empty()
        || has(&lock.name)
        || lock.addr.as_deref().is_some_and(has)
        || sides.into_iter().any(|side| {
            let user_frames = side.user_stacks.iter().flat_map(|stack| &stack.frames);
            side.comm.as_deref().is_some_and(has)
                || side.stack.iter().chain(user_frames).any(|frame| has(frame))
        })
}

/// The CPUs, sorted.
pub(super) fn cpus(times: &mut [(CpuId, TimeLedger)], order: CpuOrder) {
    // Unknown is below zero: it must not look like the worst.
    let key = |value: Option<f64>| value.unwrap_or(-1.0);
    let busy = |time: &TimeLedger| key(busy_pct(time));
    let spin = |time: &TimeLedger| key(spin_pct(time));
    match order {
        CpuOrder::Number => times.sort_by_key(|(cpu, _)| *cpu),
        CpuOrder::Busy => times.sort_by(|(cpu_a, a), (cpu_b, b)| {
            let by_busy = busy(b).total_cmp(&busy(a));
            let by_spin = spin(b).total_cmp(&spin(a));
            by_busy.then(by_spin).then(cpu_a.cmp(cpu_b))
        }),
        CpuOrder::Spin => times.sort_by(|(cpu_a, a), (cpu_b, b)| {
            let by_spin = spin(b).total_cmp(&spin(a));
            let by_busy = busy(b).total_cmp(&busy(a));
            by_spin.then(by_busy).then(cpu_a.cmp(cpu_b))
        }),
    }
}
