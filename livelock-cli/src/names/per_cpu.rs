//! Variables of which each CPU has its own.
//!
//! In: the kernel's BTF, and where the run queue of each CPU is. Out: the variable at an address, its member, its CPU.
//! Refuses: memory that is allocated per CPU while the kernel runs; BTF describes the variables of its image.
//!
//! Every CPU has a copy of the section of per-CPU variables, all with the same layout. So the address of one variable
//! of a CPU, which the kernel programs find, gives those of all.

use std::collections::BTreeMap;
use std::sync::Arc;

use livelock_core::ids::CpuId;
use livelock_core::names::{KernelObject, ObjectOrigin};

use crate::btf::{Btf, PER_CPU_SECTION, Variable};

/// The variable whose address is known.
const ANCHOR: &str = "runqueues";

/// The per-CPU variables of a kernel.
#[derive(Clone, Debug)]
pub struct PerCpuVariables {
    btf: Arc<Btf>,
    /// By offset.
    variables: Vec<Variable>,
    anchor_bytes: u32,
    /// Where the variables of a CPU begin, with the CPU.
    areas: BTreeMap<u64, CpuId>,
}

impl PerCpuVariables {
    /// Those that the kernel's BTF describes; `None` if it does not, or not the run queues.
    #[must_use]
    pub fn of(btf: &Arc<Btf>) -> Option<Self> {
        let variables = btf.variables(PER_CPU_SECTION)?;
        let anchor = variables.iter().find(|variable| variable.name == ANCHOR)?;
        Some(Self {
            anchor_bytes: anchor.offset_bytes,
            btf: Arc::clone(btf),
            variables,
            areas: BTreeMap::new(),
        })
    }

    /// Learns where the run queue of a CPU is.
    pub fn learn(&mut self, cpu: CpuId, runqueue_addr: u64) {
        if let Some(begin) = runqueue_addr.checked_sub(u64::from(self.anchor_bytes)) {
            self.areas.insert(begin, cpu);
        }
    }

    /// The variable at `addr`.
    #[must_use]
    pub fn object(&self, addr: u64) -> Option<KernelObject> {
        let (begin, cpu) = self.areas.range(..=addr).next_back()?;
        let offset_bytes = u32::try_from(addr - begin).ok()?;
        let after = self
            .variables
            .partition_point(|variable| variable.offset_bytes <= offset_bytes);
        let variable = self.variables.get(after.checked_sub(1)?)?;
        let inside = offset_bytes - variable.offset_bytes;
        (inside < variable.size_bytes).then_some(())?;
        let place = self.btf.place_in(variable, inside);
        let index = place.index.map_or_else(String::new, |nr| format!("[{nr}]"));
        Some(KernelObject {
            name: place.name,
            instance: Some(format!("{}{index} of CPU {}", variable.name, cpu.0)),
            origin: ObjectOrigin::PerCpu,
        })
    }
}
