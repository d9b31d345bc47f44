//! A filter in words.
//!
//! In: a [`Filter`]. Out: what is listed, or nothing if that is everything. Refuses: to leave out a part of it.

use livelock_core::filter::Filter;

use super::units::duration;

/// `spinlocks and mutexes; waits of 10 us and longer of tasks called nginx`.
pub(crate) fn filter_text(filter: &Filter) -> Option<String> {
    let mut which = Vec::new();
    which.extend(filter.lock.as_ref().map(|lock| format!("lock {lock}")));
    which.extend(filter.kinds.iter().map(|kinds| {
        let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
        format!("kind {}", words.join(" or "))
    }));
    let waits = filter.min_wait_ns;
    which.extend(waits.map(|ns| format!("waits of {} and longer", duration(ns))));
    let caller = filter.caller.as_ref();
    which.extend(caller.map(|function| format!("waits through {function}")));
    let comm = filter.comm.as_ref();
    which.extend(comm.map(|comm| format!("waits of tasks called {comm}")));
    (!which.is_empty()).then(|| which.join(", "))
}

#[cfg(test)]
mod tests {
    use livelock_core::event::LockKind;
    use livelock_core::filter::LockFilter;

    use super::*;

    #[test]
    fn every_part_of_a_filter_has_its_words() {
        assert_eq!(filter_text(&Filter::default()), None);
        let filter = Filter {
            lock: Some(LockFilter::Name("rq.__lock".to_owned())),
            kinds: Some([LockKind::Spinlock, LockKind::Mutex].into()),
            caller: Some("alloc_fd".to_owned()),
            comm: Some("nginx".to_owned()),
            min_wait_ns: Some(10_000),
        };
        assert_eq!(
            filter_text(&filter).unwrap(),
            "lock rq.__lock, kind spinlock or mutex, waits of 10 us and longer, waits through alloc_fd, waits of tasks \
             called nginx"
        );
    }
}
