//! What a CPU's time is booked as, in a letter.
//!
//! In: a [`TimeLedger`]. Out: shares by category. Refuses: colour; a letter says the same without.

use livelock_core::verdict::TimeLedger;

/// A category of the time ledger. In the order in which bars show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Category {
    /// Spinning, traced or sampled.
    Spin,
    /// Reclaim, faults, packets, retries that achieved nothing.
    Vain,
    /// Hard interrupts.
    Hardirq,
    /// Soft interrupts.
    Softirq,
    /// Other kernel work.
    Kernel,
    /// User mode.
    User,
    /// Taken by the hypervisor.
    Steal,
    /// This tool's own process.
    Own,
    /// Could not be seen.
    Unknown,
    /// Idle.
    Idle,
}

impl Category {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 10] = [
        Self::Spin,
        Self::Vain,
        Self::Hardirq,
        Self::Softirq,
        Self::Kernel,
        Self::User,
        Self::Steal,
        Self::Own,
        Self::Unknown,
        Self::Idle,
    ];

    /// Those that a legend explains.
    pub(crate) const LEGEND: [Self; 8] = [
        Self::Spin,
        Self::Kernel,
        Self::User,
        Self::Softirq,
        Self::Hardirq,
        Self::Steal,
        Self::Idle,
        Self::Unknown,
    ];

    /// Its letter.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Spin => 'X',
            Self::Vain => 'v',
            Self::Hardirq => 'h',
            Self::Softirq => 's',
            Self::Kernel => 'k',
            Self::User => 'u',
            Self::Steal => 't',
            Self::Own => 'o',
            Self::Unknown => '?',
            Self::Idle => '.',
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Vain => "in vain",
            Self::Hardirq => "hardirq",
            Self::Softirq => "softirq",
            Self::Kernel => "kernel",
            Self::User => "user",
            Self::Steal => "steal",
            Self::Own => "this tool",
            Self::Unknown => "unknown",
            Self::Idle => "idle",
        }
    }
}

/// Points of 100 that no counter booked, from which a bar says so; less is rounding.
const MIN_UNKNOWN_PCT: f64 = 1.0;

/// Sum of what is known; `None` if nothing is.
pub(crate) fn sum(parts: &[Option<f64>]) -> Option<f64> {
    parts
        .iter()
        .flatten()
        .copied()
        .fold(None, |sum, part| Some(sum.unwrap_or(0.0) + part))
}

/// Spin, traced and sampled.
pub(crate) fn spin_pct(time: &TimeLedger) -> Option<f64> {
    sum(&[time.traced_spin_pct, time.untraced_spin_pct])
}

/// All that is neither idle nor taken by others; `None` if idle time is not known.
pub(crate) fn busy_pct(time: &TimeLedger) -> Option<f64> {
    let idle_pct = time.idle_pct?;
    let elsewhere_pct = sum(&[time.steal_pct, time.own_pct]).unwrap_or(0.0);
    Some((100.0 - idle_pct - elsewhere_pct).clamp(0.0, 100.0))
}

/// Shares in percent, in the order of [`Category`]; what is missing to 100 is unknown.
pub(crate) fn shares(time: &TimeLedger) -> Vec<(Category, f64)> {
    let vain_pct = sum(&[
        time.vain_fault_pct,
        time.vain_retry_pct,
        time.vain_reclaim_pct,
        time.vain_receive_pct,
    ]);
    let mut shares: Vec<(Category, f64)> = [
        (Category::Spin, spin_pct(time)),
        (Category::Vain, vain_pct),
        (Category::Hardirq, time.hardirq_pct),
        (Category::Softirq, time.softirq_pct),
        (Category::Kernel, time.kernel_pct),
        (Category::User, time.user_pct),
        (Category::Steal, time.steal_pct),
        (Category::Own, time.own_pct),
        (Category::Idle, time.idle_pct),
    ]
    .into_iter()
    .filter_map(|(category, pct)| Some((category, pct?.clamp(0.0, 100.0))))
    .collect();
    let known_pct: f64 = shares.iter().map(|(_, pct)| pct).sum();
    if known_pct <= 100.0 - MIN_UNKNOWN_PCT {
        shares.push((Category::Unknown, 100.0 - known_pct));
        shares.sort_by_key(|(category, _)| *category);
    }
    shares
}

/// What most of the time went to.
pub(crate) fn dominant(time: &TimeLedger) -> Category {
    shares(time)
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(Category::Unknown, |(category, _)| category)
}

/// `shares` as `width` letters. Each category with at least half a column gets one; the largest takes the rounding.
pub(crate) fn bar(time: &TimeLedger, width: usize) -> Vec<Category> {
    let shares = shares(time);
    let mut columns: Vec<(Category, usize)> = shares
        .iter()
        .map(|&(category, pct)| (category, rounded(pct / 100.0 * width as f64)))
        .collect();
    let largest = shares
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.1.total_cmp(&b.1.1))
        .map(|(index, _)| index);
    let nr_used: usize = columns.iter().map(|(_, nr)| nr).sum();
    if let Some((_, nr)) = largest.and_then(|index| columns.get_mut(index)) {
        *nr = (*nr + width).saturating_sub(nr_used);
    }
    columns
        .into_iter()
        .flat_map(|(category, nr)| std::iter::repeat_n(category, nr))
        .take(width)
        .collect()
}

fn rounded(value: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates: not a number and negative shares become 0"
    )]
    let nr = value.round() as usize;
    nr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_as_asked_and_hides_nothing_unknown() {
        let time = TimeLedger {
            traced_spin_pct: Some(60.0),
            idle_pct: Some(10.0),
            ..TimeLedger::default()
        };
        let letters: String = bar(&time, 10).into_iter().map(Category::letter).collect();
        assert_eq!(letters, "XXXXXX???.");
        assert_eq!(dominant(&time), Category::Spin);
        assert_eq!(busy_pct(&time), Some(90.0));
        assert_eq!(dominant(&TimeLedger::default()), Category::Unknown);
        assert_eq!(busy_pct(&TimeLedger::default()), None);
        for width in 0..50 {
            assert_eq!(bar(&time, width).len(), width);
        }
    }
}
