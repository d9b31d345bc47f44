//! What the core asks of whoever can name addresses.
//!
//! In: addresses and ids. Out: names, or nothing. Refuses: guessing; `None` means that nobody knows.

use serde::{Deserialize, Serialize};

use crate::event::ObjectPlace;
use crate::ids::{CgroupId, CodeAddr, LockAddr, Tgid};

/// A kernel function and a place in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FunctionName {
    /// Symbol, without compiler suffixes such as `.isra.0`, `.part.1`, `.constprop.0`, `.cold`.
    pub name: String,
    /// Bytes from its start.
    pub offset_bytes: u64,
}

/// A line of source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceLine {
    /// As the compiler was told.
    pub file: String,
    /// From 1; `None` if the debug information does not say.
    pub line: Option<u32>,
}

/// A place in a program or library of one process. With its build id and offset in the file, whoever has the file can name
/// it elsewhere and later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserFunction {
    /// Symbol; `None` if the file has none there.
    pub name: Option<String>,
    /// Bytes from its start; 0 without a symbol.
    pub offset_bytes: u64,
    /// Path of the file as the process sees it; `None` if the code is in no file.
    pub module: Option<String>,
    /// Offset in that file.
    pub file_offset_bytes: Option<u64>,
    /// Its build id, in hexadecimal digits.
    pub build_id: Option<String>,
    /// Line, if asked for and known.
    pub source: Option<SourceLine>,
}

/// Where to look frame `index` of a user stack up, innermost 0. All others are addresses that a call returns to, which belong
/// to the line, and may even belong to the function, behind the call; the byte before is the call's.
#[must_use]
pub const fn user_look_up(index: usize, addr: CodeAddr) -> CodeAddr {
    match index {
        0 => addr,
        _ => CodeAddr(addr.0.saturating_sub(1)),
    }
}

/// Which of the kernel's own tables named an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectOrigin {
    /// A variable of which each CPU has its own, by BTF.
    PerCpu,
    /// A structure that a pointer or array of the kernel leads to, by its symbol and BTF.
    KernelObject,
}

/// A lock of an object that is there once, or once a CPU or node, in the whole kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KernelObject {
    /// `structure.member`, e.g. `rq.__lock`.
    pub name: String,
    /// Which of them, e.g. `runqueues of CPU 3`; `None` if there is one.
    pub instance: Option<String>,
    /// Who says so.
    pub origin: ObjectOrigin,
}

/// Names of one host. Implemented over live symbols by the binary, over a table by replay and tests.
pub trait Names {
    /// The kernel function that contains `addr`.
    fn function(&self, addr: CodeAddr) -> Option<FunctionName>;
    /// Says that the functions at `addrs` will be asked for, so that who has to ask somebody else does it once.
    fn expect_functions(&self, addrs: &[CodeAddr]) {
        let _ = addrs;
    }
    /// What stands at `addr` in the memory of a process; `None` also from whoever does not look at processes.
    fn user_function(&self, process: Tgid, addr: CodeAddr) -> Option<UserFunction> {
        let _ = (process, addr);
        None
    }
    /// The kernel data symbol that contains `addr`, as `symbol` or `symbol+0x8`.
    fn data_symbol(&self, addr: LockAddr) -> Option<String>;
    /// The object of the kernel that has a lock at `addr`; `None` also from whoever does not know the kernel's objects.
    fn object(&self, addr: LockAddr) -> Option<KernelObject> {
        let _ = addr;
        None
    }
    /// Whose lock that is at `addr`, which is called `lock` (`inode.i_rwsem`), e.g. `/srv/data/x (inode 12, ext4 on sda1 at
    /// /srv)`; `None` also from whoever does not look into the kernel's memory.
    fn instance(&self, lock: &str, addr: LockAddr) -> Option<String> {
        let _ = (lock, addr);
        None
    }
    /// The structure member at `place`, e.g. `files_struct.file_lock`.
    fn member(&self, place: ObjectPlace) -> Option<String>;
    /// The path of a cgroup below its mount, e.g. `/system.slice/nginx.service`.
    fn cgroup_path(&self, cgroup: CgroupId) -> Option<String>;
}
