//! Attempts of kernel code that are counted where they are made: trylocks, and reads that a sequence counter guards.
//!
//! In: places in the kernel's code, and how often control came by. Out: how many of the attempts failed. Refuses: to say
//! what the failures cost; samples do.

use serde::{Deserialize, Serialize};

use crate::ids::{CodeAddr, CpuId};
use crate::lock_call::LockCallSite;
use crate::thresholds as at;

/// What is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    /// A lock, by a call that comes back without it if somebody else has it.
    Trylock,
    /// A read that starts over if the sequence counter says that something was written meanwhile.
    SeqRead,
}

/// A place at which kernel code attempts something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptSite {
    /// What.
    pub kind: AttemptKind,
    /// Instruction that runs once for each attempt, whatever comes of it.
    pub tried_at: CodeAddr,
    /// Instruction that runs after each attempt that succeeded.
    pub succeeded_at: CodeAddr,
    /// First byte of the code whose time goes into the attempts: of the function of a trylock, of the loop of a read.
    pub begin: CodeAddr,
    /// First byte behind it.
    pub end: CodeAddr,
}

impl AttemptSite {
    /// Whether `addr` is in the code of the attempts. With a return address it is what that code has called.
    #[must_use]
    pub const fn covers(&self, addr: CodeAddr) -> bool {
        self.begin.0 <= addr.0 && addr.0 < self.end.0
    }
}

/// A site, with what its function does to locks around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSite {
    /// Site.
    pub site: AttemptSite,
    /// Of a trylock: its call, those before and behind it that take locks and let them go; at most
    /// [`NR_CALLS_WATCHED`](at::NR_CALLS_WATCHED). Empty where they would not tell of a lock held meanwhile.
    pub calls: Vec<LockCallSite>,
}

/// A site at which it is worth to count, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Site.
    pub found: FoundSite,
    /// CPUs that were seen there most.
    pub cpus: Vec<CpuId>,
}

/// What one CPU counted at one site in a window. Counting stops early where there is much to count, for both at
/// the same moment; older recordings went on to count successes, so that their two times differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuAttempts {
    /// CPU.
    pub cpu: CpuId,
    /// Attempts.
    pub nr_tried: u64,
    /// Time in which they were counted.
    pub tried_ns: u64,
    /// Attempts that succeeded.
    pub nr_succeeded: u64,
    /// Time in which they were counted.
    pub succeeded_ns: u64,
}

/// What was counted at one site in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteAttempts {
    /// Site.
    pub site: AttemptSite,
    /// By CPU; one that could not count is missing.
    pub cpus: Vec<CpuAttempts>,
}

/// Attempts a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AttemptRates {
    /// Attempts.
    pub tried_per_sec: f64,
    /// Those that succeeded.
    pub succeeded_per_sec: f64,
}

impl AttemptRates {
    /// Share of the attempts that failed; `None` without any.
    #[must_use]
    pub fn failed_share(&self) -> Option<f64> {
        let failed = (self.tried_per_sec - self.succeeded_per_sec).max(0.0);
        (self.tried_per_sec > 0.0).then(|| failed / self.tried_per_sec)
    }
}

impl SiteAttempts {
    /// Of all CPUs that counted.
    #[must_use]
    pub fn rates(&self) -> AttemptRates {
        let per_sec = |nr: u64, ns: u64| match ns {
            0 => 0.0,
            ns => nr as f64 * 1e9 / ns as f64,
        };
        let mut rates = AttemptRates::default();
        for seen in &self.cpus {
            rates.tried_per_sec += per_sec(seen.nr_tried, seen.tried_ns);
            rates.succeeded_per_sec += per_sec(seen.nr_succeeded, seen.succeeded_ns);
        }
        rates
    }

    /// Attempts that were counted.
    #[must_use]
    pub fn nr_tried(&self) -> u64 {
        self.cpus.iter().map(|seen| seen.nr_tried).sum()
    }

    /// Whether enough was counted, and enough of it failed, that somebody tries in vain.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.has_failed_share(match self.site.kind {
            AttemptKind::Trylock => at::TRYLOCKS_FAILED_SHARE,
            AttemptKind::SeqRead => at::READS_FAILED_SHARE,
        })
    }

    /// Whether more of it failed than not, so that another look is worth it: who tries in turns with others has moments
    /// in which they are away.
    #[must_use]
    pub fn fails_mostly(&self) -> bool {
        self.has_failed_share(at::MAJORITY)
    }

    fn has_failed_share(&self, least: f64) -> bool {
        self.nr_tried() >= at::NR_MIN_TRIES
            && self
                .rates()
                .failed_share()
                .is_some_and(|share| share >= least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(kind: AttemptKind) -> AttemptSite {
        AttemptSite {
            kind,
            tried_at: CodeAddr(0x110),
            succeeded_at: CodeAddr(0x120),
            begin: CodeAddr(0x100),
            end: CodeAddr(0x180),
        }
    }

    fn on_cpu(cpu: u32, tried: (u64, u64), succeeded: (u64, u64)) -> CpuAttempts {
        CpuAttempts {
            cpu: CpuId(cpu),
            nr_tried: tried.0,
            tried_ns: tried.1,
            nr_succeeded: succeeded.0,
            succeeded_ns: succeeded.1,
        }
    }

    #[test]
    fn a_count_that_stopped_early_is_a_rate() {
        // A hundred tries in 10 ms, and three of 3,000 that got it in 300 ms.
        let seen = SiteAttempts {
            site: site(AttemptKind::Trylock),
            cpus: vec![
                on_cpu(0, (100, 10_000_000), (3, 300_000_000)),
                on_cpu(1, (0, 300_000_000), (0, 300_000_000)),
            ],
        };
        let rates = seen.rates();
        assert!((rates.tried_per_sec - 10_000.0).abs() < 1e-6);
        assert!((rates.succeeded_per_sec - 10.0).abs() < 1e-6);
        assert!(seen.fails() && seen.fails_mostly());
    }

    #[test]
    fn what_fails_mostly_is_not_yet_in_vain() {
        let seen = SiteAttempts {
            site: site(AttemptKind::Trylock),
            cpus: vec![on_cpu(0, (100, 10_000_000), (20, 10_000_000))],
        };
        assert!(seen.fails_mostly() && !seen.fails());
    }

    #[test]
    fn what_succeeds_as_often_as_it_is_tried_does_not_fail() {
        for kind in [AttemptKind::Trylock, AttemptKind::SeqRead] {
            let seen = SiteAttempts {
                site: site(kind),
                cpus: vec![on_cpu(0, (100, 1_000_000), (100, 1_000_000))],
            };
            assert!(!seen.fails());
        }
    }

    #[test]
    fn too_few_tries_say_nothing() {
        let tried = |nr| SiteAttempts {
            site: site(AttemptKind::SeqRead),
            cpus: vec![on_cpu(0, (nr, 300_000_000), (0, 300_000_000))],
        };
        assert!(!tried(at::NR_MIN_TRIES - 1).fails());
        assert!(tried(at::NR_MIN_TRIES).fails());
        assert!(!tried(0).fails());
        assert_eq!(tried(0).rates().failed_share(), None);
    }

    #[test]
    fn a_site_covers_its_code_only() {
        let site = site(AttemptKind::SeqRead);
        assert!(site.covers(CodeAddr(0x100)) && site.covers(CodeAddr(0x17f)));
        assert!(!site.covers(CodeAddr(0xff)) && !site.covers(CodeAddr(0x180)));
    }
}
