//! Facts about the host that a verdict depends on.
//!
//! In: filled by `livelock-cli::host`. Out: blind spots and the `host` part of a verdict. Refuses:
//! probing; it only names what was found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How this kernel's spinlocks wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpinlockFlavour {
    /// Queued spinlocks on bare metal (or a guest that believes so): the first waiter is not traced.
    Native,
    /// Paravirtual queued spinlocks: every slow path is traced.
    Paravirtual,
    /// Test-and-set in a guest without paravirtual spinlocks: nothing is traced.
    TestAndSet,
    /// An RT kernel: spinlocks sleep.
    Rt,
    /// Could not be told.
    Unknown,
}

/// What drives the instruction-pointer sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SamplerSource {
    /// Hardware cycles, delivered by NMI: sees regions with interrupts off.
    PmuNmi,
    /// cpu-clock hrtimer: blind with interrupts off, samples pile up where they come on again.
    Hrtimer,
    /// No sampler.
    None,
}

/// Facts of one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostFacts {
    /// Host name.
    pub hostname: String,
    /// `uname -r`.
    pub kernel_release: String,
    /// Build id of the kernel's image, in hexadecimal; `None` if it does not show it.
    #[serde(default)]
    pub kernel_build_id: Option<String>,
    /// `uname -m`.
    pub arch: String,
    /// CPUs online.
    pub nr_cpus_online: u32,
    /// CPUs possible.
    pub nr_cpus_possible: u32,
    /// Name of the hypervisor if the host is a guest that knows it.
    pub hypervisor: Option<String>,
    /// Spinlocks.
    pub spinlocks: SpinlockFlavour,
    /// Sampler.
    pub sampler: SamplerSource,
    /// Whether `lock:contended_release` exists and is used.
    pub has_contended_release: bool,
    /// Whether every acquisition and release is told and used, by the tracepoints of lockdep (`CONFIG_LOCK_STAT`).
    #[serde(default)]
    pub has_lockdep: bool,
    /// Whether idle time is kept by clock (tickless) instead of by ticks; `None` if unknown.
    pub idle_by_clock: Option<bool>,
    /// Whether the time of hard interrupts is kept by clock (`CONFIG_IRQ_TIME_ACCOUNTING`): ticks do not see it. `None` if
    /// unknown.
    #[serde(default)]
    pub hardirq_by_clock: Option<bool>,
    /// Load average over one minute at the start; `None` if unreadable.
    pub load_1m: Option<f64>,
}
