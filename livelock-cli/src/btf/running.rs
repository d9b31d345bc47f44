//! The BTF of the running kernel.

use std::fs;

use super::{Btf, BtfError};

/// Where the kernel shows its BTF (`CONFIG_DEBUG_INFO_BTF`).
pub const RUNNING_KERNEL_PATH: &str = "/sys/kernel/btf/vmlinux";

/// Reads and parses it.
///
/// # Errors
///
/// If this kernel has none or it makes no sense.
pub fn read_running() -> Result<Btf, BtfError> {
    let bytes = fs::read(RUNNING_KERNEL_PATH).map_err(|source| BtfError::Read {
        path: RUNNING_KERNEL_PATH.to_owned(),
        source,
    })?;
    Btf::from_vec(bytes)
}
