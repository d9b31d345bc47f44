//! Members: from a name to an offset, and from an offset back to a name.
//!
//! In: a structure and a dotted path, or an offset. Out: the other one. Refuses: to spend more than
//! [`MAX_VISITS`] member visits on a question; hostile BTF can nest unions so that paths multiply.

use super::Btf;
use super::query::{MAX_CHAIN, StructId};
use super::table::{Kind, Type};

/// Deepest nesting followed. `task_struct` needs 6.
const MAX_DEPTH: usize = 24;
/// Members looked at for one question. `task_struct` with all that is embedded in it has about 1,000.
const MAX_VISITS: u32 = 100_000;

/// Structures of one name tried.
const MAX_NAMESAKES: usize = 8;

/// Types at which the way down ends: what a contention tracepoint names is the address of one of them.
const LOCK_TYPES: &[&str] = &[
    "spinlock_t",
    "spinlock",
    "raw_spinlock_t",
    "raw_spinlock",
    "arch_spinlock_t",
    "qspinlock",
    "rqspinlock_t",
    "rqspinlock",
    "rwlock_t",
    "qrwlock",
    "arch_rwlock_t",
    "mutex",
    "rw_semaphore",
    "percpu_rw_semaphore",
    "rt_mutex",
    "rt_mutex_base",
    "rwbase_rt",
    "semaphore",
];

/// A member of a structure.
#[derive(Clone, Copy)]
struct Member {
    name_at: u32,
    type_id: u32,
    offset_bits: u32,
    is_bitfield: bool,
}

/// How what was reached relates to a lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hit {
    /// The first byte of a lock: what a contention tracepoint names.
    LockStart,
    /// A later byte of a lock.
    LockInside,
    /// No lock.
    Other,
}

/// Where a way down ended.
struct Place {
    path: String,
    hit: Hit,
}

impl Place {
    fn end(hit: Hit) -> Self {
        Self {
            path: String::new(),
            hit,
        }
    }

    fn below(self, name: Option<&str>) -> Self {
        let Some(name) = name else { return self };
        let separator = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        Self {
            path: format!("{name}{separator}{}", self.path),
            ..self
        }
    }
}

impl Btf {
    /// Offset of the member at the dotted `path`, e.g. `("task_struct", "files")`. Anonymous structures
    /// and unions on the way are transparent, as in C. `None` also for a bit-field.
    #[must_use]
    pub fn member_offset(&self, structure: &str, path: &str) -> Option<u32> {
        let (offset_bits, member) = self.member(structure, path)?;
        (!member.is_bitfield && offset_bits % 8 == 0)
            .then_some(offset_bits / 8)
            .and_then(|offset| u32::try_from(offset).ok())
    }

    /// What the source calls the type of a member, e.g. `rqspinlock_t` for `("bpf_ringbuf",
    /// "spinlock")`.
    #[must_use]
    pub fn member_type_name(&self, structure: &str, path: &str) -> Option<&str> {
        let (_, member) = self.member(structure, path)?;
        self.spelled_name(member.type_id)
    }

    /// The dotted path of what lies `offset_bytes` into `structure`, down to a lock if there is one
    /// there, e.g. `mmap_lock`; a lock inside a lock is named too (`mmap_lock.wait_lock`).
    #[must_use]
    pub fn member_at(&self, structure: &str, offset_bytes: u32) -> Option<String> {
        self.member_of_id(self.struct_by_name(structure)?, offset_bytes)
    }

    /// [`Self::member_at`] for who has looked the structure up already.
    #[must_use]
    pub fn member_of_id(&self, StructId(id): StructId, offset_bytes: u32) -> Option<String> {
        let mut visits = MAX_VISITS;
        let place = self.descend(id, u64::from(offset_bytes), MAX_DEPTH, &mut visits)?;
        (!place.path.is_empty()).then_some(place.path)
    }

    fn member(&self, structure: &str, path: &str) -> Option<(u64, Member)> {
        self.structs_named(structure)
            .take(MAX_NAMESAKES)
            .find_map(|StructId(id)| self.member_of(id, path))
    }

    fn member_of(&self, mut id: u32, path: &str) -> Option<(u64, Member)> {
        let mut visits = MAX_VISITS;
        let mut offset_bits = 0;
        let mut found = None;
        for name in path.split('.') {
            let ty = self.get(self.strip(id)?)?;
            let (inner_bits, member) = self.find_member(ty, name, MAX_DEPTH, &mut visits)?;
            offset_bits += inner_bits;
            id = member.type_id;
            found = Some(member);
        }
        found.map(|member| (offset_bits, member))
    }

    fn find_member(
        &self,
        ty: Type,
        name: &str,
        depth: usize,
        visits: &mut u32,
    ) -> Option<(u64, Member)> {
        let depth = depth.checked_sub(1)?;
        for member in self.members(ty) {
            *visits = visits.checked_sub(1)?;
            let offset_bits = u64::from(member.offset_bits);
            if member.name_at == 0 {
                let inner = self.strip(member.type_id).and_then(|id| self.get(id));
                let found = inner.and_then(|ty| self.find_member(ty, name, depth, visits));
                if let Some((inner_bits, member)) = found {
                    return Some((offset_bits + inner_bits, member));
                }
            } else if self.name_is(member.name_at, name) {
                return Some((offset_bits, member));
            }
        }
        None
    }

    /// The way from type `id` to what lies at `offset_bytes` in it; `None` if the visits are used up.
    fn descend(&self, id: u32, offset_bytes: u64, depth: usize, visits: &mut u32) -> Option<Place> {
        let hit = match (self.is_lock(id), offset_bytes) {
            (true, 0) => return Some(Place::end(Hit::LockStart)),
            (true, _) => Hit::LockInside,
            (false, _) => Hit::Other,
        };
        let Some(depth) = depth.checked_sub(1) else {
            return Some(Place::end(hit));
        };
        let Some(ty) = self.strip(id).and_then(|id| self.get(id)) else {
            return Some(Place::end(hit));
        };
        let inner = match ty.kind() {
            Kind::Struct | Kind::Union => self.descend_members(ty, offset_bytes, depth, visits)?,
            Kind::Array => self.descend_array(ty, offset_bytes, depth, visits)?,
            _ => Place::end(Hit::Other),
        };
        // Inside a lock only the start of another one deserves a name of its own.
        if hit == Hit::LockInside && inner.hit != Hit::LockStart {
            return Some(Place::end(hit));
        }
        Some(inner)
    }

    fn descend_members(
        &self,
        ty: Type,
        offset_bytes: u64,
        depth: usize,
        visits: &mut u32,
    ) -> Option<Place> {
        let mut first = None;
        for member in self.members(ty) {
            *visits = visits.checked_sub(1)?;
            let begin = u64::from(member.offset_bits / 8);
            let size = self.size_bytes(member.type_id).unwrap_or(0);
            if offset_bytes < begin || offset_bytes - begin >= size {
                continue;
            }
            let name = self.name(member.name_at);
            let place = self
                .descend(member.type_id, offset_bytes - begin, depth, visits)?
                .below(name);
            if place.hit != Hit::Other {
                return Some(place);
            }
            first.get_or_insert(place);
        }
        Some(first.unwrap_or_else(|| Place::end(Hit::Other)))
    }

    fn descend_array(
        &self,
        ty: Type,
        offset_bytes: u64,
        depth: usize,
        visits: &mut u32,
    ) -> Option<Place> {
        let element = self.array(ty).map(|(element, _)| element);
        let size = element.and_then(|id| self.size_bytes(id)).unwrap_or(0);
        let (Some(element), Some(index)) = (element, offset_bytes.checked_div(size)) else {
            return Some(Place::end(Hit::Other));
        };
        *visits = visits.checked_sub(1)?;
        let place = self.descend(element, offset_bytes % size, depth, visits)?;
        Some(place.below(Some(&format!("[{index}]"))))
    }

    fn members(&self, ty: Type) -> impl Iterator<Item = Member> + '_ {
        let nr_members = match ty.kind() {
            Kind::Struct | Kind::Union => ty.nr_items() as usize,
            _ => 0,
        };
        (0..nr_members).map_while(move |index| {
            let at = ty.payload() + index * 12;
            let offset = self.word(at + 8)?;
            let (offset_bits, is_bitfield) = if ty.has_bitfields() {
                (offset & 0x00ff_ffff, offset >> 24 != 0)
            } else {
                (offset, false)
            };
            Some(Member {
                name_at: self.word(at)?,
                type_id: self.word(at + 4)?,
                offset_bits,
                is_bitfield,
            })
        })
    }

    /// Whether any name between `id` and what it stands for is a lock's.
    pub(super) fn is_lock(&self, mut id: u32) -> bool {
        for _ in 0..MAX_CHAIN {
            let Some(ty) = self.get(id) else { return false };
            if LOCK_TYPES.iter().any(|name| self.name_is(ty.name_at, name)) {
                return true;
            }
            match ty.kind() {
                Kind::Typedef | Kind::Modifier => id = ty.size_or_type,
                _ => return false,
            }
        }
        false
    }

    /// What `id` stands for behind typedefs and modifiers.
    pub(super) fn strip(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MAX_CHAIN {
            let ty = self.get(id)?;
            match ty.kind() {
                Kind::Typedef | Kind::Modifier => id = ty.size_or_type,
                _ => return Some(id),
            }
        }
        None
    }
}
