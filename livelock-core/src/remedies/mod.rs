//! What an expert would do.
//!
//! In: the cause's class, the lock that burns and this host's numbers. Out: remedies with reason, cost and a command
//! that confirms. Refuses: remedies for what was not found.
//!
//! Source: docs/detection.md.

mod numbers;
mod rows;

pub use numbers::Numbers;

use rows::{
    BY_LOCK, COLLAPSE, MAYBE_OVERCOMMIT, OVERCOMMIT, Row, SLEEPERS, STUCK, UNSEEN_WORK, UNTRACED,
    row,
};

use crate::detectors;
use crate::thresholds as at;
use crate::verdict::{CauseClass, LockReport, Remedy};

/// What is said of a row's gain on this host.
#[derive(Clone, Copy)]
enum Gain {
    Lock,
    Class,
    Ticks,
}

/// Remedies for `class` with the numbers of this host, which may be an overcommitted guest.
#[must_use]
pub fn remedies(
    class: CauseClass,
    numbers: &Numbers<'_>,
    overcommitted: bool,
    is_guest: bool,
) -> Vec<Remedy> {
    let mut rows: Vec<(Row, Gain)> = Vec::new();
    let mut add = |more: &[Row], gain| rows.extend(more.iter().map(|row| (*row, gain)));
    let by_lock: Vec<Row> = BY_LOCK
        .iter()
        .filter(|(part, _)| numbers.lock.is_some_and(|lock| lock.name.contains(part)))
        .flat_map(|(_, rows)| rows.iter().copied())
        .collect();
    let is_contention = matches!(
        class,
        CauseClass::SpinCollapse
            | CauseClass::HolderPreemption
            | CauseClass::LockContention
            | CauseClass::StuckSpin
            | CauseClass::UntracedSpin
    ) || (detectors::has_locks(class) && numbers.lock.is_some_and(burns));
    let may_be_overcommit = overcommitted && (is_contention || class == CauseClass::HostOvercommit);
    if may_be_overcommit && is_guest {
        add(OVERCOMMIT, Gain::Ticks);
    }
    match class {
        CauseClass::SpinCollapse | CauseClass::LockContention => {
            add(&by_lock, Gain::Lock);
            add(COLLAPSE, Gain::Lock);
        }
        CauseClass::StuckSpin => {
            add(STUCK, Gain::Lock);
            add(&by_lock, Gain::Lock);
        }
        CauseClass::UntracedSpin => add(UNTRACED, Gain::Class),
        CauseClass::SleepingLock => {
            add(&by_lock, Gain::Lock);
            add(SLEEPERS, Gain::Lock);
        }
        CauseClass::RwsemSpin
        | CauseClass::MutexSpin
        | CauseClass::HolderPreemption
        | CauseClass::LongHold => add(&by_lock, Gain::Lock),
        // The others have rows of their own, or need none.
        _ => {}
    }
    let of_class: Vec<Row> = detectors::remedies_of(class)
        .iter()
        .map(|&(action, reason, cost, confirm)| row(action, reason, cost, confirm))
        .collect();
    add(&of_class, Gain::Class);
    if may_be_overcommit && !is_guest {
        add(MAYBE_OVERCOMMIT, Gain::Ticks);
    }
    rows.into_iter()
        .map(|(row, gain)| remedy(&row, gain, numbers))
        .collect()
}

/// Whether enough is spun away on it that a holder without a CPU would matter.
fn burns(lock: &LockReport) -> bool {
    lock.spin_pct() >= 100.0 * at::PLACE_SHARE
}

/// What to type where the kernel works on something, and nothing shows on what.
#[must_use]
pub fn look_closer() -> Remedy {
    Remedy {
        action: UNSEEN_WORK.action.to_owned(),
        reason: UNSEEN_WORK.reason.to_owned(),
        cost: Some(UNSEEN_WORK.cost.to_owned()),
        confirm: UNSEEN_WORK.confirm.to_owned(),
    }
}

fn remedy(row: &Row, gain: Gain, numbers: &Numbers<'_>) -> Remedy {
    let here = match gain {
        Gain::Lock => numbers.of_lock(),
        Gain::Class => numbers.of_class(),
        Gain::Ticks => numbers.of_ticks(),
    };
    Remedy {
        action: row.action.to_owned(),
        reason: match here {
            Some(here) => format!("{}; here {here}", row.reason),
            None => row.reason.to_owned(),
        },
        cost: Some(row.cost.to_owned()),
        confirm: row.confirm.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock_report::specimen as report;

    fn numbers(report: &LockReport) -> Numbers<'_> {
        Numbers {
            nr_cpus: 8.0,
            lock: Some(report),
            share: Some(0.42),
            lost_ticks_pct: Some(31.0),
        }
    }

    #[test]
    fn a_reason_has_this_host_s_numbers() {
        let report = report("futex_hash_bucket.lock");
        let found = remedies(CauseClass::FutexBucket, &numbers(&report), false, false);
        assert!(
            found[0].reason.ends_with("here it takes 42 % of busy time"),
            "{}",
            found[0].reason
        );
        let found = remedies(CauseClass::SpinCollapse, &numbers(&report), false, false);
        assert!(
            found[0].reason.ends_with(
                "here 7.6 of 8 CPUs spin for it, half of the 737 waits take over 50.0 ms, it is handed on \
                 every 3.5 ms"
            ),
            "{}",
            found[0].reason
        );
        let found = remedies(CauseClass::SpinCollapse, &numbers(&report), true, true);
        assert!(
            found[0]
                .reason
                .ends_with("here 31 % of the timer ticks are lost")
        );
        assert!(found.iter().all(|remedy| remedy.cost.is_some()));
    }

    #[test]
    fn the_lock_comes_before_the_class() {
        let found = remedies(
            CauseClass::SpinCollapse,
            &numbers(&report("files_struct.file_lock")),
            false,
            true,
        );
        assert!(found[0].reason.contains("descriptor table"));
        assert!(found.iter().any(|r| r.action.contains("shard")));
        assert!(!found.iter().any(|r| r.action.contains("overcommit")));
    }

    #[test]
    fn an_overcommitted_guest_is_not_blamed_on_the_lock() {
        let found = remedies(
            CauseClass::SpinCollapse,
            &numbers(&report("files_struct.file_lock")),
            true,
            true,
        );
        assert!(found[0].action.contains("overcommit"));
        let of_place = |burn_pct: f64| {
            let mut lock = report("lruvec.lru_lock");
            lock.burn_pct = burn_pct;
            let found = remedies(CauseClass::MemoryLocks, &numbers(&lock), true, true);
            found[0].action.contains("overcommit")
        };
        assert!(of_place(60.0));
        assert!(!of_place(1.0));
        let unknown = remedies(
            CauseClass::SpinCollapse,
            &numbers(&report("files_struct.file_lock")),
            true,
            false,
        );
        assert!(unknown[0].reason.contains("descriptor table"));
        assert!(
            unknown
                .last()
                .unwrap()
                .action
                .starts_with("if this host is a guest")
        );
    }

    #[test]
    fn a_lock_with_list_in_its_name_is_not_one_of_files() {
        let first = |name: &str| {
            let report = report(name);
            let found = remedies(CauseClass::LockContention, &numbers(&report), false, false);
            found[0].action.clone()
        };
        assert!(first("nf_conncount_list.list_lock").starts_with("count connections"));
        assert!(first("kmem_cache_node.list_lock").starts_with("spread the load over file"));
    }

    #[test]
    fn nothing_found_needs_no_remedy() {
        assert!(remedies(CauseClass::None, &Numbers::default(), true, true).is_empty());
        let report = report("zone.lock");
        let zone = Numbers {
            lock: Some(&report),
            ..Numbers::default()
        };
        assert!(remedies(CauseClass::UserCompute, &zone, false, false).is_empty());
    }
}
