//! What this host must have, should have, and lacks.
//!
//! In: [`Survey`]. Out: one [`Check`] a requirement, in the order in which a user would fix them. Refuses: to
//! look at the host; facts only come in.

use livelock_core::host::{SamplerSource, SpinlockFlavour};
use serde::Serialize;

use super::{
    Capability, KernelVersion, Lockdown, MapLock, Survey, SymbolsFound, name_requirements,
};

/// Which requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckId {
    /// Architecture with a build of the kernel programs.
    Architecture,
    /// Kernel with the contention tracepoints.
    ContentionTracepoints,
    /// BTF of the kernel.
    Btf,
    /// Lockdown below confidentiality.
    Lockdown,
    /// Right to load programs.
    LoadPrograms,
    /// Right to attach them.
    AttachPrograms,
    /// Names of functions.
    FunctionNames,
    /// Names of static locks.
    DataNames,
    /// Objects that locks are told by.
    LockNames,
    /// Sampler.
    Sampler,
    /// Spin waits are traced.
    SpinlockTracing,
    /// `contended_release`.
    ContendedRelease,
    /// Map locks that cannot dead-lock.
    MapLocks,
    /// cgroup v2.
    Cgroups,
    /// Run times of our own programs.
    SelfCost,
}

impl CheckId {
    /// Whether nothing can be observed without it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(
            self,
            Self::Architecture
                | Self::ContentionTracepoints
                | Self::Btf
                | Self::Lockdown
                | Self::LoadPrograms
                | Self::AttachPrograms
        )
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// There.
    Ok,
    /// There in part, or could not be told.
    Degraded,
    /// Not there.
    Missing,
}

/// One requirement on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub id: CheckId,
    /// For a human.
    pub title: &'static str,
    /// How it stands.
    pub state: CheckState,
    /// What was found.
    pub found: String,
    /// What is lost; `None` if nothing.
    pub costs: Option<String>,
    /// What to do; `None` if nothing is to be done or can be.
    pub remedy: Option<String>,
}

impl Check {
    pub(super) fn new(
        id: CheckId,
        title: &'static str,
        state: CheckState,
        found: impl Into<String>,
    ) -> Self {
        Self {
            id,
            title,
            state,
            found: found.into(),
            costs: None,
            remedy: None,
        }
    }

    /// Adds what is lost and what to do, unless all is well.
    pub(super) fn or(mut self, costs: &str, remedy: &str) -> Self {
        if self.state != CheckState::Ok {
            self.costs = Some(costs.to_owned());
            self.remedy = (!remedy.is_empty()).then(|| remedy.to_owned());
        }
        self
    }
}

/// The checks without which this host cannot be observed; any of them is exit code 3.
#[must_use]
pub fn fatal(checks: &[Check]) -> Vec<&Check> {
    let is_fatal = |check: &&Check| check.state == CheckState::Missing && check.id.is_required();
    checks.iter().filter(is_fatal).collect()
}

/// All checks.
#[must_use]
pub fn requirements(survey: &Survey) -> Vec<Check> {
    vec![
        architecture(survey),
        tracepoints(survey),
        btf(survey),
        lockdown(survey),
        capability(
            survey,
            CheckId::LoadPrograms,
            "load BPF programs",
            Capability::Bpf,
        ),
        capability(
            survey,
            CheckId::AttachPrograms,
            "attach BPF programs",
            Capability::Perfmon,
        ),
        function_names(survey),
        name_requirements::data_names(survey),
        name_requirements::lock_names(survey),
        sampler(survey),
        spinlock_tracing(survey),
        contended_release(survey),
        map_locks(survey),
        cgroups(survey),
        self_cost(survey),
    ]
}

pub(super) fn ok_or(is_ok: bool, otherwise: CheckState) -> CheckState {
    if is_ok { CheckState::Ok } else { otherwise }
}

fn architecture(survey: &Survey) -> Check {
    let arch = &survey.facts.arch;
    let state = ok_or(
        matches!(arch.as_str(), "x86_64" | "aarch64"),
        CheckState::Missing,
    );
    Check::new(
        CheckId::Architecture,
        "supported architecture",
        state,
        arch.as_str(),
    )
    .or("everything", "use x86_64 or aarch64")
}

fn tracepoints(survey: &Survey) -> Check {
    let is_old = survey
        .kernel
        .is_some_and(|kernel| kernel < KernelVersion::CONTENTION_TRACEPOINTS);
    // BTF knows; the version only helps out where there is none, and cannot see backports.
    let (state, found) = match survey.tracepoints {
        Some(found) if found.contention => (CheckState::Ok, "in BTF"),
        Some(_) => (CheckState::Missing, "not in BTF"),
        None if is_old => (CheckState::Missing, "older than 5.19"),
        None => (CheckState::Degraded, "cannot be told without BTF"),
    };
    let release = &survey.facts.kernel_release;
    let found = format!("{release}: {found}");
    Check::new(
        CheckId::ContentionTracepoints,
        "lock contention tracepoints",
        state,
        found,
    )
    .or(
        "everything: no wait for a lock can be seen",
        "boot a kernel from 5.19 on; `perf record -a -g` still samples this one",
    )
}

fn btf(survey: &Survey) -> Check {
    let (state, found) = match &survey.btf_error {
        None => (CheckState::Ok, "/sys/kernel/btf/vmlinux".to_owned()),
        Some(error) => (CheckState::Missing, format!("failed to {error}")),
    };
    Check::new(CheckId::Btf, "kernel type information (BTF)", state, found).or(
        "everything: programs cannot be attached without it",
        "boot a kernel with CONFIG_DEBUG_INFO_BTF=y",
    )
}

fn lockdown(survey: &Survey) -> Check {
    let (state, found) = match survey.lockdown {
        Some(Lockdown::Off) => (CheckState::Ok, "off"),
        Some(Lockdown::Integrity) => (CheckState::Ok, "integrity"),
        Some(Lockdown::Confidentiality) => (CheckState::Missing, "confidentiality"),
        None => (
            CheckState::Degraded,
            "cannot tell: securityfs is not mounted",
        ),
    };
    Check::new(CheckId::Lockdown, "kernel lockdown", state, found).or(
        "nothing if the programs below load; everything if it is confidentiality, where BPF may not read kernel memory",
        match survey.lockdown {
            None => "mount -t securityfs none /sys/kernel/security, and look again",
            Some(_) => "boot with lockdown=integrity",
        },
    )
}

fn capability(survey: &Survey, id: CheckId, title: &'static str, needed: Capability) -> Check {
    let name = needed.name();
    let (state, found) = match (survey.capabilities, survey.in_user_namespace) {
        (_, Some(true)) => (CheckState::Missing, "inside a user namespace".to_owned()),
        (Some(set), _) if set.has(needed) => (CheckState::Ok, name.to_owned()),
        (Some(_), _) => (CheckState::Missing, format!("no {name}")),
        (None, _) => (CheckState::Degraded, "unreadable".to_owned()),
    };
    Check::new(id, title, state, found).or(
        "everything: the kernel refuses our programs",
        "run as root on the host (`sudo livelock …`), or give the process CAP_BPF, CAP_PERFMON and \
         CAP_SYSLOG",
    )
}

fn function_names(survey: &Survey) -> Check {
    let (state, found) = match &survey.symbols {
        SymbolsFound::Visible { .. } => (CheckState::Ok, "/proc/kallsyms".to_owned()),
        SymbolsFound::Missing(error) => (CheckState::Missing, format!("failed to {error}")),
    };
    let remedy = if survey.kptr_restrict == Some(2) {
        "sysctl kernel.kptr_restrict=1"
    } else {
        "run as root, or give the process CAP_SYSLOG"
    };
    Check::new(
        CheckId::FunctionNames,
        "names of kernel functions",
        state,
        found,
    )
    .or(
        "stacks are addresses, and spinning is not recognised in samples",
        remedy,
    )
}

fn sampler(survey: &Survey) -> Check {
    let (state, found) = match (survey.facts.sampler, &survey.pmu) {
        (SamplerSource::PmuNmi, _) => (CheckState::Ok, "hardware cycles by NMI"),
        (SamplerSource::Hrtimer, None) => (CheckState::Degraded, "cpu-clock timer; no PMU here"),
        (SamplerSource::Hrtimer, Some(_)) => (
            CheckState::Degraded,
            "cpu-clock timer; the PMU could not be used",
        ),
        (SamplerSource::None, _) => (CheckState::Missing, "no sampler"),
    };
    let costs = if survey.facts.sampler == SamplerSource::None {
        "spinning that no tracepoint shows stays invisible"
    } else {
        "code with interrupts off is not sampled"
    };
    Check::new(CheckId::Sampler, "instruction sampler", state, found).or(
        costs,
        match survey.facts.sampler {
            SamplerSource::None => {
                "allow perf events: run as root, or give the process CAP_PERFMON"
            }
            _ => "give the guest a virtual PMU, if it is one",
        },
    )
}

fn spinlock_tracing(survey: &Survey) -> Check {
    let (state, found, costs, remedy) = match survey.spinlocks.flavour {
        SpinlockFlavour::Paravirtual => (CheckState::Ok, "paravirtual", "", ""),
        SpinlockFlavour::Rt => (CheckState::Ok, "RT: they sleep", "", ""),
        SpinlockFlavour::Native => (
            CheckState::Degraded,
            "native",
            "a lock contended by two CPUs only is seen by samples, not by tracepoints",
            "",
        ),
        SpinlockFlavour::TestAndSet => (
            CheckState::Degraded,
            "test-and-set",
            "spinlock waits are seen by samples only: no lock addresses, no counts, no waits in flight",
            "enable PV spinlocks for this guest (KVM: CPU feature kvm-pv-unhalt)",
        ),
        SpinlockFlavour::Unknown => (
            CheckState::Degraded,
            "unknown",
            "if they are test-and-set, spinlock waits are seen by samples only",
            "run as root, so that the boot log can be read",
        ),
    };
    let found = format!("{found} ({})", survey.spinlocks.reason);
    Check::new(CheckId::SpinlockTracing, "traced spinlocks", state, found).or(costs, remedy)
}

fn contended_release(survey: &Survey) -> Check {
    let facts = &survey.facts;
    let has = facts.has_contended_release || facts.has_lockdep;
    let found = if facts.has_lockdep {
        "lockdep: acquisitions and releases of all locks but per-CPU rw-semaphores and those of RT kernels"
    } else if has {
        "in BTF, told of sleeping locks"
    } else {
        "not in this kernel, or refused by it (see the programs)"
    };
    let state = ok_or(has, CheckState::Degraded);
    Check::new(
        CheckId::ContendedRelease,
        "lock release tracepoint",
        state,
        found,
    )
    .or(
        "holders of spinlocks are told from who acquired last; hold times are upper bounds",
        "",
    )
}

fn map_locks(survey: &Survey) -> Check {
    let (state, found) = match survey.map_locks.ringbuf {
        MapLock::Resilient => (CheckState::Ok, "rqspinlock_t"),
        MapLock::Raw => (CheckState::Degraded, "raw_spinlock_t"),
        MapLock::Unknown => (CheckState::Degraded, "cannot be told"),
    };
    Check::new(
        CheckId::MapLocks,
        "ring buffers with resilient locks",
        state,
        found,
    )
    .or(
        "nothing: no program of ours takes a map's lock on the path of a lock",
        "",
    )
}

fn cgroups(survey: &Survey) -> Check {
    let found = if survey.has_cgroup2 {
        "mounted"
    } else {
        "no cgroup v2 mount"
    };
    let state = ok_or(survey.has_cgroup2, CheckState::Degraded);
    Check::new(CheckId::Cgroups, "cgroup v2", state, found).or("cgroups have no paths", "")
}

fn self_cost(survey: &Survey) -> Check {
    let has = survey
        .capabilities
        .map(|set| set.has(Capability::SysAdmin) && survey.in_user_namespace != Some(true));
    let (state, found) = match has {
        Some(true) => (CheckState::Ok, "CAP_SYS_ADMIN"),
        Some(false) => (CheckState::Degraded, "no CAP_SYS_ADMIN"),
        None => (CheckState::Degraded, "unreadable"),
    };
    Check::new(CheckId::SelfCost, "run times of own programs", state, found)
        .or("`bpftool prog` shows no run times of our programs; their cost is told from runs that they time themselves", "")
}
