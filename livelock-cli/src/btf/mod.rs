//! BTF: the kernel's own description of its types.
//!
//! In: the bytes of `/sys/kernel/btf/vmlinux`. Out: offsets, sizes, names and the question "does this
//! kernel have …?". Refuses: foreign byte order, split (module) BTF, and to trust any number it reads:
//! every walk is bounded, so arbitrary bytes give an error or an odd answer, never a panic or a hang.
//!
//! aya-obj reads BTF too but hides structure members; see `docs` of the format at
//! <https://docs.kernel.org/bpf/btf.html>.

#[cfg(test)]
mod build;
mod error;
mod header;
mod member;
mod query;
mod running;
mod section;
mod skeleton;
mod table;
#[cfg(test)]
mod tests;

pub use error::BtfError;
pub use query::StructId;
pub use running::{RUNNING_KERNEL_PATH, read_running};
pub use section::{PER_CPU_SECTION, Variable, VariablePlace};
pub use table::Btf;
