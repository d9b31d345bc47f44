//! Where it was measured, and who else was there.
//!
//! In: `/proc`. Out: facts of the host, and CPU time of the whole host between two moments. Refuses: to
//! guess what cannot be read.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

/// Ticks of `/proc/stat` a second: `USER_HZ`, part of the kernel's ABI on every supported machine.
const USER_HZ: f64 = 100.0;

/// Facts of the host.
#[derive(Debug, Serialize)]
pub(crate) struct Host {
    pub(crate) kernel_release: String,
    pub(crate) cpu_model: Option<String>,
    pub(crate) nr_cpus_online: usize,
    /// Load average of one minute before the first storm.
    pub(crate) load_1m: Option<f64>,
    /// What `livelock` itself says of the host: spinlocks, sampler, hypervisor.
    pub(crate) facts: serde_json::Value,
}

impl Host {
    /// This host, before the first storm.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let kernel_release = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("failed to read the kernel's release")?;
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Ok(Self {
            kernel_release: kernel_release.trim().to_owned(),
            cpu_model: value_of(&cpuinfo, "model name"),
            nr_cpus_online: CpuTimes::read()?.nr_cpus,
            load_1m: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split_whitespace().next()?.parse().ok()),
            facts: serde_json::Value::Null,
        })
    }
}

fn value_of(cpuinfo: &str, key: &str) -> Option<String> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().to_owned())
}

/// Sums over all CPUs since boot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CpuTimes {
    pub(crate) nr_cpus: usize,
    pub(crate) busy: Duration,
    pub(crate) steal: Duration,
}

impl CpuTimes {
    /// Now.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("failed to read /proc/stat")?;
        parse(&stat).context("/proc/stat has no line `cpu` with eight fields")
    }
}

impl Sub for CpuTimes {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            nr_cpus: self.nr_cpus,
            busy: self.busy.saturating_sub(before.busy),
            steal: self.steal.saturating_sub(before.steal),
        }
    }
}

fn parse(stat: &str) -> Option<CpuTimes> {
    let sums = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = sums
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks.as_slice() else {
        return None;
    };
    let nr_cpus = stat
        .lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
        .count();
    Some(CpuTimes {
        nr_cpus,
        busy: Duration::from_secs_f64((user + nice + system + irq + softirq) / USER_HZ),
        steal: Duration::from_secs_f64(steal / USER_HZ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_everything_but_idle_waiting_and_stolen() {
        let stat = "cpu  100 20 30 4000 500 6 4 70 0 0\ncpu0 1 1\ncpu1 1 1\nintr 5\n";
        let times = parse(stat).unwrap();
        assert_eq!(times.nr_cpus, 2);
        assert_eq!(times.busy, Duration::from_millis(1600));
        assert_eq!(times.steal, Duration::from_millis(700));
        assert_eq!(parse("cpu 1 2 3\n"), None);
    }
}
