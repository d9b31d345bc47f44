//! What the hypervisor says of itself.
//!
//! In: CPUID leaves from 0x40000000. Out: its signature, and for KVM the features that decide how spinlocks
//! wait. Refuses: other architectures (`None`).

/// Features of KVM, leaf base + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvmLeaf {
    /// `KVM_FEATURE_PV_UNHALT`: the host can wake a halted waiter, so the guest can use paravirtual
    /// spinlocks.
    pub pv_unhalt: bool,
    /// `KVM_HINTS_REALTIME`: vCPUs are never preempted, so the guest uses native spinlocks.
    pub realtime_hint: bool,
}

/// One hypervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HypervisorLeaf {
    /// Twelve characters, e.g. `KVMKVMKVM`, without trailing NULs and spaces.
    pub signature: String,
    /// Of KVM only.
    pub kvm: Option<KvmLeaf>,
}

const KVM_SIGNATURE: &str = "KVMKVMKVM";

/// Decodes the registers of a base leaf (`ebx`, `ecx`, `edx`) and of base + 1 (`eax`, `edx`).
#[must_use]
pub(super) fn decode_leaf(signature: [u32; 3], features: [u32; 2]) -> Option<HypervisorLeaf> {
    let bytes: Vec<u8> = signature
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let text = String::from_utf8(bytes).ok()?;
    let signature = text.trim_matches(['\0', ' ']).to_owned();
    if signature.is_empty() || !signature.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return None;
    }
    let kvm = (signature == KVM_SIGNATURE).then_some(KvmLeaf {
        pv_unhalt: features[0] >> 7 & 1 == 1,
        realtime_hint: features[1] & 1 == 1,
    });
    Some(HypervisorLeaf { signature, kvm })
}

/// The hypervisor that the kernel believes in: KVM behind Hyper-V enlightenments is KVM.
///
/// Ask only if the CPU has the hypervisor flag; without a hypervisor these leaves repeat other ones.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub fn hypervisor_leaf() -> Option<HypervisorLeaf> {
    use std::arch::x86_64::__cpuid;

    /// Hypervisors put a second personality 0x100 further.
    const BASES: [u32; 2] = [0x4000_0000, 0x4000_0100];
    let leaves = BASES.into_iter().filter_map(|base| {
        let own = __cpuid(base);
        let features = __cpuid(base + 1);
        decode_leaf([own.ebx, own.ecx, own.edx], [features.eax, features.edx])
    });
    let leaves: Vec<HypervisorLeaf> = leaves.collect();
    let kvm = leaves.iter().find(|leaf| leaf.kvm.is_some()).cloned();
    kvm.or_else(|| leaves.into_iter().next())
}

/// Other architectures have no such leaves.
#[cfg(not(target_arch = "x86_64"))]
#[must_use]
pub fn hypervisor_leaf() -> Option<HypervisorLeaf> {
    None
}
