//! `/proc/stat`.
//!
//! In: its text and the tick rate. Out: CPU times in nanoseconds, context switches, forks. Refuses: a CPU
//! whose line is damaged; the others count.

use livelock_core::event::CpuTimes;
use livelock_core::ids::CpuId;

/// What `/proc/stat` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Times of each online CPU since boot.
    pub cpus: Vec<(CpuId, CpuTimes)>,
    /// `ctxt`.
    pub nr_context_switches: Option<u64>,
    /// `processes`.
    pub nr_forks: Option<u64>,
}

/// Parses it; `user_hz` is `sysconf(_SC_CLK_TCK)`.
#[must_use]
pub fn parse_stat(text: &str, user_hz: u64) -> Stat {
    let mut stat = Stat::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("ctxt") => stat.nr_context_switches = number(words.next()),
            Some("processes") => stat.nr_forks = number(words.next()),
            Some(word) => {
                // `cpu` without a number is the sum.
                let cpu = word.strip_prefix("cpu").and_then(|cpu| cpu.parse().ok());
                let times = cpu.and_then(|_| parse_times(words, user_hz));
                if let (Some(cpu), Some(times)) = (cpu, times) {
                    stat.cpus.push((CpuId(cpu), times));
                }
            }
            None => {}
        }
    }
    stat
}

/// `user nice system idle iowait irq softirq steal guest guest_nice`; guest time is part of user.
fn parse_times<'text>(
    mut words: impl Iterator<Item = &'text str>,
    user_hz: u64,
) -> Option<CpuTimes> {
    let mut next = || number(words.next()).map(|ticks| ticks_to_ns(ticks, user_hz));
    let (user_ns, nice_ns) = (next()?, next()?);
    Some(CpuTimes {
        user_ns: user_ns.saturating_add(nice_ns),
        system_ns: next()?,
        idle_ns: next()?,
        iowait_ns: next()?,
        hardirq_ns: next()?,
        softirq_ns: next()?,
        steal_ns: next()?,
    })
}

fn ticks_to_ns(ticks: u64, user_hz: u64) -> u64 {
    let ns = u128::from(ticks) * 1_000_000_000 / u128::from(user_hz.max(1));
    u64::try_from(ns).unwrap_or(u64::MAX)
}

pub(super) fn number(word: Option<&str>) -> Option<u64> {
    word?.parse().ok()
}
