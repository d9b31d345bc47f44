//! What probe level 1 saw, for the verdict.
//!
//! In: sums of a span. Out: rates and shares with names. Refuses: zeros for what was not attached; the whole report
//! is absent then.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::activity::{Activity, HostCounters, SoftirqVector};
use crate::ledger::time::share;

/// System calls and interrupt lines named in a report.
const NR_NAMED: usize = 8;

/// Interrupts of one line or vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InterruptReport {
    /// Vector, or number and name of the line.
    pub name: String,
    /// Handled a second.
    pub per_sec: f64,
    /// Time in it, in percent of all CPUs.
    pub cpu_pct: f64,
}

/// One system call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivityReport {
    /// Time for which it was attached.
    pub observed_ns: u64,
    /// System calls that succeeded, a second.
    pub ok_syscalls_per_sec: f64,
    /// Share of all system calls that asked to be tried again; `None` without any.
    pub retry_pct: Option<f64>,
    /// System calls that failed most, those that asked to be tried again included.
    pub failing_syscalls: Vec<SyscallReport>,
    /// Failures a second by `errno`.
    pub errnos_per_sec: BTreeMap<u32, f64>,
    /// Soft interrupts by time.
    pub softirqs: Vec<InterruptReport>,
    /// Device interrupts by time.
    pub hardirqs: Vec<InterruptReport>,
    /// Page faults a second.
    pub faults_per_sec: f64,
    /// Packets dropped a second, in all network namespaces.
    pub packets_dropped_per_sec: f64,
    /// Switches to another task a second.
    pub switches_per_sec: f64,
    /// Mean time from runnable to running; `None` if nobody was seen to do so.
    pub mean_run_delay_ns: Option<u64>,
    /// Time of real-time tasks in percent of all CPUs.
    pub rt_cpu_pct: f64,
}

/// Of `activity`, counted for `observed_ns` on `nr_cpus` CPUs of a host of `arch`; `None` for no time.
pub(crate) fn report(
    activity: &Activity,
    observed_ns: u64,
    nr_cpus: f64,
    counters: &HostCounters,
    arch: &str,
) -> Option<ActivityReport> {
    if observed_ns == 0 {
        return None;
    }
    let per_sec = |nr: u64| nr as f64 * 1e9 / observed_ns as f64;
    let cpu_pct = |ns: u64| {
        let capacity_ns = observed_ns as f64 * nr_cpus.max(f64::MIN_POSITIVE);
        100.0 * ns as f64 / capacity_ns
    };
    let all = activity.all_syscalls();
    let mut failing: Vec<_> = activity
        .syscalls
        .iter()
        .filter(|(_, results)| results.nr_retry + results.nr_failed > 0)
        .collect();
    failing.sort_by_key(|(number, r)| (std::cmp::Reverse(r.nr_retry + r.nr_failed), **number));
    let failing_syscalls = failing
        .into_iter()
        .take(NR_NAMED)
        .map(|(&number, results)| SyscallReport {
            number,
            name: syscall_name(arch, number),
            per_sec: per_sec(results.nr()),
            retry_pct: 100.0 * share(results.nr_retry, results.nr()).unwrap_or(0.0),
            failed_pct: 100.0 * share(results.nr_failed, results.nr()).unwrap_or(0.0),
        })
        .collect();
    let line_name = |line: u32| {
        let number = line.to_string();
        let named = counters.by_line.keys().find(|name| {
            name.split_once(' ')
                .is_some_and(|(found, _)| found == number)
        });
        named.cloned().unwrap_or(number)
    };
    Some(ActivityReport {
        observed_ns,
        ok_syscalls_per_sec: per_sec(all.nr_ok()),
        retry_pct: share(all.nr_retry, all.nr()).map(|share| 100.0 * share),
        failing_syscalls,
        errnos_per_sec: activity
            .errnos
            .iter()
            .map(|(&errno, &nr)| (errno, per_sec(nr)))
            .collect(),
        softirqs: by_time(
            activity
                .softirqs
                .iter()
                .map(|(vector, time)| InterruptReport {
                    name: vector_name(*vector).to_owned(),
                    per_sec: per_sec(time.nr),
                    cpu_pct: cpu_pct(time.ns),
                }),
        ),
        hardirqs: by_time(
            activity
                .hardirqs
                .iter()
                .map(|(line, time)| InterruptReport {
                    name: line_name(*line),
                    per_sec: per_sec(time.nr),
                    cpu_pct: cpu_pct(time.ns),
                }),
        ),
        faults_per_sec: per_sec(activity.nr_faults),
        packets_dropped_per_sec: per_sec(activity.nr_packets_dropped),
        switches_per_sec: per_sec(activity.nr_switches),
        mean_run_delay_ns: activity.run_delays.ns.checked_div(activity.run_delays.nr),
        rt_cpu_pct: cpu_pct(activity.rt_run_ns),
    })
}

fn by_time(rows: impl Iterator<Item = InterruptReport>) -> Vec<InterruptReport> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| b.cpu_pct.total_cmp(&a.cpu_pct));
    rows.truncate(NR_NAMED);
    rows
}

/// Names as in `/proc/softirqs`.
const fn vector_name(vector: SoftirqVector) -> &'static str {
    match vector {
        SoftirqVector::Hi => "HI",
        SoftirqVector::Timer => "TIMER",
        SoftirqVector::NetTx => "NET_TX",
        SoftirqVector::NetRx => "NET_RX",
        SoftirqVector::Block => "BLOCK",
        SoftirqVector::IrqPoll => "IRQ_POLL",
        SoftirqVector::Tasklet => "TASKLET",
        SoftirqVector::Sched => "SCHED",
        SoftirqVector::Hrtimer => "HRTIMER",
        SoftirqVector::Rcu => "RCU",
    }
}

fn syscall_name(arch: &str, number: u32) -> Option<String> {
    let number = usize::try_from(number).ok()?;
    let name = match arch {
        "x86_64" => syscalls::x86_64::Sysno::new(number)?.name(),
        "aarch64" => syscalls::aarch64::Sysno::new(number)?.name(),
        _ => return None,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{CountedTime, SyscallResults};

    #[test]
    fn rates_and_names() {
        let activity = Activity {
            syscalls: BTreeMap::from([(
                202,
                SyscallResults {
                    nr_zero: 25,
                    nr_retry: 75,
                    ..SyscallResults::default()
                },
            )]),
            errnos: BTreeMap::from([(11, 75)]),
            hardirqs: BTreeMap::from([(
                36,
                CountedTime {
                    nr: 10,
                    ns: 1_000_000,
                },
            )]),
            run_delays: CountedTime { nr: 4, ns: 400 },
            ..Activity::default()
        };
        let counters = HostCounters {
            by_line: BTreeMap::from([("36 virtio1-req.0".to_owned(), 10)]),
            ..HostCounters::default()
        };
        let found = report(&activity, 500_000_000, 2.0, &counters, "x86_64").expect("a report");
        assert_eq!(found.failing_syscalls[0].name.as_deref(), Some("futex"));
        assert_eq!(found.retry_pct, Some(75.0));
        assert_eq!(found.errnos_per_sec[&11], 150.0);
        assert_eq!(found.hardirqs[0].name, "36 virtio1-req.0");
        assert_eq!(found.hardirqs[0].cpu_pct, 0.1);
        assert_eq!(found.mean_run_delay_ns, Some(100));
        assert_eq!(report(&activity, 0, 2.0, &counters, "x86_64"), None);
    }
}
