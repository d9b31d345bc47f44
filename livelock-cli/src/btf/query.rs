//! Questions about types.
//!
//! In: names. Out: sizes, offsets, existence. Refuses: to guess; `None` means that this kernel has no
//! such thing. A name costs one pass over the table (below a millisecond): ask at start, not in a loop.

use super::Btf;
use super::table::{Kind, Type};

/// Longest chain of typedefs, modifiers and arrays followed. The kernel's longest is 6.
pub(super) const MAX_CHAIN: usize = 32;
/// Bytes of a pointer. BTF does not say; every supported kernel has 64 bits.
const POINTER_BYTES: u64 = 8;

/// A structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StructId(pub(super) u32);

impl Btf {
    /// The structure (or union) called `name`.
    #[must_use]
    pub fn struct_by_name(&self, name: &str) -> Option<StructId> {
        self.find(name, |kind| matches!(kind, Kind::Struct | Kind::Union))
            .map(StructId)
    }

    /// Size of a structure.
    #[must_use]
    pub fn struct_size_bytes(&self, structure: StructId) -> Option<u32> {
        self.get(structure.0).map(|ty| ty.size_or_type)
    }

    /// Whether there is a structure called `name`.
    #[must_use]
    pub fn has_struct(&self, name: &str) -> bool {
        self.struct_by_name(name).is_some()
    }

    /// Whether there is a typedef called `name`.
    #[must_use]
    pub fn has_typedef(&self, name: &str) -> bool {
        self.find(name, |kind| kind == Kind::Typedef).is_some()
    }

    /// Whether there is a function called `name`.
    #[must_use]
    pub fn has_func(&self, name: &str) -> bool {
        self.find(name, |kind| kind == Kind::Func).is_some()
    }

    /// Whether a `tp_btf` program can attach to tracepoint `name`, e.g. `contention_begin`.
    #[must_use]
    pub fn has_tracepoint(&self, name: &str) -> bool {
        self.has_typedef(&format!("btf_trace_{name}"))
    }

    /// Size of type `id`, following typedefs and arrays.
    pub(super) fn size_bytes(&self, mut id: u32) -> Option<u64> {
        let mut factor = 1_u64;
        for _ in 0..MAX_CHAIN {
            let ty = self.get(id)?;
            match ty.kind() {
                Kind::Scalar | Kind::Struct | Kind::Union => {
                    return factor.checked_mul(u64::from(ty.size_or_type));
                }
                Kind::Ptr => return factor.checked_mul(POINTER_BYTES),
                Kind::Array => {
                    let (element, nr_elements) = self.array(ty)?;
                    factor = factor.checked_mul(u64::from(nr_elements))?;
                    id = element;
                }
                Kind::Typedef | Kind::Modifier => id = ty.size_or_type,
                Kind::Func | Kind::Variable | Kind::DataSection | Kind::Other => return None,
            }
        }
        None
    }

    /// Element type and number of elements of an array.
    pub(super) fn array(&self, ty: Type) -> Option<(u32, u32)> {
        let at = ty.payload();
        Some((self.word(at)?, self.word(at + 8)?))
    }

    /// The first name met on the way from `id` through typedefs and modifiers: what the source
    /// calls it, e.g. `rqspinlock_t`.
    pub(super) fn spelled_name(&self, mut id: u32) -> Option<&str> {
        for _ in 0..MAX_CHAIN {
            let ty = self.get(id)?;
            match ty.kind() {
                Kind::Modifier => id = ty.size_or_type,
                _ => return self.name(ty.name_at),
            }
        }
        None
    }

    /// All structures called `name`: the kernel has some names twice (`bucket` of hash maps and of
    /// bcache).
    pub(super) fn structs_named(&self, name: &str) -> impl Iterator<Item = StructId> {
        self.find_all(name, |kind| matches!(kind, Kind::Struct | Kind::Union))
            .map(StructId)
    }

    pub(super) fn find(&self, name: &str, wanted: impl Fn(Kind) -> bool) -> Option<u32> {
        self.find_all(name, wanted).next()
    }

    fn find_all(&self, name: &str, wanted: impl Fn(Kind) -> bool) -> impl Iterator<Item = u32> {
        let last = if name.is_empty() { 0 } else { self.nr_types() };
        (1..=u32::try_from(last).unwrap_or(u32::MAX)).filter(move |&id| {
            self.get(id)
                .is_some_and(|ty| wanted(ty.kind()) && self.name_is(ty.name_at, name))
        })
    }
}
