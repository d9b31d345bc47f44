//! What of the locks is listed.
//!
//! In: what somebody asked for. Out: whether a lock or a path is shown. Refuses: to touch ledgers, books and status: a
//! wait that is not shown has burned its CPU all the same, and a verdict that left it out would be false.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::LockKind;
use crate::ids::LockAddr;

/// Which lock.
///
/// Written as it is typed: an address as `0x…`, because JSON numbers lose its low bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum LockFilter {
    /// The one at this address.
    Addr(LockAddr),
    /// Those of this name, or of this structure: `files_struct.file_lock`, `files_struct` or `file_lock`.
    Name(String),
}

/// What is listed; `None`: not asked for. All that is there must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filter {
    /// This lock.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub lock: Option<LockFilter>,
    /// Locks of these kinds.
    #[serde(default)]
    pub kinds: Option<BTreeSet<LockKind>>,
    /// Waits through this function.
    #[serde(default)]
    pub caller: Option<String>,
    /// Waits of tasks of this name.
    #[serde(default)]
    pub comm: Option<String>,
    /// Waits that lasted this long, those still open included.
    #[serde(default)]
    pub min_wait_ns: Option<u64>,
}

impl Filter {
    /// Whether everything is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This filter with what `other` asks for in the place of what it asks for itself.
    #[must_use]
    pub fn overridden_by(self, other: Self) -> Self {
        Self {
            lock: other.lock.or(self.lock),
            kinds: other.kinds.or(self.kinds),
            caller: other.caller.or(self.caller),
            comm: other.comm.or(self.comm),
            min_wait_ns: other.min_wait_ns.or(self.min_wait_ns),
        }
    }

    /// Whether the programs take stacks of, and stream, the waits that pass only.
    #[must_use]
    pub const fn acts_in_kernel(&self) -> bool {
        self.kinds.is_some() || matches!(self.lock, Some(LockFilter::Addr(_)))
    }

    /// Whether it asks for paths: which a lock without a stack does not have.
    #[must_use]
    pub const fn is_of_paths(&self) -> bool {
        self.caller.is_some() || self.comm.is_some() || self.min_wait_ns.is_some()
    }

    /// Whether a lock of this address and kind may be listed.
    #[must_use]
    pub fn has_lock(&self, addr: Option<LockAddr>, kind: LockKind) -> bool {
        let has_kind = self
            .kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&kind));
        let has_addr = match &self.lock {
            Some(LockFilter::Addr(wanted)) => addr == Some(*wanted),
            _ => true,
        };
        has_kind && has_addr
    }

    /// Whether a lock of this name may be listed.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        match &self.lock {
            Some(LockFilter::Name(wanted)) => is_part(wanted, name),
            _ => true,
        }
    }

    /// Whether a wait of a task called `comm` is shown.
    #[must_use]
    pub fn has_comm(&self, comm: Option<&str>) -> bool {
        self.comm.is_none() || self.comm.as_deref() == comm
    }
}

/// Whether `wanted` is all of `name`, or whole words at its begin or end: its structure, or its member.
fn is_part(wanted: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = name
        .strip_prefix(wanted)
        .is_some_and(|rest| !rest.starts_with(is_word));
    let ends = name
        .strip_suffix(wanted)
        .is_some_and(|rest| !rest.ends_with(is_word));
    !wanted.is_empty() && (begins || ends)
}

impl From<LockFilter> for String {
    fn from(lock: LockFilter) -> Self {
        lock.to_string()
    }
}

impl From<String> for LockFilter {
    /// What is not an address is a name.
    fn from(text: String) -> Self {
        let digits = text.strip_prefix("0x");
        match digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
            Some(addr) => Self::Addr(LockAddr(addr)),
            None => Self::Name(text),
        }
    }
}

impl fmt::Display for LockFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => write!(f, "{addr}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_name(name: &str) -> Filter {
        Filter {
            lock: Some(LockFilter::Name(name.to_owned())),
            ..Filter::default()
        }
    }

    #[test]
    fn a_name_is_whole_or_a_structure_or_a_member() {
        for wanted in ["files_struct.file_lock", "files_struct", "file_lock"] {
            assert!(
                of_name(wanted).has_name("files_struct.file_lock"),
                "{wanted}"
            );
        }
        for wanted in ["files", "lock", "struct.file_lock", "files_struct.file", ""] {
            assert!(
                !of_name(wanted).has_name("files_struct.file_lock"),
                "{wanted}"
            );
        }
        assert!(of_name("alloc_fd").has_name("alloc_fd()'s lock"));
        assert!(of_name("rq.__lock").has_name("rq.__lock of CPU 3"));
    }

    #[test]
    fn all_that_is_asked_for_must_hold() {
        let filter = Filter {
            lock: Some(LockFilter::Addr(LockAddr(0xff))),
            kinds: Some(BTreeSet::from([LockKind::Mutex])),
            ..Filter::default()
        };
        assert!(filter.has_lock(Some(LockAddr(0xff)), LockKind::Mutex));
        assert!(!filter.has_lock(Some(LockAddr(0xff)), LockKind::Spinlock));
        assert!(!filter.has_lock(Some(LockAddr(0xfe)), LockKind::Mutex));
        assert!(!filter.has_lock(None, LockKind::Mutex));
        assert!(Filter::default().has_lock(None, LockKind::Unknown));
    }

    #[test]
    fn a_lock_reads_as_it_is_written() {
        for lock in [
            LockFilter::Addr(LockAddr(0xffff_8881_0123_4567)),
            LockFilter::Name("rq.__lock".to_owned()),
        ] {
            assert_eq!(LockFilter::from(String::from(lock.clone())), lock);
        }
    }

    #[test]
    fn what_is_typed_later_comes_first() {
        let recorded = Filter {
            comm: Some("nginx".to_owned()),
            min_wait_ns: Some(10),
            ..Filter::default()
        };
        let typed = Filter {
            comm: Some("redis".to_owned()),
            ..Filter::default()
        };
        let both = recorded.overridden_by(typed);
        assert_eq!(both.comm.as_deref(), Some("redis"));
        assert_eq!(both.min_wait_ns, Some(10));
    }
}
