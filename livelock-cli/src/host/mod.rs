//! What this host is, whether it can be observed, and what it cannot show.
//!
//! In: `/proc`, `/sys`, CPUID, BTF, the symbol table. Out: [`Survey`] (facts only), [`requirements`] and
//! [`blind_spots`] (pure functions of it). Refuses: to load or attach anything.

mod blind_spots;
mod build_id;
mod capabilities;
mod cpuid;
mod cpulist;
mod hypervisor;
mod kernel_version;
mod kmsg;
mod lock_names;
mod lockdown;
mod map_locks;
mod name_requirements;
mod requirements;
mod spinlocks;
mod survey;
#[cfg(test)]
mod tests;
mod topology;
mod transfer;

pub use blind_spots::{Judged, Probes, blind_spots};
pub use capabilities::{Capabilities, Capability};
pub use cpuid::{HypervisorLeaf, KvmLeaf, hypervisor_leaf};
pub use cpulist::{cpus_of_list, parse_cpulist};
pub use hypervisor::{HypervisorClues, hypervisor_name};
pub use kernel_version::KernelVersion;
pub use kmsg::{BootLog, PvMessage, parse_boot_log};
pub use lock_names::unknown_lock;
pub use lockdown::Lockdown;
pub use map_locks::{MapLock, MapLocks};
pub use requirements::{Check, CheckId, CheckState, fatal, requirements};
pub use spinlocks::{SpinlockClues, SpinlockFinding, spinlocks};
pub(crate) use survey::has_lockdep;
pub use survey::{Survey, SymbolsFound, Tracepoints, survey};
pub use topology::cpu_places;
pub use transfer::topology;
