//! What the module's books say of one diagnosis, and how much of it the verdict has right.
//!
//! In: readings of the books, a mode, a verdict. Out: figures of the load, and the share of holder time that went to the true
//! holder. Refuses: readings that do not belong together.

use livelock_core::verdict::{LockReport, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::catalogue::Module;
use super::observation::function;
use crate::vm::console::Results;
use crate::vm::measured;

/// Figures of the load while it was diagnosed; shares are of the time of all CPUs, times of several locks added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Truth {
    /// Time spent waiting, asleep or not.
    pub(super) wait_pct: f64,
    /// Time spent holding.
    pub(super) hold_pct: f64,
    pub(super) handoffs_per_sec: f64,
    /// Trylocks that failed and reads or exchanges that had to be done again.
    pub(super) failed_tries_per_sec: f64,
    /// Completed operations.
    pub(super) ops_per_sec: f64,
    /// Share of all hold time that the module measured on the mode's holder; null if all of its threads do the same.
    pub(super) holder_share_pct: Option<f64>,
    /// Share of the holder time in the verdict that is on that path; null as above, and if the lock is not in the verdict.
    pub(super) holder_charged_pct: Option<f64>,
}

/// Reads the books of before and after.
pub(super) fn read(
    module: &Module,
    verdict: &Verdict,
    files: &Results,
    nr_cpus: u32,
) -> Result<Truth, String> {
    let [before, after] = ["truth_before", "truth_after"].map(|name| document(files, name));
    let books = measured::between(&before, &after, nr_cpus)
        .map_err(|err| format!("the module kept no books: {err:#}"))?;
    let sum = |of: fn(&measured::MeasuredLock) -> f64| books.locks.iter().map(of).sum();
    let retries: f64 = sum(|lock| lock.retries_per_sec);
    let failed_trylocks: f64 = sum(|lock| lock.failed_trylocks_per_sec);
    Ok(Truth {
        wait_pct: sum(|lock| lock.wait_pct),
        hold_pct: sum(|lock| lock.hold_pct),
        handoffs_per_sec: sum(|lock| lock.handoffs_per_sec),
        // A failed trylock is counted as a retry as well, of the lock that was held meanwhile.
        failed_tries_per_sec: failed_trylocks.max(retries),
        ops_per_sec: books.ops_per_sec,
        holder_share_pct: module
            .holder
            .as_ref()
            .and_then(|holder| books.hold_share_pct(holder)),
        holder_charged_pct: module
            .holder
            .as_ref()
            .and_then(|holder| charged_pct(module, holder, verdict)),
    })
}

/// Operations a second since the module was loaded.
pub(super) fn ops_per_sec(files: &Results, name: &str) -> Option<f64> {
    let books = document(files, name);
    let elapsed_ns = books["elapsed_ns"].as_f64().filter(|&ns| ns > 0.0)?;
    Some(books["nr_ops"].as_f64()? * 1e9 / elapsed_ns)
}

fn document(files: &Results, name: &str) -> Value {
    serde_json::from_slice(files.bytes(name)).unwrap_or(Value::Null)
}

/// What the verdict charges to the true holder, of what it charges to anybody.
fn charged_pct(module: &Module, holder: &str, verdict: &Verdict) -> Option<f64> {
    let is_of_mode = |lock: &&LockReport| module.locks.contains(&function(&lock.name));
    let lock = verdict.locks.iter().find(is_of_mode)?;
    let (mut true_pct, mut all_pct) = (0.0, 0.0);
    for side in &lock.holders {
        all_pct += side.share_pct;
        if side.stack.iter().any(|frame| function(frame) == holder) {
            true_pct += side.share_pct;
        }
    }
    (all_pct > 0.0).then(|| 100.0 * true_pct / all_pct)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::super::modes;
    use super::*;

    const VERDICT: &[u8] = include_bytes!("../../../docs/examples/headline-verdict.json");

    /// Books of a mode that completes `ops_per_sec` and fails as often.
    pub(in crate::corpus) fn truth(ops_per_sec: f64, failed_tries_per_sec: f64) -> Truth {
        Truth {
            wait_pct: 75.0,
            hold_pct: 20.0,
            handoffs_per_sec: 100.0,
            failed_tries_per_sec,
            ops_per_sec,
            holder_share_pct: None,
            holder_charged_pct: None,
        }
    }

    fn books(secs: u64, count: u64, holds_ns: [u64; 2]) -> Vec<u8> {
        let document = json!({
            "mode": "named-holder", "now_ns": secs * 1_000_000_000, "elapsed_ns": secs * 1_000_000_000, "nr_ops": count,
            "locks": [{
                "name": "truth_named_lock", "nr_acquired": count, "nr_handoffs": count / 2,
                "nr_failed_trylocks": 3 * count, "nr_retries": 2 * count,
                "wait": {"total_ns": secs * 3_000_000_000, "open_ns": 0},
                "hold": {"total_ns": holds_ns[0] + holds_ns[1], "open_ns": 0},
                "hold_fine_histogram": [],
            }],
            "paths": [
                {"function": "truth_holder_path", "hold_ns": holds_ns[0], "hold_open_ns": 0},
                {"function": "truth_waiter_path", "hold_ns": holds_ns[1], "hold_open_ns": 0},
            ],
        });
        serde_json::to_vec(&document).unwrap()
    }

    fn verdict(holders: &Value) -> Verdict {
        let mut document: Value = serde_json::from_slice(VERDICT).unwrap();
        document["locks"][0]["name"] = json!("truth_named_lock");
        document["locks"][0]["holders"] = holders.clone();
        serde_json::from_value(document).unwrap()
    }

    fn side(share_pct: f64, function: &str) -> Value {
        json!({
            "share_pct": share_pct, "stack": ["_raw_spin_lock+0x2c", format!("{function}+0x40")],
            "comm": null, "pid": null, "cgroup": null, "nr_samples": 5,
        })
    }

    fn read_with(holders: &Value) -> Truth {
        let module = modes::module_of("truth:named-holder").unwrap();
        let mut files = Results::default();
        files.insert("truth_before".to_owned(), books(1, 0, [0, 0]));
        files.insert("truth_after".to_owned(), books(3, 400, [90, 10]));
        read(&module, &verdict(holders), &files, 4).unwrap()
    }

    #[test]
    fn books_and_verdict_are_compared() {
        let truth = read_with(&json!([
            side(50.0, "truth_waiter_path"),
            side(30.0, "truth_holder_path"),
        ]));
        assert_eq!(truth.wait_pct, 75.0);
        assert_eq!(truth.handoffs_per_sec, 100.0);
        assert_eq!(truth.failed_tries_per_sec, 600.0);
        assert_eq!(truth.ops_per_sec, 200.0);
        assert_eq!(truth.holder_share_pct, Some(90.0));
        assert_eq!(truth.holder_charged_pct, Some(37.5));
    }

    #[test]
    fn nobody_is_charged_without_holders() {
        assert_eq!(read_with(&json!([])).holder_charged_pct, None);
    }

    #[test]
    fn one_reading_gives_the_rate_since_the_begin() {
        let mut files = Results::default();
        files.insert("alone".to_owned(), books(2, 500, [0, 0]));
        assert_eq!(ops_per_sec(&files, "alone"), Some(250.0));
        assert_eq!(ops_per_sec(&files, "none"), None);
        let module = modes::module_of("truth:named-holder").unwrap();
        let err = read(&module, &verdict(&json!([])), &files, 4).unwrap_err();
        assert!(err.contains("no books"), "{err}");
    }
}
