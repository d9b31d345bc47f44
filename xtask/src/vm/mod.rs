//! Stock kernels in QEMU: fetch a kernel, pack an initramfs, boot, run, bring the results back.

mod apt;
mod args;
mod boot;
mod build;
mod console;
mod cpio;
mod fetch;
mod guest;
mod initramfs;
mod kernels;
mod run;
mod scenario;

pub(crate) use args::{Command, dispatch};
