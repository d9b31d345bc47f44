//! Which lock a kernel function takes, for locks that have neither a symbol nor a place in the task.
//!
//! In: the function that acquires, the family of the lock. Out: the lock's name, what it guards and the kernels it is true of.
//! Refuses: functions that take more than one contended lock of a family.
//!
//! The dictionary is data, `data/lock-dictionary.toml`. `cargo xtask dictionary` holds it against the symbols of
//! real kernels; docs/lock-names.md has the result.

mod source;

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use crate::event::LockKind;
use crate::known_functions::DictionaryError;
pub use source::{Elsewhere, KnownLock};

/// The file.
const TEXT: &str = include_str!("../../data/lock-dictionary.toml");

/// Locks by the functions that acquire them.
#[derive(Debug, Default)]
pub struct Dictionary {
    locks: Vec<KnownLock>,
    elsewhere: Vec<Elsewhere>,
    /// Functions by their whole name.
    by_name: HashMap<String, Vec<usize>>,
    /// Beginnings of names.
    by_beginning: Vec<(String, usize)>,
}

impl Dictionary {
    /// Reads a dictionary.
    ///
    /// # Errors
    ///
    /// If the text is no TOML of this shape, or a function in it has a range that is none.
    pub fn read(text: &str) -> Result<Self, DictionaryError> {
        let (locks, elsewhere) = source::read(text)?;
        let mut dictionary = Self {
            elsewhere,
            ..Self::default()
        };
        for (number, lock) in locks.iter().enumerate() {
            for function in &lock.functions {
                match function.pattern.strip_suffix('*') {
                    Some(beginning) => dictionary.by_beginning.push((beginning.to_owned(), number)),
                    None => {
                        let locks = dictionary.by_name.entry(function.pattern.clone());
                        locks.or_default().push(number);
                    }
                }
            }
        }
        dictionary.locks = locks;
        Ok(dictionary)
    }

    /// All locks.
    #[must_use]
    pub fn locks(&self) -> &[KnownLock] {
        &self.locks
    }

    /// Functions, also those of detectors, that no kernel of the matrix has, and why they stay.
    #[must_use]
    pub fn elsewhere(&self) -> &[Elsewhere] {
        &self.elsewhere
    }

    /// What the locks that `function` takes are called if they are of family `kind`; `None`: not known, or not which of several.
    #[must_use]
    pub fn name_of(&self, function: &str, kind: LockKind) -> Option<String> {
        let by_beginning = || {
            let all = self.by_beginning.iter();
            let found = all
                .clone()
                .find(|(beginning, _)| function.starts_with(beginning.as_str()));
            found.map(|(_, number)| std::slice::from_ref(number))
        };
        let exact = self.by_name.get(function).map(Vec::as_slice);
        let numbers = exact.or_else(by_beginning)?.iter();
        let locks = numbers.filter_map(|number| self.locks.get(*number));
        let mut names: BTreeSet<String> = locks.filter_map(|lock| lock.name_as(kind)).collect();
        let name = names.pop_first();
        name.filter(|_| names.is_empty())
    }
}

/// The dictionary of this version. A test holds the committed file to be readable; were it not, nothing would be
/// known.
pub fn dictionary() -> &'static Dictionary {
    static DICTIONARY: LazyLock<Dictionary> =
        LazyLock::new(|| Dictionary::read(TEXT).unwrap_or_default());
    &DICTIONARY
}

/// What the lock of family `kind` that `function` takes is called.
#[must_use]
pub fn name_of(function: &str, kind: LockKind) -> Option<String> {
    dictionary().name_of(function, kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn committed() -> Dictionary {
        Dictionary::read(TEXT).expect("the committed dictionary")
    }

    #[test]
    fn each_function_takes_one_lock_of_a_family() {
        let mut seen = BTreeSet::new();
        let dictionary = committed();
        for lock in dictionary.locks() {
            assert!(!lock.functions.is_empty(), "{} has no function", lock.name);
            assert!(!lock.object.is_empty(), "{} guards nothing", lock.name);
            for function in &lock.functions {
                let pattern = &function.pattern;
                for kind in &lock.kinds {
                    assert!(
                        seen.insert((pattern.clone(), *kind)),
                        "{pattern} is there twice"
                    );
                }
            }
        }
        assert!(seen.len() > 300, "{}", seen.len());
    }

    #[test]
    fn exact_names_and_beginnings() {
        let name = |function| name_of(function, LockKind::Spinlock);
        let is = |name: &str| Some(name.to_owned());
        assert_eq!(name("futex_q_lock"), is("futex_hash_bucket.lock"));
        assert_eq!(name("folio_lruvec_lock_irqsave"), is("lruvec.lru_lock"));
        assert_eq!(name("alloc_fdx"), None);
    }

    #[test]
    fn a_function_that_takes_locks_of_two_families_names_each() {
        let name = |kind| name_of("do_renameat2", kind);
        let is = |name: &str| Some(name.to_owned());
        assert_eq!(name(LockKind::Rwsem), is("inode.i_rwsem"));
        assert_eq!(name(LockKind::Mutex), is("super_block.s_vfs_rename_mutex"));
        // The queue of either.
        assert_eq!(name(LockKind::Spinlock), None);
    }

    #[test]
    fn a_text_of_another_shape_is_refused() {
        let read = |text: &str| Dictionary::read(text).map(|d| d.locks().len());
        let lock = "[[lock]]\nname = \"a.b\"\nobject = \"a thing\"\nfunctions = [\"f 6.1..6.9\", \"g* inlined\"]\n";
        assert!(matches!(read(lock), Ok(1)));
        assert!(read("[[lock]]\nname = \"a.b\"\n").is_err());
        for function in ["f 6", "f ..", "f 6.9..6.1", "f 6.1.. maybe", ""] {
            let text = lock.replace("f 6.1..6.9", function);
            assert!(
                matches!(read(&text), Err(DictionaryError::Function { .. })),
                "{function}"
            );
        }
    }
}
