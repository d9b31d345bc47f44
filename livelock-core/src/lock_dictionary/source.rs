//! The dictionary's file.
//!
//! In: TOML. Out: locks with their functions. Refuses: unknown fields, empty names, ranges that are none.
//!
//! A function is `name`, `name*` (a beginning), each followed by an optional range of kernels and by an optional
//! word on where it is a symbol: `"pick_file ..6.7 inlined"`.

use serde::Deserialize;

use super::kernels::KernelRange;
use crate::event::LockKind;

/// What is wrong with a dictionary. Messages read after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DictionaryError {
    /// No TOML, or of another shape.
    #[error("read the dictionary of locks")]
    Toml(#[from] toml::de::Error),
    /// A function.
    #[error("understand '{text}' of {lock}")]
    Function {
        /// The lock.
        lock: String,
        /// What stands there.
        text: String,
    },
}

/// Where, within its range, a function is a symbol of its own. One that the compiler puts into its caller is none,
/// and then the caller acquires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In every kernel of the matrix.
    Always,
    /// In one of them at least.
    Sometimes,
    /// In none of them; in other builds.
    Elsewhere,
}

/// A function that takes a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFunction {
    /// Name, or with a trailing `*` the beginning of one.
    pub pattern: String,
    /// Kernels in which it takes the lock.
    pub kernels: KernelRange,
    /// Where it is a symbol.
    pub presence: Presence,
}

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
        let functions = lock.functions.iter().map(|text| {
            function(text).ok_or_else(|| DictionaryError::Function {
                lock: lock.name.clone(),
                text: text.clone(),
            })
        });
        locks.push(KnownLock {
            functions: functions.collect::<Result<_, _>>()?,
            name: lock.name,
            object: lock.object,
            kinds: lock.kinds,
        });
    }
    Ok((locks, file.elsewhere))
}

fn function(text: &str) -> Option<KnownFunction> {
    let mut words = text.split(' ').peekable();
    let pattern = words.next().filter(|name| !name.is_empty())?;
    let kernels = match words.next_if(|word| word.contains("..")) {
        Some(range) => KernelRange::parse(range)?,
        None => KernelRange::default(),
    };
    let presence = match words.next() {
        None => Presence::Always,
        Some("inlined") => Presence::Sometimes,
        Some("elsewhere") => Presence::Elsewhere,
        Some(_) => return None,
    };
    words.next().is_none().then(|| KnownFunction {
        pattern: pattern.to_owned(),
        kernels,
        presence,
    })
}
