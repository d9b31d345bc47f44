//! Stock kernels in QEMU: fetch a kernel, pack an initramfs, boot, run, bring the results back.

mod apt;
mod args;
mod boot;
mod build;
mod console;
mod cpio;
mod diagnosis;
mod fetch;
mod guest;
mod headers;
mod initramfs;
mod kbuild;
mod kernels;
mod measured;
mod module;
mod run;
mod scenario;
mod truth;

pub(crate) use args::{Command, dispatch};
