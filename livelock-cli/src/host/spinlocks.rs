//! How this kernel's spinlocks wait.
//!
//! In: clues. Out: the flavour and what it was told from. Refuses: to guess; each rule below follows the
//! kernel's own decision (`native_pv_lock_init`, `kvm_spinlock_init` and its likes in arch/x86).

use livelock_core::host::SpinlockFlavour;

use super::{BootLog, KvmLeaf, PvMessage};

/// Clues, each `None` if this host does not show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpinlockClues {
    /// `uname -m`.
    pub arch: String,
    /// Whether `/sys/kernel/realtime` says 1.
    pub is_rt: bool,
    /// `hypervisor` among the CPU flags.
    pub cpu_flag: Option<bool>,
    /// Boot log.
    pub boot_log: Option<BootLog>,
    /// Features of KVM.
    pub kvm: Option<KvmLeaf>,
    /// Name of the hypervisor.
    pub hypervisor: Option<String>,
    /// CPUs possible.
    pub nr_cpus_possible: Option<u32>,
    /// Whether the command line has `nopvspin`.
    pub nopvspin: bool,
    /// Whether the kernel is built with `CONFIG_PARAVIRT`.
    pub has_paravirt: Option<bool>,
    /// Whether the kernel is built with `CONFIG_PARAVIRT_SPINLOCKS`.
    pub has_pv_spinlocks: Option<bool>,
}

/// The flavour, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpinlockFinding {
    /// Flavour.
    pub flavour: SpinlockFlavour,
    /// What it was told from.
    pub reason: &'static str,
}

/// Tells the flavour.
#[must_use]
pub fn spinlocks(clues: &SpinlockClues) -> SpinlockFinding {
    let (flavour, reason) = judge(clues);
    SpinlockFinding { flavour, reason }
}

fn judge(clues: &SpinlockClues) -> (SpinlockFlavour, &'static str) {
    use SpinlockFlavour::{Native, Paravirtual, Rt, TestAndSet, Unknown};

    if clues.is_rt {
        return (Rt, "this is an RT kernel");
    }
    match clues.arch.as_str() {
        "x86_64" => {}
        "aarch64" => return (Native, "this architecture has no other kind"),
        _ => return (Unknown, "not known for this architecture"),
    }
    match clues.boot_log.and_then(|log| log.pv) {
        Some(PvMessage::Enabled) => return (Paravirtual, "the boot log says PV spinlocks enabled"),
        Some(PvMessage::DisabledNative) => {
            return (Native, "the boot log says PV spinlocks disabled by choice");
        }
        Some(PvMessage::DisabledTestAndSet) => {
            return (
                TestAndSet,
                "the boot log says PV spinlocks disabled, no host support",
            );
        }
        None => {}
    }
    match clues.cpu_flag {
        Some(true) => {}
        Some(false) => return (Native, "the CPUs have no hypervisor flag"),
        None => return (Unknown, "the CPU flags cannot be read"),
    }
    if clues.has_paravirt == Some(false) {
        return (Native, "the kernel is built without CONFIG_PARAVIRT");
    }
    if let Some(kvm) = clues.kvm {
        return judge_kvm(clues, kvm);
    }
    // These hypervisors have no paravirtual spinlocks that Linux could use.
    let hypervisor = clues.hypervisor.as_deref();
    if matches!(
        hypervisor,
        Some("QEMU TCG" | "VMware" | "VirtualBox" | "bhyve")
    ) {
        return (TestAndSet, "this hypervisor has no PV spinlocks");
    }
    if clues.boot_log.is_some_and(|log| log.is_complete) {
        return (
            TestAndSet,
            "a guest whose complete boot log has no word of PV spinlocks",
        );
    }
    (Unknown, "a guest whose boot log is gone or cannot be read")
}

/// Until 2025 a missing feature was looked at first, since then last ("x86/kvm: Prefer native qspinlock for
/// dedicated vCPUs irrespective of PV_UNHALT", also backported): with both, the version does not tell.
fn judge_kvm(clues: &SpinlockClues, kvm: KvmLeaf) -> (SpinlockFlavour, &'static str) {
    use SpinlockFlavour::{Native, Paravirtual, TestAndSet, Unknown};

    let by_choice = kvm.realtime_hint || clues.nr_cpus_possible == Some(1) || clues.nopvspin;
    match (kvm.pv_unhalt, by_choice, clues.has_pv_spinlocks) {
        (_, _, Some(false)) => (TestAndSet, "a kernel without CONFIG_PARAVIRT_SPINLOCKS"),
        (true, false, Some(true)) => (
            Paravirtual,
            "KVM offers PV unhalt and the kernel can use it",
        ),
        (true, true, _) => (
            Native,
            "PV spinlocks are off by hint, single CPU or nopvspin",
        ),
        (false, false, _) => (TestAndSet, "KVM does not offer PV unhalt"),
        (true, false, None) => (
            Unknown,
            "whether the kernel has PV spinlocks cannot be seen",
        ),
        (false, true, _) => (
            Unknown,
            "depends on a change of 2025 that is also backported",
        ),
    }
}
