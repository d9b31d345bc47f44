//! The dictionary's file.
//!
//! In: TOML. Out: locks with their functions. Refuses: unknown fields, and functions that
//! [`known_functions`](crate::known_functions) cannot read.

use serde::Deserialize;

use crate::event::LockKind;
use crate::known_functions::{DictionaryError, KnownFunction};

/// A lock that is known by who takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLock {
    /// Name of the lock, `structure.member` or a global.
    pub name: String,
    /// What it guards, for a human.
    pub object: String,
    /// Families that it is of, by kernel and configuration.
    pub kinds: Vec<LockKind>,
    /// Who takes it.
    pub functions: Vec<KnownFunction>,
}

impl KnownLock {
    /// What a lock of family `kind` is called that one of the functions waits for; `None` if it is not this one.
    #[must_use]
    pub fn name_as(&self, kind: LockKind) -> Option<String> {
        let has = |kind| self.kinds.contains(&kind);
        let sleeps = has(LockKind::Mutex) || has(LockKind::Rwsem) || has(LockKind::PercpuRwsem);
        match kind {
            kind if has(kind) => Some(self.name.clone()),
            // Kernels with PREEMPT_RT have one family for most.
            LockKind::Rtmutex | LockKind::Unknown => Some(self.name.clone()),
            // The queue inside an rwlock is one.
            LockKind::Spinlock if has(LockKind::Rwlock) => Some(self.name.clone()),
            LockKind::Spinlock if sleeps => Some(format!("{}.wait_lock", self.name)),
            _ => None,
        }
    }
}

/// Functions that the matrix does not have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// Why they are kept.
    pub reason: String,
    /// Names, or beginnings of them.
    pub functions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    lock: Vec<Lock>,
    #[serde(default)]
    elsewhere: Vec<Elsewhere>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    name: String,
    object: String,
    #[serde(default = "spinlock")]
    kinds: Vec<LockKind>,
    functions: Vec<String>,
}

fn spinlock() -> Vec<LockKind> {
    vec![LockKind::Spinlock]
}

/// Reads the file.
pub(super) fn read(text: &str) -> Result<(Vec<KnownLock>, Vec<Elsewhere>), DictionaryError> {
    let file: File = toml::from_str(text)?;
    let mut locks = Vec::with_capacity(file.lock.len());
    for lock in file.lock {
        locks.push(KnownLock {
            functions: KnownFunction::parse_all(&lock.name, &lock.functions)?,
            name: lock.name,
            object: lock.object,
            kinds: lock.kinds,
        });
    }
    Ok((locks, file.elsewhere))
}
