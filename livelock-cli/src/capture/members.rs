//! The processes of a tree: a bit each, shared with the kernel programs.
//!
//! In: the mapped words. Out: membership. Refuses: a process that is not known to be a descendant; the program at
//! `sched_process_fork` adds those that are forked from now on.

use std::sync::atomic::{AtomicU64, Ordering};

use livelock_common::scope::MEMBERS_PER_WORD;
use livelock_core::ids::Tgid;

use super::mapping::MappedArray;

/// The processes of a tree.
pub struct Members(MappedArray<u64>);

impl Members {
    pub(super) fn new(words: MappedArray<u64>) -> Self {
        Self(words)
    }

    /// Adds a process; `false` if it was a member.
    pub fn add(&self, tgid: Tgid) -> bool {
        let Some((word, bit)) = self.place(tgid) else {
            return false;
        };
        word.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// Takes a process out.
    pub fn remove(&self, tgid: Tgid) {
        if let Some((word, bit)) = self.place(tgid) {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Whether a process is one.
    #[must_use]
    pub fn has(&self, tgid: Tgid) -> bool {
        let place = self.place(tgid);
        place.is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// All of them, also those that have ended, until their ids are given to other processes.
    #[must_use]
    pub fn all(&self) -> Vec<Tgid> {
        let mut all = Vec::new();
        for i in 0..self.0.len() {
            let Some(word) = self.word(i) else { break };
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let tgid = i * MEMBERS_PER_WORD + bits.trailing_zeros() as usize;
                all.extend(u32::try_from(tgid).map(Tgid));
                bits &= bits - 1;
            }
        }
        all
    }

    fn place(&self, tgid: Tgid) -> Option<(&AtomicU64, u64)> {
        let tgid = tgid.0 as usize;
        let word = self.word(tgid / MEMBERS_PER_WORD)?;
        Some((word, 1 << (tgid % MEMBERS_PER_WORD)))
    }

    fn word(&self, i: usize) -> Option<&AtomicU64> {
        let word = self.0.get(i)?;
        // SAFETY: an aligned word of the mapping, which lives as long as `self`; the kernel side changes it with
        // atomic instructions as well.
        Some(unsafe { AtomicU64::from_ptr(word) })
    }
}
