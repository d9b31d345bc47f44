//! Whether there can be a lock of a name.
//!
//! In: a name that somebody typed, BTF, `/proc/kallsyms`. Out: the names that may have been meant, if no lock can have
//! that one. Refuses: a name only if the kernel knows none of its words; whether it is waited for shows later.

use livelock_core::lock_dictionary::dictionary;

use crate::btf::Btf;
use crate::nearest::{nearest, suggestion};

/// A message if `name` cannot be that of a lock.
#[must_use]
pub fn unknown_lock(name: &str, btf: &Btf) -> Option<String> {
    let kallsyms = std::fs::read_to_string("/proc/kallsyms").ok();
    unknown_word(name, btf, kallsyms.as_deref()).map(|word| {
        let known = dictionary().locks().iter().map(|lock| lock.name.as_str());
        format!(
            "this kernel knows no `{word}`, so no lock is called {name}: type --lock with a name as `livelock diagnose` \
             lists it, or an address{}",
            suggestion(&nearest(name, known))
        )
    })
}

/// The first word of `name` that nothing is called.
pub(super) fn unknown_word<'a>(
    name: &'a str,
    btf: &Btf,
    kallsyms: Option<&str>,
) -> Option<&'a str> {
    // `alloc_fd()'s lock` is about one word; what follows a space is for people.
    let named = name.split([' ', '(']).next().unwrap_or(name);
    if dictionary().locks().iter().any(|lock| lock.name == named) {
        return None;
    }
    let mut words = named.split(['.', '+']).filter(|word| !word.is_empty());
    words.find(|word| {
        // Global variables have no BTF. Where symbols cannot be read, nobody knows.
        let is_symbol = kallsyms.is_none_or(|text| {
            let mut lines = text.lines();
            lines.any(|line| line.split_ascii_whitespace().nth(2) == Some(*word))
        });
        !(is_number(word) || btf.has_word(word) || is_symbol)
    })
}

/// Of `symbol+0x40`.
fn is_number(word: &str) -> bool {
    word.starts_with("0x")
}
