//! Stock kernels in QEMU: fetch a kernel, pack an initramfs, boot, run, bring the results back.

mod apt;
mod args;
pub(crate) mod boot;
pub(crate) mod build;
pub(crate) mod console;
mod cpio;
pub(crate) mod fetch;
pub(crate) mod guest;
pub(crate) mod initramfs;
pub(crate) mod kernels;
mod run;
mod scenario;

pub(crate) use args::{Command, dispatch};
