//! System calls, for the verdict: those that fail, and those that ask for what is not there.
//!
//! In: sums of probe level 1. Out: rates and shares with names. Refuses: a share of calls whose names are not known here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activity::{Activity, CallErrno, SyscallResults};
use crate::activity_details::Rates;
use crate::ledger::time::share;

/// System calls named in a report.
const NR_NAMED: usize = 8;

/// Calls that ask whether something is there: 0 means that nothing is.
const ASKING: &[&str] = &[
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
];

/// Calls that take what is there: a code that asks to try again means that nothing is.
const TAKING: &[&str] = &[
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "accept",
    "accept4",
    "mq_timedreceive",
    "msgrcv",
];

/// Calls that succeed whatever they do.
const EMPTY: &[&str] = &["sched_yield"];

/// One system call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SyscallReport {
    /// Number.
    pub number: u32,
    /// Name; `None` if this program does not know it.
    pub name: Option<String>,
    /// Returned a second.
    pub per_sec: f64,
    /// Share that asked to be tried again.
    pub retry_pct: f64,
    /// Share that failed otherwise.
    pub failed_pct: f64,
    /// Its failures by `errno`, as far as the pairs found room, most frequent first: together they may be less than all. `None`: none
    /// found any, or an older version recorded it.
    #[serde(default)]
    pub errnos: Option<Vec<ErrnoReport>>,
}

/// Failures of one system call with one `errno`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrnoReport {
    /// Number.
    pub errno: u32,
    /// Name as in errno(3); `None` if this program does not know it.
    pub name: Option<String>,
    /// Failures a second.
    pub per_sec: f64,
    /// Share of the returns of this call.
    pub pct: f64,
}

/// Calls that ask for something, and find nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PollReport {
    /// The call that finds nothing most often.
    pub name: String,
    /// Those of all such calls that found nothing, a second.
    pub in_vain_per_sec: f64,
    /// The same as a share of all system calls.
    pub in_vain_pct: f64,
}

pub(crate) fn failing_syscalls(
    activity: &Activity,
    rates: &Rates,
    arch: &str,
) -> Vec<SyscallReport> {
    let mut failing: Vec<_> = activity
        .syscalls
        .iter()
        .filter(|(_, results)| results.nr_retry + results.nr_failed > 0)
        .collect();
    failing.sort_by_key(|(number, r)| (std::cmp::Reverse(r.nr_retry + r.nr_failed), **number));
    failing
        .into_iter()
        .take(NR_NAMED)
        .map(|(&number, results)| SyscallReport {
            number,
            name: syscall_name(arch, number).map(str::to_owned),
            per_sec: rates.per_sec(results.nr()),
            retry_pct: 100.0 * share(results.nr_retry, results.nr()).unwrap_or(0.0),
            failed_pct: 100.0 * share(results.nr_failed, results.nr()).unwrap_or(0.0),
            errnos: errnos_of(number, results, activity, rates),
        })
        .collect()
}

fn errnos_of(
    number: u32,
    results: &SyscallResults,
    activity: &Activity,
    rates: &Rates,
) -> Option<Vec<ErrnoReport>> {
    let of_call = activity.failures.iter();
    let mut found: Vec<(u32, u64)> = of_call
        .filter(|(key, _)| **key != CallErrno::OTHERS && key.call() == number)
        .map(|(key, &nr)| (key.errno(), nr))
        .collect();
    found.sort_by_key(|&(errno, nr)| (std::cmp::Reverse(nr), errno));
    let reports = found.iter().map(|&(errno, nr)| ErrnoReport {
        errno,
        name: errno_name(errno).map(str::to_owned),
        per_sec: rates.per_sec(nr),
        pct: 100.0 * share(nr, results.nr()).unwrap_or(0.0),
    });
    (!found.is_empty()).then(|| reports.collect())
}

/// `None` if none was in vain, or if the names of calls are not known here.
pub(crate) fn polls(activity: &Activity, rates: &Rates, arch: &str) -> Option<PollReport> {
    let in_vain = activity.syscalls.iter().filter_map(|(&number, results)| {
        let name = syscall_name(arch, number)?;
        let nr = if ASKING.contains(&name) {
            results.nr_zero
        } else if TAKING.contains(&name) {
            results.nr_retry
        } else {
            0
        };
        (nr > 0).then_some((nr, name))
    });
    let in_vain: Vec<(u64, &str)> = in_vain.collect();
    let nr: u64 = in_vain.iter().map(|(nr, _)| nr).sum();
    let (_, name) = in_vain.into_iter().max()?;
    Some(PollReport {
        name: name.to_owned(),
        in_vain_per_sec: rates.per_sec(nr),
        in_vain_pct: 100.0 * share(nr, activity.all_syscalls().nr())?,
    })
}

/// Name of an `errno` of Linux, as in errno(3); `None` if this program does not know it.
#[must_use]
pub fn errno_name(number: u32) -> Option<&'static str> {
    let number = i32::try_from(number).ok()?;
    syscalls::Errno::new(number).name()
}

/// Calls that succeeded and did something: not those that asked, or took, and found nothing. A `futex` that woke nobody looks like
/// one that was woken, and counts. All that succeeded where the names of calls are not known here.
pub(crate) fn nr_achieved(activity: &Activity, arch: &str) -> u64 {
    let calls = activity.syscalls.iter();
    let achieved = calls.map(|(&number, results)| match syscall_name(arch, number) {
        Some(name) if EMPTY.contains(&name) => 0,
        Some(name) if ASKING.contains(&name) || TAKING.contains(&name) => results.nr_positive,
        _ => results.nr_ok(),
    });
    achieved.sum()
}

fn syscall_name(arch: &str, number: u32) -> Option<&'static str> {
    let number = usize::try_from(number).ok()?;
    match arch {
        "x86_64" => Some(syscalls::x86_64::Sysno::new(number)?.name()),
        "aarch64" => Some(syscalls::aarch64::Sysno::new(number)?.name()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::{GroupSet, ProbeGroup, ProbeSet};
    use std::collections::BTreeMap;

    #[test]
    fn only_calls_that_ask_or_take_are_polls() {
        let results = |nr_positive, nr_zero, nr_retry| SyscallResults {
            nr_positive,
            nr_zero,
            nr_retry,
            nr_failed: 0,
        };
        // poll, recvfrom, write, getpid of x86-64.
        let calls = [
            (7, results(10, 30, 1)),
            (45, results(5, 2, 20)),
            (1, results(0, 5, 5)),
            (39, results(22, 0, 0)),
        ];
        let activity = Activity {
            probes: ProbeSet::of(GroupSet::EMPTY.with(ProbeGroup::Syscalls)),
            observed_ns: BTreeMap::from([(ProbeGroup::Syscalls, 2_000_000_000)]),
            syscalls: calls.into(),
            ..Activity::default()
        };
        let rates = Rates::of(ProbeGroup::Syscalls, &activity, 1.0).expect("attached");
        let found = polls(&activity, &rates, "x86_64").expect("polls");
        assert_eq!((found.name.as_str(), found.in_vain_per_sec), ("poll", 25.0));
        assert!((found.in_vain_pct - 50.0).abs() < 1e-9);
        assert_eq!(polls(&activity, &rates, "riscv64"), None, "no names");
    }

    #[test]
    fn calls_that_find_nothing_achieve_nothing() {
        let results = |nr_positive, nr_zero| SyscallResults {
            nr_positive,
            nr_zero,
            ..SyscallResults::default()
        };
        let activity = Activity {
            // read, poll, sched_yield, futex, getppid of x86-64.
            syscalls: BTreeMap::from([
                (0, results(1, 100)),
                (7, results(2, 100)),
                (24, results(0, 100)),
                (202, results(4, 8)),
                (110, results(16, 0)),
            ]),
            ..Activity::default()
        };
        assert_eq!(nr_achieved(&activity, "x86_64"), 1 + 2 + 12 + 16);
        assert_eq!(
            nr_achieved(&activity, "riscv64"),
            activity.all_syscalls().nr_ok()
        );
    }

    #[test]
    fn errors_are_told_by_call() {
        let futex = SyscallResults {
            nr_zero: 10,
            nr_retry: 30,
            ..SyscallResults::default()
        };
        let read = SyscallResults {
            nr_failed: 5,
            ..SyscallResults::default()
        };
        let pair = |call: u32, errno: u32| CallErrno(call << 16 | errno);
        let activity = Activity {
            observed_ns: BTreeMap::from([(ProbeGroup::Syscalls, 2_000_000_000)]),
            syscalls: BTreeMap::from([(202, futex), (0, read)]),
            failures: BTreeMap::from([
                (CallErrno::OTHERS, 5),
                (pair(202, 4), 10),
                (pair(202, 11), 20),
            ]),
            ..Activity::default()
        };
        let rates = Rates::of(ProbeGroup::Syscalls, &activity, 1.0).expect("attached");
        let found = failing_syscalls(&activity, &rates, "x86_64");
        let errnos = |at: usize| -> Option<Vec<(&str, f64, f64)>> {
            let errnos = found[at].errnos.as_ref()?.iter();
            let named = errnos.map(|e| (e.name.as_deref().expect("known"), e.per_sec, e.pct));
            Some(named.collect())
        };
        let expected = vec![("EAGAIN", 10.0, 50.0), ("EINTR", 5.0, 25.0)];
        assert_eq!(errnos(0), Some(expected));
        assert_eq!(errnos(1), None, "no room, which is not none");
    }
}
