//! Which locks BPF's own maps take.
//!
//! In: BTF. Out: whether ring buffers and hash maps of this kernel can dead-lock when used from a lock's slow
//! path. Refuses: version numbers; the change was backported.

use crate::btf::Btf;

/// Lock inside a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapLock {
    /// `rqspinlock_t` (6.15): detects dead-locks and times out.
    Resilient,
    /// `raw_spinlock_t`: a use inside its own slow path hangs the CPU.
    Raw,
    /// This kernel does not say.
    Unknown,
}

/// Locks of the two kinds of map that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapLocks {
    /// `bpf_ringbuf.spinlock`.
    pub ringbuf: MapLock,
    /// `bucket.raw_lock` of hash maps.
    pub hashtab: MapLock,
}

impl MapLocks {
    /// Looks them up.
    #[must_use]
    pub fn of(btf: &Btf) -> Self {
        let lock = |structure, member| match btf.member_type_name(structure, member) {
            Some("rqspinlock_t" | "rqspinlock") => MapLock::Resilient,
            Some("raw_spinlock_t" | "raw_spinlock" | "spinlock_t") => MapLock::Raw,
            _ => MapLock::Unknown,
        };
        Self {
            ringbuf: lock("bpf_ringbuf", "spinlock"),
            hashtab: lock("bucket", "raw_lock"),
        }
    }

    /// Nothing is known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            ringbuf: MapLock::Unknown,
            hashtab: MapLock::Unknown,
        }
    }
}
