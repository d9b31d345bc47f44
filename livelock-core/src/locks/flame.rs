//! Paths of all locks by time, for flame graphs.
//!
//! In: tallies and names. Out: for each path of one side its frames, outermost first, and its share of the time that was
//! waited. Refuses: to leave out time whose path nobody saw.

use super::frames::function_frames;
use super::name::name_lock;
use super::path::PathTally;
use super::tally::LocksTally;
use super::user_paths::flame_frames;
use crate::ledger;
use crate::names::Names;

/// Which paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlameSide {
    /// Those that waited.
    Waiters,
    /// Those that held meanwhile.
    Holders,
}

/// A path, or time without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlamePath {
    /// The lock, then functions, outermost first.
    pub frames: Vec<String>,
    /// Time waited on this path, or because of it: spun, open waits included, and slept.
    pub time_ns: u64,
}

/// Frame of time whose path was not sampled.
const UNSEEN: &str = "[path not seen]";
/// Frame of time in which nobody knows who held.
const UNKNOWN: &str = "[holder not seen]";

/// Both sides of a lock sum up to the time that was waited for it, less what was stolen from waiters meanwhile, by the shares of the
/// sampled paths.
#[must_use]
pub fn flame(locks: &LocksTally, side: FlameSide, names: &dyn Names) -> Vec<FlamePath> {
    let mut all = Vec::new();
    for (lock, tally) in locks.by_burn() {
        let waited_ns = tally.burned_ns + tally.halted_ns + tally.sleep_ns;
        if waited_ns == 0 {
            continue;
        }
        let root = name_lock(lock, tally, names).name;
        let paths = match side {
            FlameSide::Waiters => &tally.waiters,
            FlameSide::Holders => &tally.holders,
        };
        let unknown_ns = match side {
            FlameSide::Waiters => 0,
            FlameSide::Holders => tally.unknown_of_ns(waited_ns),
        };
        if unknown_ns > 0 {
            all.push(FlamePath {
                frames: vec![root.clone(), UNKNOWN.to_owned()],
                time_ns: unknown_ns,
            });
        }
        let waited_ns = waited_ns - unknown_ns;
        let total: f64 = paths.scores().map(|(_, _, score)| score).sum();
        if total <= 0.0 {
            all.push(FlamePath {
                frames: vec![root, UNSEEN.to_owned()],
                time_ns: waited_ns,
            });
            continue;
        }
        for (addrs, path, score) in paths.scores() {
            let in_kernel: Vec<String> = function_frames(addrs, names).into_iter().rev().collect();
            let time_ns = waited_ns as f64 * score / total;
            for (user, part) in by_user_path(path, names) {
                let frames = [vec![root.clone()], user, in_kernel.clone()];
                all.push(FlamePath {
                    frames: frames.concat(),
                    time_ns: (time_ns * part).round() as u64,
                });
            }
        }
    }
    merged(all)
}

/// User code that leads into a path, and its part of it; one without any if nobody asked.
fn by_user_path(path: &PathTally, names: &dyn Names) -> Vec<(Vec<String>, f64)> {
    let total: u64 = path.user_paths.values().map(|share| share.weight).sum();
    let parts = path.user_paths.iter().filter_map(|(user, share)| {
        let part = ledger::time::share(share.weight, total)?;
        Some((flame_frames(user, names), part))
    });
    let parts: Vec<_> = parts.collect();
    match parts.is_empty() {
        true => vec![(Vec::new(), 1.0)],
        false => parts,
    }
}

/// One entry for each path, in the order of names.
fn merged(mut paths: Vec<FlamePath>) -> Vec<FlamePath> {
    paths.sort_by(|a, b| a.frames.cmp(&b.frames));
    paths.dedup_by(|later, first| {
        let is_same = later.frames == first.frames;
        if is_same {
            first.time_ns = first.time_ns.saturating_add(later.time_ns);
        }
        is_same
    });
    paths.retain(|path| path.time_ns > 0);
    paths
}
