//! Whether this is a guest, and whose.
//!
//! In: clues of `/proc`, `/sys`, CPUID. Out: a name. Refuses: to call a machine a guest for its vendor alone:
//! clouds rent bare metal under the same DMI strings.

/// Clues, each `None` if this host does not show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HypervisorClues {
    /// `hypervisor` among the CPU flags; `None` where CPUs have no such flag.
    pub cpu_flag: Option<bool>,
    /// Signature of CPUID leaf 0x40000000.
    pub cpuid_signature: Option<String>,
    /// `/sys/hypervisor/type`.
    pub sys_hypervisor: Option<String>,
    /// `/sys/class/dmi/id/sys_vendor`.
    pub dmi_vendor: Option<String>,
    /// `/sys/class/dmi/id/product_name`.
    pub dmi_product: Option<String>,
    /// `/proc/device-tree/hypervisor/compatible`.
    pub device_tree: Option<String>,
}

/// Whether the flags of `/proc/cpuinfo` have `hypervisor`; `None` without a line of flags (other
/// architectures than x86).
#[must_use]
pub(super) fn cpu_flag(cpuinfo: &str) -> Option<bool> {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"))?;
    Some(
        flags
            .split_ascii_whitespace()
            .any(|flag| flag == "hypervisor"),
    )
}

/// Name of the hypervisor; `None` on bare metal or if nothing says otherwise.
#[must_use]
pub fn hypervisor_name(clues: &HypervisorClues) -> Option<String> {
    if let Some(kind) = clues
        .sys_hypervisor
        .as_deref()
        .filter(|kind| !kind.is_empty())
    {
        return Some(if kind == "xen" { "Xen" } else { kind }.to_owned());
    }
    match clues.cpu_flag {
        Some(false) => None,
        Some(true) => {
            let signature = clues.cpuid_signature.as_deref();
            Some(signature.map_or_else(|| "unknown".to_owned(), by_signature))
        }
        None => by_firmware(clues),
    }
}

fn by_signature(signature: &str) -> String {
    match signature {
        "KVMKVMKVM" => "KVM",
        "TCGTCGTCGTCG" => "QEMU TCG",
        "Microsoft Hv" => "Hyper-V",
        "VMwareVMware" => "VMware",
        "XenVMMXenVMM" => "Xen",
        "VBoxVBoxVBox" => "VirtualBox",
        "bhyve bhyve" => "bhyve",
        "ACRNACRNACRN" => "ACRN",
        "prl hyperv" | "lrpepyh vr" => "Parallels",
        other => other,
    }
    .to_owned()
}

/// For CPUs without a hypervisor flag (arm64): firmware that only exists in guests.
fn by_firmware(clues: &HypervisorClues) -> Option<String> {
    let has =
        |clue: &Option<String>, text: &str| clue.as_deref().is_some_and(|clue| clue.contains(text));
    let name = if has(&clues.device_tree, "xen") {
        "Xen"
    } else if has(&clues.device_tree, "kvm") || has(&clues.dmi_product, "KVM Virtual Machine") {
        "KVM"
    } else if has(&clues.dmi_vendor, "QEMU") {
        "QEMU"
    } else if has(&clues.dmi_vendor, "VMware") {
        "VMware"
    } else if has(&clues.dmi_vendor, "Microsoft") && has(&clues.dmi_product, "Virtual Machine") {
        "Hyper-V"
    } else if has(&clues.dmi_vendor, "Amazon EC2") && !has(&clues.dmi_product, ".metal") {
        "KVM"
    } else {
        return None;
    };
    Some(name.to_owned())
}
