//! The time ledger as verdicts show it.
//!
//! In: filled by `judge` from the time books and the samples. Out: shares of all CPUs. Refuses: 0 for what could not
//! be seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::CpuId;

/// The time ledger over the span, in percent of all online CPUs; `None`: could not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeLedger {
    /// Idle, waiting for I/O, or a halted waiter for a lock.
    pub idle_pct: Option<f64>,
    /// Part of idle in which the idle task polled: it keeps its hypervisor CPU. By samples.
    pub polling_idle_pct: Option<f64>,
    /// Part of idle in which waiters for traced locks had given their CPU back to the hypervisor. By samples of those waits; the
    /// kernel books it as its own work. `None` if samples could not tell for most of the waits, which then count as spin.
    pub halted_waiters_pct: Option<f64>,
    /// Two standard errors of a share of 50 % told by samples, in points.
    pub sampling_error_pct: Option<f64>,
    /// User.
    pub user_pct: Option<f64>,
    /// Kernel work that is not one of the following.
    pub kernel_pct: Option<f64>,
    /// Spin seen by the contention tracepoints: what was waited by the clock, less what was stolen and what waiters stood
    /// halted for.
    pub traced_spin_pct: Option<f64>,
    /// Spin seen by samples only.
    pub untraced_spin_pct: Option<f64>,
    /// Page faults that did not get past themselves.
    pub vain_fault_pct: Option<f64>,
    /// Kernel loops that retry while nothing comes back to user mode.
    pub vain_retry_pct: Option<f64>,
    /// Of the untraced spin, waits for other CPUs to answer.
    pub ipi_wait_pct: Option<f64>,
    /// Reclaim and compaction that freed next to nothing.
    pub vain_reclaim_pct: Option<f64>,
    /// Receiving of packets that were thrown away.
    pub vain_receive_pct: Option<f64>,
    /// Hard interrupts.
    pub hardirq_pct: Option<f64>,
    /// Soft interrupts.
    pub softirq_pct: Option<f64>,
    /// Taken by the hypervisor.
    pub steal_pct: Option<f64>,
    /// This tool's own process; not part of busy.
    pub own_pct: Option<f64>,
    /// Wall time that no counter of `/proc/stat` has booked.
    pub lost_ticks_pct: Option<f64>,
    /// `traced / (traced + untraced)` spin; `None` without spin.
    pub coverage_pct: Option<f64>,
}

/// The time of one CPU, in percent of it; together 100 as far as they were seen. `None`: could not see.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuTime {
    /// CPU.
    pub cpu: CpuId,
    /// Idle and waiting for I/O.
    pub idle_pct: Option<f64>,
    /// Of idle: halted while waiting for a lock.
    #[serde(default)]
    pub halted_waiters_pct: Option<f64>,
    /// User.
    pub user_pct: Option<f64>,
    /// Kernel work that is not one of the following, waste other than spinning included.
    pub kernel_pct: Option<f64>,
    /// Spin seen by the contention tracepoints.
    pub traced_spin_pct: Option<f64>,
    /// Spin seen by samples only.
    pub untraced_spin_pct: Option<f64>,
    /// Hard interrupts.
    pub hardirq_pct: Option<f64>,
    /// Soft interrupts.
    pub softirq_pct: Option<f64>,
    /// Taken by the hypervisor.
    pub steal_pct: Option<f64>,
}

impl CpuTime {
    /// The shares of `time` that divide a CPU's time, to hundredths: of hundreds of CPUs each digit counts.
    #[must_use]
    pub fn of(cpu: CpuId, time: &TimeLedger) -> Self {
        let rounded = |pct: Option<f64>| pct.map(|pct| (pct * 100.0).round() / 100.0);
        Self {
            cpu,
            idle_pct: rounded(time.idle_pct),
            halted_waiters_pct: rounded(time.halted_waiters_pct),
            user_pct: rounded(time.user_pct),
            kernel_pct: rounded(time.kernel_pct),
            traced_spin_pct: rounded(time.traced_spin_pct),
            untraced_spin_pct: rounded(time.untraced_spin_pct),
            hardirq_pct: rounded(time.hardirq_pct),
            softirq_pct: rounded(time.softirq_pct),
            steal_pct: rounded(time.steal_pct),
        }
    }
}
