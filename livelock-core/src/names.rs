//! What the core asks of whoever can name addresses.
//!
//! In: addresses and ids. Out: names, or nothing. Refuses: guessing; `None` means that nobody knows.

use serde::{Deserialize, Serialize};

use crate::event::ObjectPlace;
use crate::ids::{CgroupId, CodeAddr, LockAddr};

/// A kernel function and a place in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FunctionName {
    /// Symbol, without compiler suffixes such as `.isra.0`, `.part.1`, `.constprop.0`, `.cold`.
    pub name: String,
    /// Bytes from its start.
    pub offset_bytes: u64,
}

/// Names of one host. Implemented over live symbols by the binary, over a table by replay and tests.
pub trait Names {
    /// The kernel function that contains `addr`.
    fn function(&self, addr: CodeAddr) -> Option<FunctionName>;
    /// The kernel data symbol that contains `addr`, as `symbol` or `symbol+0x8`.
    fn data_symbol(&self, addr: LockAddr) -> Option<String>;
    /// The structure member at `place`, e.g. `files_struct.file_lock`.
    fn member(&self, place: ObjectPlace) -> Option<String>;
    /// The path of a cgroup below its mount, e.g. `/system.slice/nginx.service`.
    fn cgroup_path(&self, cgroup: CgroupId) -> Option<String>;
}
