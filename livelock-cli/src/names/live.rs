//! [`Names`] of the running kernel.
//!
//! In: the symbol table, the BTF, the cgroup tree, each optional. Out: names. Refuses: to keep more than
//! [`MAX_MEMBERS`] member names and [`MAX_INSTANCES`] owners of locks.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use livelock_core::event::{ObjectKind, ObjectPlace};
use livelock_core::ids::{CgroupId, CodeAddr, CpuId, LockAddr, Tgid};
use livelock_core::locks::heaviest_called;
use livelock_core::names::{FunctionName, KernelObject, Names, UserFunction, user_look_up};
use livelock_core::window::Window;

use super::objects::Objects;
use super::{CgroupPaths, Function, KernelSymbols, Nodes, PerCpuVariables};
use crate::btf::{Btf, StructId};
use crate::code::Kcore;
use crate::user_code::UserCode;

const MAX_MEMBERS: usize = 1024;
const MAX_INSTANCES: usize = 1024;
/// Twice what a verdict lists.
const NR_INSTANCES_A_WINDOW: usize = 20;

/// Symbols of structures, for the names of what lies inside them. BTF has no types of global variables.
const GLOBALS: &[(&str, &str)] = &[
    ("cgrp_dfl_root", "cgroup_root"),
    ("def_root_domain", "root_domain"),
    ("init_files", "files_struct"),
    ("init_fs", "fs_struct"),
    ("init_ipc_ns", "ipc_namespace"),
    ("init_mm", "mm_struct"),
    ("init_net", "net"),
    ("init_sighand", "sighand_struct"),
    ("init_signals", "signal_struct"),
    ("init_task", "task_struct"),
    ("rcu_state", "rcu_state"),
    ("root_task_group", "task_group"),
];

/// Names of this host. `Send` and `Sync`: load the symbols elsewhere and judge anywhere.
#[derive(Debug)]
pub struct LiveNames {
    symbols: Option<KernelSymbols>,
    btf: Option<Arc<Btf>>,
    structures: HashMap<ObjectKind, StructId>,
    per_cpu: Mutex<Option<PerCpuVariables>>,
    nodes: Option<Nodes>,
    members: Mutex<HashMap<ObjectPlace, Option<String>>>,
    objects: Option<Objects<Kcore>>,
    /// Whose locks are, by their names and addresses: an object may be gone when a verdict names it.
    instances: Mutex<HashMap<(String, LockAddr), String>>,
    cgroups: Mutex<Option<CgroupPaths>>,
    /// `None`: nobody asked for user code.
    user_code: Option<Arc<UserCode>>,
}

impl LiveNames {
    /// From what could be had; `None` leaves that kind of name unknown.
    #[must_use]
    pub fn new(
        symbols: Option<KernelSymbols>,
        btf: Option<Arc<Btf>>,
        cgroups: Option<CgroupPaths>,
    ) -> Self {
        // A structure's name costs a pass over all types, its members do not.
        let structures = btf.iter().flat_map(|btf| {
            let id = |object| Some((object, btf.struct_by_name(structure(object))?));
            ObjectKind::ALL.into_iter().filter_map(id)
        });
        Self {
            structures: structures.collect(),
            per_cpu: Mutex::new(btf.as_ref().and_then(PerCpuVariables::of)),
            nodes: symbols
                .as_ref()
                .zip(btf.as_ref())
                .and_then(|(symbols, btf)| Nodes::find(symbols, btf).ok()),
            symbols,
            objects: btf.as_ref().and_then(Objects::open),
            btf,
            members: Mutex::default(),
            instances: Mutex::default(),
            cgroups: Mutex::new(cgroups),
            user_code: None,
        }
    }

    /// The same, with names of user code.
    #[must_use]
    pub fn with_user_code(self, user_code: Option<Arc<UserCode>>) -> Self {
        Self { user_code, ..self }
    }

    /// The symbol table, if it could be had.
    #[must_use]
    pub fn symbols(&self) -> Option<&KernelSymbols> {
        self.symbols.as_ref()
    }

    /// Learns where the run queue of a CPU is, and so where all its variables are.
    pub fn learn_runqueue(&self, cpu: CpuId, addr: LockAddr) {
        if let Some(per_cpu) = held(&self.per_cpu).as_mut() {
            per_cpu.learn(cpu, addr.0);
        }
    }

    /// `rcu_state.node[0].lock`, where the type of the symbol is known.
    fn member_of_global(&self, symbol: &str, offset_bytes: u64) -> Option<String> {
        let (_, structure) = GLOBALS.iter().find(|(name, _)| *name == symbol)?;
        let offset_bytes = u32::try_from(offset_bytes).ok()?;
        let member = self.btf.as_ref()?.member_at(structure, offset_bytes)?;
        Some(format!("{symbol}.{member}"))
    }

    /// Looks up what the samples of `window` landed in, and, `with_stacks`, the paths to its locks; and the groups
    /// and the user code of the tasks that waited, which may be gone when a verdict names them.
    pub fn learn(&self, window: &Window, with_stacks: bool) {
        if let Some(symbols) = &self.symbols {
            let samples = window.samples.iter().flat_map(|sample| &sample.frames);
            let stacks = window.stacks.iter().filter(|_| with_stacks);
            let taken = window.releases.iter().flat_map(|hold| &hold.taken_at);
            let frames = samples.chain(stacks.flat_map(|stack| &stack.frames));
            let frames = frames.chain(taken);
            symbols.learn(frames.map(|frame| frame.0));
        }
        if let Some(user_code) = &self.user_code {
            let frames = window.stacks.iter().flat_map(|stack| {
                let process = stack.task.tgid;
                let weight = u64::from(stack.weight);
                let user = stack.user_frames.iter().enumerate();
                user.map(move |(i, &addr)| (process, user_look_up(i, addr), weight))
            });
            user_code.learn(frames);
        }
        self.learn_instances(window);
        let cgroups: BTreeSet<CgroupId> = window.stacks.iter().map(|stack| stack.cgroup).collect();
        for cgroup in cgroups {
            let _ = self.cgroup_path(cgroup);
        }
    }

    /// Looks up whose the locks are that were waited for most, while their objects are there.
    fn learn_instances(&self, window: &Window) {
        if self.objects.is_some() {
            for (addr, name) in heaviest_called(window, NR_INSTANCES_A_WINDOW, self) {
                let _ = self.learn_instance(name, addr);
            }
        }
    }

    /// Whose a lock is now. If that cannot be read any more, what was read before stays.
    fn learn_instance(&self, lock: String, addr: LockAddr) -> Option<String> {
        let owner = self.objects.as_ref()?.owner(&lock, addr.0)?;
        let mut instances = held(&self.instances);
        if instances.len() >= MAX_INSTANCES {
            instances.clear();
        }
        instances.insert((lock, addr), owner.clone());
        Some(owner)
    }

    /// Waits for names that take long, before the last verdict.
    pub fn settle(&self) {
        if let Some(user_code) = &self.user_code {
            user_code.settle();
        }
    }

    fn look_up_member(&self, place: ObjectPlace) -> Option<String> {
        let id = *self.structures.get(&place.object)?;
        let path = self.btf.as_ref()?.member_of_id(id, place.offset_bytes)?;
        Some(format!("{}.{path}", structure(place.object)))
    }
}

impl Names for LiveNames {
    fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
        let Function { name, offset_bytes } = self.symbols.as_ref()?.function(addr.0)?;
        Some(FunctionName { name, offset_bytes })
    }

    fn expect_functions(&self, addrs: &[CodeAddr]) {
        if let Some(symbols) = &self.symbols {
            symbols.learn(addrs.iter().map(|addr| addr.0));
        }
    }

    fn user_function(&self, process: Tgid, addr: CodeAddr) -> Option<UserFunction> {
        self.user_code.as_ref()?.function(process, addr)
    }

    fn data_symbol(&self, addr: LockAddr) -> Option<String> {
        let (name, offset_bytes) = self.symbols.as_ref()?.data(addr.0)?;
        let member = || self.member_of_global(name, offset_bytes);
        Some(match offset_bytes {
            0 => name.to_owned(),
            _ => member().unwrap_or_else(|| format!("{name}+{offset_bytes:#x}")),
        })
    }

    fn object(&self, addr: LockAddr) -> Option<KernelObject> {
        let of_node = || self.nodes.as_ref()?.object(addr.0);
        let of_cpu = held(&self.per_cpu)
            .as_ref()
            .and_then(|per_cpu| per_cpu.object(addr.0));
        of_cpu.or_else(of_node)
    }

    fn instance(&self, lock: &str, addr: LockAddr) -> Option<String> {
        let known = held(&self.instances).get(&(lock.to_owned(), addr)).cloned();
        known.or_else(|| self.learn_instance(lock.to_owned(), addr))
    }

    fn member(&self, place: ObjectPlace) -> Option<String> {
        if let Some(known) = held(&self.members).get(&place) {
            return known.clone();
        }
        let name = self.look_up_member(place);
        let mut members = held(&self.members);
        if members.len() >= MAX_MEMBERS {
            members.clear();
        }
        members.insert(place, name.clone());
        name
    }

    fn cgroup_path(&self, cgroup: CgroupId) -> Option<String> {
        held(&self.cgroups).as_mut()?.path(cgroup.0)
    }
}

const fn structure(object: ObjectKind) -> &'static str {
    match object {
        ObjectKind::TaskStruct => "task_struct",
        ObjectKind::MmStruct => "mm_struct",
        ObjectKind::FilesStruct => "files_struct",
        ObjectKind::FsStruct => "fs_struct",
        ObjectKind::SighandStruct | ObjectKind::ParentSighand => "sighand_struct",
        ObjectKind::SignalStruct | ObjectKind::ParentSignal => "signal_struct",
        ObjectKind::TtyStruct => "tty_struct",
        ObjectKind::IoRingCtx => "io_ring_ctx",
        ObjectKind::IpcNamespace => "ipc_namespace",
        ObjectKind::Net => "net",
    }
}

/// A cache is usable whatever happened to the thread that held it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
