//! The kernel programs: built from source, stripped, compared with the committed objects.

mod args;
mod build;
mod linker;
mod object;
mod pin;
mod rustc_wrapper;
mod toolchain;

pub(crate) use args::{Args, Checked, check, run};
pub(crate) use build::command;
pub(crate) use linker::is_complete as has_linker;
pub(crate) use object::{LIVELOCK, Object, committed_path};
pub(crate) use rustc_wrapper::run_if_asked as run_as_rustc_if_asked;
pub(crate) use toolchain::{PACKAGES, Toolchain};
