//! What the module's books say of the time between two readings.
//!
//! In: two documents `livelock.truth/v1`, the earlier first. Out: shares and rates. Refuses: documents
//! of different modes, and readings without time between them.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is read of a document; it holds more.
#[derive(Debug, Deserialize)]
struct Books {
    mode: String,
    now_ns: u64,
    nr_ops: u64,
    locks: Vec<Lock>,
    paths: Vec<Path>,
}

#[derive(Debug, Deserialize)]
struct Lock {
    name: String,
    nr_acquired: u64,
    nr_handoffs: u64,
    nr_failed_trylocks: u64,
    nr_retries: u64,
    wait: Times,
    hold: Times,
    /// Longest time of a bucket in nanoseconds, and holds in it.
    hold_fine_histogram: Vec<(u64, u64)>,
    /// Of those who had to wait; empty where nobody knows.
    #[serde(default)]
    waited_hold_fine_histogram: Vec<(u64, u64)>,
    /// Those that began and ended with somebody in line; empty where nobody knows.
    #[serde(default)]
    in_line_hold_fine_histogram: Vec<(u64, u64)>,
    /// The same, from the end of the wait to the release as the kernel's events tell them; empty where there are none.
    #[serde(default)]
    event_hold_fine_histogram: Vec<(u64, u64)>,
}

/// Closed intervals, and how far the open ones have come.
#[derive(Debug, Deserialize)]
struct Times {
    total_ns: u64,
    open_ns: u64,
}

#[derive(Debug, Deserialize)]
struct Path {
    function: String,
    hold_ns: u64,
    hold_open_ns: u64,
}

/// One interval, measured by the module itself.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Measured {
    elapsed_ns: u64,
    pub(crate) ops_per_sec: f64,
    pub(crate) locks: Vec<MeasuredLock>,
    /// The path that held for most of the time; none if nothing is held in this mode.
    longest_holder: Option<Holder>,
    /// All paths that held.
    holders: Vec<Holder>,
}

/// A path that held, and so one that a verdict may name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Holder {
    function: String,
    /// Of all hold time in the interval.
    share_pct: f64,
}

impl Measured {
    /// Share of all hold time that `function` had; none if nothing was held.
    pub(crate) fn hold_share_pct(&self, function: &str) -> Option<f64> {
        self.longest_holder.as_ref()?;
        let holder = self.holders.iter().find(|it| it.function == function);
        Some(holder.map_or(0.0, |holder| holder.share_pct))
    }
}

/// One lock in that interval.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct MeasuredLock {
    name: String,
    /// Of the time of all CPUs.
    pub(crate) wait_pct: f64,
    /// Of the time of all CPUs.
    pub(crate) hold_pct: f64,
    acquired_per_sec: f64,
    pub(crate) handoffs_per_sec: f64,
    pub(crate) failed_trylocks_per_sec: f64,
    pub(crate) retries_per_sec: f64,
    /// Of the holds that ended in the interval; none if none did.
    hold_percentiles: Option<Percentiles>,
    /// Of the holds of those who had to wait for it; none of locks that are not slept for.
    waited_hold_percentiles: Option<Percentiles>,
    /// Of the holds that began and ended with somebody in line, which are those that the tool tells; none of locks that are not slept for.
    in_line_hold_percentiles: Option<Percentiles>,
    /// Of the same holds, timed by the module where the kernel's events are: the holder's way to and from them is in it.
    /// None where the kernel tells of no release.
    event_hold_percentiles: Option<Percentiles>,
}

/// Hold times that so many percent do not exceed: tops of buckets, 3 % too long at most.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// Holds.
    nr: u64,
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    max_ns: u64,
}

impl Percentiles {
    /// Of the holds that `after` has and `before` has not.
    fn between(before: &[(u64, u64)], after: &[(u64, u64)]) -> Option<Self> {
        let before: BTreeMap<u64, u64> = before.iter().copied().collect();
        let nr_new = |&(top_ns, nr): &(u64, u64)| {
            let nr_before = before.get(&top_ns).copied().unwrap_or(0);
            Some((top_ns, nr.saturating_sub(nr_before))).filter(|(_, nr)| *nr > 0)
        };
        let new: Vec<(u64, u64)> = after.iter().filter_map(nr_new).collect();
        let total: u64 = new.iter().map(|(_, nr)| nr).sum();
        let percentile = |percent: u64| {
            let rank = (total * percent).div_ceil(100).max(1);
            let mut nr_seen = 0;
            let reaches = |(_, nr): &&(u64, u64)| {
                nr_seen += nr;
                nr_seen >= rank
            };
            new.iter().find(reaches).map(|(top_ns, _)| *top_ns)
        };
        Some(Self {
            nr: total,
            p50_ns: percentile(50)?,
            p90_ns: percentile(90)?,
            p99_ns: percentile(99)?,
            max_ns: percentile(100)?,
        })
    }
}

impl Times {
    /// All time so far. A wait that is open at one reading and closed at the next is counted once.
    fn so_far_ns(&self) -> u64 {
        self.total_ns.saturating_add(self.open_ns)
    }
}

/// Compares two readings in a guest with `nr_cpus`.
pub(crate) fn between(before: &Value, after: &Value, nr_cpus: u32) -> anyhow::Result<Measured> {
    let before = Books::deserialize(before).context("failed to read the books before")?;
    let after = Books::deserialize(after).context("failed to read the books after")?;
    ensure!(
        before.mode == after.mode && before.locks.len() == after.locks.len(),
        "the books are of different modes, {} and {}",
        before.mode,
        after.mode
    );
    let elapsed_ns = after.now_ns.saturating_sub(before.now_ns);
    ensure!(
        elapsed_ns > 0 && nr_cpus > 0,
        "there is no time between the books"
    );
    let per_sec = |from: u64, to: u64| to.saturating_sub(from) as f64 * 1e9 / elapsed_ns as f64;
    let pct = |from: &Times, to: &Times| {
        let spent_ns = to.so_far_ns().saturating_sub(from.so_far_ns());
        spent_ns as f64 * 100.0 / (elapsed_ns as f64 * f64::from(nr_cpus))
    };
    let locks = before.locks.iter().zip(&after.locks);
    let holders = holders(&before.paths, &after.paths);
    Ok(Measured {
        elapsed_ns,
        ops_per_sec: per_sec(before.nr_ops, after.nr_ops),
        locks: locks
            .map(|(from, to)| MeasuredLock {
                name: to.name.clone(),
                wait_pct: pct(&from.wait, &to.wait),
                hold_pct: pct(&from.hold, &to.hold),
                acquired_per_sec: per_sec(from.nr_acquired, to.nr_acquired),
                handoffs_per_sec: per_sec(from.nr_handoffs, to.nr_handoffs),
                failed_trylocks_per_sec: per_sec(from.nr_failed_trylocks, to.nr_failed_trylocks),
                retries_per_sec: per_sec(from.nr_retries, to.nr_retries),
                hold_percentiles: Percentiles::between(
                    &from.hold_fine_histogram,
                    &to.hold_fine_histogram,
                ),
                waited_hold_percentiles: Percentiles::between(
                    &from.waited_hold_fine_histogram,
                    &to.waited_hold_fine_histogram,
                ),
                in_line_hold_percentiles: Percentiles::between(
                    &from.in_line_hold_fine_histogram,
                    &to.in_line_hold_fine_histogram,
                ),
                event_hold_percentiles: Percentiles::between(
                    &from.event_hold_fine_histogram,
                    &to.event_hold_fine_histogram,
                ),
            })
            .collect(),
        longest_holder: holders
            .iter()
            .max_by(|one, other| one.share_pct.total_cmp(&other.share_pct))
            .cloned(),
        holders,
    })
}

/// Paths that held in the interval, in the order of the books.
fn holders(before: &[Path], after: &[Path]) -> Vec<Holder> {
    let so_far_ns = |path: &Path| path.hold_ns.saturating_add(path.hold_open_ns);
    let held: Vec<(u64, &Path)> = before
        .iter()
        .zip(after)
        .map(|(from, to)| (so_far_ns(to).saturating_sub(so_far_ns(from)), to))
        .filter(|(held_ns, _)| *held_ns > 0)
        .collect();
    let total_ns: u64 = held.iter().map(|(held_ns, _)| held_ns).sum();
    held.into_iter()
        .map(|(held_ns, path)| Holder {
            function: path.function.clone(),
            share_pct: held_ns as f64 * 100.0 / total_ns as f64,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn books(now_ns: u64, count: u64, wait: (u64, u64), holds: [u64; 2]) -> Value {
        json!({
            "schema": "livelock.truth/v1",
            "mode": "named-holder",
            "now_ns": now_ns,
            "nr_ops": count,
            "locks": [{
                "name": "truth_named_lock",
                "nr_acquired": count, "nr_handoffs": count / 2,
                "nr_failed_trylocks": 0, "nr_retries": 0,
                "wait": {"total_ns": wait.0, "open_ns": wait.1},
                "hold": {"total_ns": holds[0] + holds[1], "open_ns": 0},
                "hold_fine_histogram": [[63, count], [1023, 2 * count], [2047, 10]],
                "waited_hold_fine_histogram": [[63, count]],
                "in_line_hold_fine_histogram": [[31, count / 2]],
                "event_hold_fine_histogram": [[47, count / 4]],
            }],
            "paths": [
                {"function": "truth_holder_path", "hold_ns": holds[0], "hold_open_ns": 0},
                {"function": "truth_waiter_path", "hold_ns": holds[1], "hold_open_ns": 0},
            ],
        })
    }

    #[test]
    fn shares_are_of_all_cpus_and_rates_of_a_second() {
        let before = books(1_000_000_000, 100, (0, 500_000_000), [0, 0]);
        let after = books(3_000_000_000, 500, (6_000_000_000, 500_000_000), [300, 100]);
        let measured = between(&before, &after, 4).unwrap();
        assert_eq!(measured.elapsed_ns, 2_000_000_000);
        assert_eq!(measured.ops_per_sec, 200.0);
        let lock = &measured.locks[0];
        // 6 s of 8 CPU seconds: the wait that was open before has closed, another one is open.
        assert_eq!(lock.wait_pct, 75.0);
        assert_eq!(lock.handoffs_per_sec, 100.0);
        // 400 and 800 new ones; the ten others were there before.
        let holds = Percentiles {
            nr: 1200,
            p50_ns: 1023,
            p90_ns: 1023,
            p99_ns: 1023,
            max_ns: 1023,
        };
        assert_eq!(lock.hold_percentiles, Some(holds));
        let waited = lock.waited_hold_percentiles.as_ref().unwrap();
        assert_eq!((waited.nr, waited.p50_ns, waited.max_ns), (400, 63, 63));
        let in_line = lock.in_line_hold_percentiles.as_ref().unwrap();
        assert_eq!((in_line.nr, in_line.p50_ns, in_line.max_ns), (200, 31, 31));
        let event = lock.event_hold_percentiles.as_ref().unwrap();
        assert_eq!((event.nr, event.p50_ns, event.max_ns), (100, 47, 47));
        assert_eq!(measured.hold_share_pct("truth_waiter_path"), Some(25.0));
        assert_eq!(measured.hold_share_pct("truth_hot_path"), Some(0.0));
        let holder = measured.longest_holder.unwrap();
        assert_eq!(holder.function, "truth_holder_path");
        assert_eq!(holder.share_pct, 75.0);
    }

    #[test]
    fn a_mode_that_holds_nothing_has_no_holder() {
        let measured = between(
            &books(1, 0, (0, 0), [0, 0]),
            &books(2, 0, (0, 0), [0, 0]),
            4,
        );
        let measured = measured.unwrap();
        assert_eq!(measured.longest_holder, None);
        assert_eq!(measured.hold_share_pct("truth_holder_path"), None);
        assert_eq!(measured.locks[0].hold_percentiles, None);
    }

    #[test]
    fn a_percentile_is_the_top_of_its_bucket() {
        let holds =
            |nrs: [u64; 3]| Percentiles::between(&[], &[(31, nrs[0]), (63, nrs[1]), (99, nrs[2])]);
        let seen = |nr, [p50_ns, p90_ns, p99_ns, max_ns]: [u64; 4]| {
            Some(Percentiles {
                nr,
                p50_ns,
                p90_ns,
                p99_ns,
                max_ns,
            })
        };
        assert_eq!(holds([50, 45, 5]), seen(100, [31, 63, 99, 99]));
        assert_eq!(holds([49, 50, 1]), seen(100, [63, 63, 63, 99]));
        assert_eq!(holds([1, 0, 0]), seen(1, [31, 31, 31, 31]));
    }

    #[test]
    fn books_that_do_not_belong_together_are_refused() {
        let one = books(1, 0, (0, 0), [0, 0]);
        let mut other = books(2, 0, (0, 0), [0, 0]);
        assert!(between(&one, &one, 4).is_err());
        assert!(between(&one, &other, 0).is_err());
        other["mode"] = json!("spin-hot");
        assert!(between(&one, &other, 4).is_err());
        assert!(between(&Value::Null, &one, 4).is_err());
    }
}
