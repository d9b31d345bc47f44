//! Stock kernels in QEMU: fetch a kernel, pack an initramfs, boot, run, bring the results back.

mod apt;
mod args;
pub(crate) mod boot;
pub(crate) mod build;
pub(crate) mod console;
mod cpio;
mod diagnosis;
pub(crate) mod disk;
mod emulator;
pub(crate) mod fetch;
pub(crate) mod guest;
mod headers;
pub(crate) mod initramfs;
mod kbuild;
pub(crate) mod kernels;
pub(crate) mod measured;
pub(crate) mod module;
mod run;
mod scenario;
mod source;
mod truth;

pub(crate) use args::{Command, dispatch};
