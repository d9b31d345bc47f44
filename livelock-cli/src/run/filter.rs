//! What a filter is to the kernel programs, and a word where it lets nothing pass.
//!
//! In: a [`Filter`], at the end the judge. Out: a [`WaitFilter`], a message. Refuses: to have the kernel leave out what a
//! verdict needs. It counts and times every wait; of the waits that are not listed it takes no stacks, which is what costs.

use livelock_core::filter::{Filter, LockFilter};
use livelock_core::verdict::Verdict;

use super::session::Ended;
use crate::capture::WaitFilter;
use crate::decode;
use crate::nearest::{nearest, suggestion};

/// What the kernel can tell of `filter`: kinds and addresses. Names and callers are known in user space only. Names of
/// tasks it could tell, but must not: whoever holds a lock against such a task has another name, and was a waiter before.
pub(super) fn wait_filter(filter: &Filter) -> WaitFilter {
    let passes = |flags: u32| {
        let kinds = filter.kinds.as_ref();
        kinds.is_none_or(|kinds| kinds.contains(&decode::kind(flags)))
    };
    WaitFilter {
        flags: (0..u64::BITS)
            .filter(|&flags| passes(flags))
            .fold(0, |bits, flags| bits | 1 << flags),
        lock_addr: match filter.lock {
            Some(LockFilter::Addr(addr)) => addr.0,
            _ => 0,
        },
        ..WaitFilter::default()
    }
}

/// Says so if nothing was called what is looked for.
pub(super) fn say_unmatched(ended: &Ended, verdict: &Verdict) {
    let Some(LockFilter::Name(wanted)) = &verdict.filter.lock else {
        return;
    };
    let names = ended.judge.lock_names(&*ended.names);
    if names.is_empty() || names.iter().any(|name| verdict.filter.has_name(name)) {
        return;
    }
    let near = nearest(wanted, names.iter().map(String::as_str));
    eprintln!(
        "livelock: nobody waited for a lock called {wanted}{}",
        suggestion(&near)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use livelock_common::lcb;
    use livelock_core::event::LockKind;

    #[test]
    fn every_flag_of_a_kind_passes_and_no_other() {
        assert_eq!(wait_filter(&Filter::default()), WaitFilter::default());
        let of = |kind| {
            wait_filter(&Filter {
                kinds: Some([kind].into()),
                ..Filter::default()
            })
        };
        let passes = |filter: WaitFilter, flags: u32| filter.flags >> flags & 1 == 1;
        let mutexes = of(LockKind::Mutex);
        // A mutex spins, then sleeps; 5.19 has no flag for it.
        for flags in [lcb::MUTEX, lcb::MUTEX | lcb::SPIN, 0] {
            assert!(passes(mutexes, flags), "{flags}");
        }
        for flags in [lcb::SPIN, lcb::READ, lcb::WRITE, lcb::SPIN | lcb::READ] {
            assert!(!passes(mutexes, flags), "{flags}");
        }
        assert!(passes(of(LockKind::Rwlock), lcb::SPIN | lcb::WRITE));
    }
}
