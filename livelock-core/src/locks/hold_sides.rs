//! Who holds.
//!
//! In: what a tally has of holders, and names. Out: [`LockSide`]s, largest share first, and the time of which it is not known
//! who held. Refuses: to call code the holder's that is not below the function that acquired the lock, unless nobody else can
//! have it; whoever was sampled elsewhere may have let go.

use super::frames::{path_function, printed_stack};
use super::path::PathTally;
use super::sides::{Side, Sides, by_stack, groups, ranked};
use super::tally::LockTally;
use crate::event::LockKind;
use crate::filter::Filter;
use crate::holder_report::{Hindrance, HolderSource};
use crate::ids::CodeAddr;
use crate::names::Names;
use crate::thresholds::{NR_MIN_GAPS, STANDS_OUT_FACTOR, USUAL_HOLD_FACTOR, USUAL_HOLD_PCT};
use crate::verdict::{Confidence, LockSide};

/// The holders of a lock.
pub(super) struct Holders {
    pub(super) sides: Vec<LockSide>,
    /// Share of the time that it was held while others waited of which nobody knows who held it; `None` if none was seen.
    pub(super) unknown_pct: Option<f64>,
}

/// Who holds. Times of holds give the shares; samples of holders confirm them, and stand in where no acquisition with a
/// stack was followed.
pub(super) fn holders(tally: &LockTally, names: &dyn Names) -> Holders {
    let all = Filter::default();
    let mut sides = by_stack(&tally.holders, &all, names);
    // Sampled stacks tell how the time is shared; how much it is, is known.
    let charged: f64 = sides.values().map(|side| side.score).sum();
    let has_times = charged > 0.0;
    let is_slow = tally.is_handover_slow();
    let handover_ns = match tally.kind {
        LockKind::Spinlock => common_handover_ns(&sides),
        // Who sleeps has to be woken, and that takes as long as it takes.
        _ => 0,
    };
    let mut doubtful_ns = 0.0;
    for side in sides.values_mut() {
        let share = if has_times { side.score / charged } else { 0.0 };
        let at_most_ns = share * tally.held_ns as f64;
        let (held_ns, sure) = match is_slow {
            true => (
                at_most_ns * plausible_share(side, handover_ns),
                Confidence::Medium,
            ),
            false => (at_most_ns, of_chain(tally.kind)),
        };
        doubtful_ns += at_most_ns - held_ns;
        side.unscore();
        side.score(held_ns, sure.min(of_chain(tally.kind)));
        let nr = side.nr_samples.saturating_sub(side.nr_released);
        side.know(HolderSource::LastAcquirer, nr);
        side.know(HolderSource::ContendedRelease, side.nr_released);
    }
    let waiters = by_stack(&tally.waiters, &all, names);
    let groups = groups(waiters.values().chain(sides.values()));
    let acquirers: Vec<Vec<String>> = waiters.keys().chain(sides.keys()).cloned().collect();
    for (frames, path, _) in tally.inside.scores() {
        let sampled = printed(frames, names);
        let Some((acquirer, depth)) = acquired_by(&sampled, &acquirers) else {
            continue;
        };
        let side = sides.entry(acquirer.clone()).or_default();
        if !has_times {
            side.score(path.nr_samples as f64, Confidence::Medium);
        }
        sampled_in(side, path, &sampled, depth);
    }
    let sampled_ns = add_unseen(&mut sides, tally, &acquirers, names);
    let unknown_ns = (tally.unseen_ns as f64 - sampled_ns).max(0.0) + doubtful_ns;
    let mut sides: Vec<_> = sides.into_iter().collect();
    let by_word = add_owners(&mut sides, &waiters, tally);
    let unknown = if by_word { 0.0 } else { unknown_ns };
    let known: f64 = sides.iter().map(|(_, side)| side.score).sum();
    Holders {
        sides: ranked(sides, unknown, &groups, names),
        unknown_pct: (known + unknown > 0.0).then(|| 100.0 * unknown / (known + unknown)),
    }
}

/// What of the time up to the first sign of release a path is likely to have held, where hand-over is slow: CPUs stand still,
/// and one that does so just after it let go leaves no sign. Whoever let go to somebody who ran shows how long it takes; what is
/// beyond was held only as far as the holder was seen to run. So is what hand-over takes on every path.
fn plausible_share(side: &Side, handover_ns: u64) -> f64 {
    let Some(most_ns) = most_likely_ns(side) else {
        return 1.0;
    };
    let (usual, all) = side.bounds.sums_ns(handover_ns, most_ns);
    let likely = usual.max(side.seen_ns as f64);
    if all > 0.0 {
        (likely / all).min(1.0)
    } else {
        1.0
    }
}

/// How long a path usually holds, with the hand-over.
fn usual_ns(side: &Side) -> Option<u64> {
    side.bounds.percentile_with_ns(USUAL_HOLD_PCT, 0)
}

/// The longest hold that is likely on a path.
fn most_likely_ns(side: &Side) -> Option<u64> {
    Some(usual_ns(side)?.saturating_mul(USUAL_HOLD_FACTOR))
}

/// What of each hold may be hand-over, as far as paths tell it: the way to the next in line is the same whoever lets go, so that it
/// takes no longer than the likely holds of the path that is through soonest, with what follows them. That path may hold for part of
/// it; if another takes several times as long, it is that other one that makes the others wait. 0 where all paths take about as long:
/// that may be all hold.
fn common_handover_ns(sides: &Sides) -> u64 {
    let known = || {
        let sides = sides.values();
        sides.filter(|side| side.bounds.count() >= NR_MIN_GAPS)
    };
    let soonest = known().min_by_key(|side| usual_ns(side));
    let Some((soonest, soonest_ns)) = soonest.and_then(|side| Some((side, usual_ns(side)?))) else {
        return 0;
    };
    let stands_out_ns = soonest_ns.saturating_mul(STANDS_OUT_FACTOR);
    if known().filter_map(usual_ns).any(|ns| ns >= stands_out_ns) {
        most_likely_ns(soonest).unwrap_or(0)
    } else {
        0
    }
}

/// How sure the last acquirer is the holder while the next one waits: of a spinlock, whose waiters queue, entirely; of a
/// sleeping lock unless somebody takes it who does not wait; of one that readers share not at all.
const fn of_chain(kind: LockKind) -> Confidence {
    match kind {
        LockKind::Spinlock => Confidence::High,
        LockKind::Mutex | LockKind::Rtmutex => Confidence::Medium,
        _ => Confidence::Low,
    }
}

/// Counts samples of a holder, `depth` frames below the function that acquired.
fn sampled_in(side: &mut Side, path: &PathTally, sampled: &[String], depth: usize) {
    let nr = path.nr_samples;
    side.know(HolderSource::SampledOnCpu, nr);
    side.add(path);
    if let Some((why, ran)) = interrupt(sampled.get(..depth).unwrap_or_default()) {
        *side.hindered.entry((why, Some(ran))).or_default() += nr;
        return;
    }
    side.nr_running += nr;
    if let Some(innermost) = sampled.first() {
        let doing = side.doing.entry(function(innermost).to_owned());
        *doing.or_default() += nr;
    }
}

/// Samples of a holder that was not seen to acquire.
struct Found<'a> {
    /// The path that it is charged to.
    stack: Vec<String>,
    path: &'a PathTally,
    /// Where it was sampled, and how deep below the function that acquired.
    sampled: Vec<String>,
    depth: usize,
    sure: Confidence,
}

/// Adds those that were sampled while nobody who had waited held it; gives their time.
fn add_unseen(
    sides: &mut Sides,
    tally: &LockTally,
    acquirers: &[Vec<String>],
    names: &dyn Names,
) -> f64 {
    let mut found: Vec<Found<'_>> = Vec::new();
    // Where a spinlock goes round slowly, most of the time nobody has it: whoever was sampled then has let go of it, as a rule, and if all
    // others wait, that alone does not make the one a holder; to be inside a function that acquires it as well may.
    let is_nobodys = tally.kind == LockKind::Spinlock && tally.is_handover_slow();
    let suspects = (!is_nobodys).then_some((&tally.suspects, false));
    for (paths, is_alone) in [(&tally.alone, true)].into_iter().chain(suspects) {
        for (frames, path, _) in paths.scores() {
            let sampled = printed(frames, names);
            // Who is inside a lock function waits.
            if path_function(sampled.get(..1).unwrap_or_default()).is_none() {
                continue;
            }
            let (stack, depth) = match acquired_by(&sampled, acquirers) {
                Some((acquirer, depth)) => (acquirer.clone(), depth),
                None if is_alone && !is_nobodys => (printed_stack(frames, names), sampled.len()),
                None => continue,
            };
            let sure = if is_alone && !is_nobodys {
                Confidence::Medium
            } else {
                Confidence::Low
            };
            found.push(Found {
                stack,
                path,
                sampled,
                depth,
                sure,
            });
        }
    }
    let total_ns: f64 = found.iter().map(|found| found.path.tied_ns as f64).sum();
    let unseen_ns = tally.unseen_ns as f64;
    // Two that were sampled at the same time did not both have it.
    let scale = if total_ns > unseen_ns {
        unseen_ns / total_ns
    } else {
        1.0
    };
    for each in found {
        let side = sides.entry(each.stack).or_default();
        side.score(each.path.tied_ns as f64 * scale, each.sure);
        sampled_in(side, each.path, &each.sampled, each.depth);
    }
    total_ns * scale
}

/// Owner words name a task, and its acquisitions by the same thread its path. A lock with an owner word tells of all its
/// holders, also of those that never waited: where it was read often enough, it alone gives the shares. Says
/// whether it did.
fn add_owners(sides: &mut Vec<(Vec<String>, Side)>, waiters: &Sides, tally: &LockTally) -> bool {
    let nr_read: u64 = tally.word_owners.iter().map(|(_, owner)| owner.nr).sum();
    if nr_read >= NR_MIN_GAPS {
        sides.iter_mut().for_each(|(_, side)| side.unscore());
    }
    let has_score = sides.iter().any(|(_, side)| side.score > 0.0);
    for (task, owner) in tally.word_owners.iter() {
        let of_task = |side: &Side| {
            let mine = side.tasks.iter().filter(|(other, _)| other.pid == task.pid);
            mine.map(|(_, nr)| *nr).sum::<u64>()
        };
        let known = (0..sides.len())
            .filter_map(|at| Some((of_task(&sides.get(at)?.1), at)))
            .filter(|(nr, _)| *nr > 0)
            .max();
        // Who waits by a path acquires by it.
        let waits = waiters.iter().filter(|(_, side)| of_task(side) > 0);
        let path = waits.max_by_key(|(_, side)| of_task(side));
        let stack = path.map_or_else(Vec::new, |(stack, _)| stack.clone());
        let same = |(other, _): &(Vec<String>, Side)| !stack.is_empty() && *other == stack;
        let at = known
            .map(|(_, at)| at)
            .or_else(|| sides.iter().position(same));
        let at = at.unwrap_or_else(|| {
            sides.push((stack, Side::default()));
            sides.len() - 1
        });
        let Some((_, side)) = sides.get_mut(at) else {
            continue;
        };
        *side.tasks.entry(task.clone()).or_default() += owner.weight;
        side.know(HolderSource::OwnerWord, owner.nr);
        side.nr_samples += owner.nr;
        side.nr_running += owner.nr_running;
        for (why, nr) in &owner.hindered {
            *side.hindered.entry(why.clone()).or_default() += nr;
        }
        if !has_score {
            side.score(owner.weight as f64, Confidence::High);
        }
    }
    !has_score && nr_read > 0
}

fn printed(frames: &[CodeAddr], names: &dyn Names) -> Vec<String> {
    let print = |frame: &CodeAddr| {
        names.function(*frame).map_or_else(
            || frame.to_string(),
            |name| format!("{}+0x{:x}", name.name, name.offset_bytes),
        )
    };
    frames.iter().map(print).collect()
}

fn function(frame: &str) -> &str {
    frame.split_once('+').map_or(frame, |(name, _)| name)
}

/// The path by which the lock was acquired that `sampled` is now inside of, and how deep.
///
/// A call that has not returned leaves the same return addresses further out, so that the path with most of them in common is
/// the one.
fn acquired_by<'a>(
    sampled: &[String],
    acquirers: &'a [Vec<String>],
) -> Option<(&'a Vec<String>, usize)> {
    let mut best = None;
    for acquirer in acquirers {
        let Some(wanted) = path_function(acquirer) else {
            continue;
        };
        let at = acquirer.iter().position(|frame| function(frame) == wanted);
        let depth = sampled.iter().position(|frame| function(frame) == wanted);
        let (Some(at), Some(depth)) = (at, depth) else {
            continue;
        };
        let outer = acquirer.iter().skip(at + 1);
        let nr_common = outer
            .zip(sampled.iter().skip(depth + 1))
            .take_while(|(mine, theirs)| mine == theirs)
            .count();
        if best.is_none_or(|(nr, _, _)| nr_common > nr) {
            best = Some((nr_common, acquirer, depth));
        }
    }
    best.map(|(_, acquirer, depth)| (acquirer, depth))
}

/// Functions through which soft interrupts are entered (`kernel/softirq.c`, v6.1 to v7.3).
const SOFTIRQ: &[&str] = &[
    "__do_softirq",
    "handle_softirqs",
    "do_softirq",
    "irq_exit_rcu",
];
/// Entries of interrupts (`arch/x86/include/asm/idtentry.h`, `arch/arm64/kernel/entry-common.c`).
const HARDIRQ: &[&str] = &[
    "asm_sysvec_",
    "sysvec_",
    "asm_common_interrupt",
    "common_interrupt",
    "el1h_64_irq",
    "el1_interrupt",
];

/// Which kind of interrupt `inner` is in, and what it runs.
fn interrupt(inner: &[String]) -> Option<(Hindrance, String)> {
    let is_any = |frame: &String, prefixes: &[&str]| {
        prefixes
            .iter()
            .any(|prefix| function(frame).starts_with(prefix))
    };
    let entered = |prefixes| inner.iter().position(|frame| is_any(frame, prefixes));
    let (why, at) = match entered(SOFTIRQ) {
        Some(at) => (Hindrance::Softirq, at),
        None => (Hindrance::Hardirq, entered(HARDIRQ)?),
    };
    // What the entry calls names the work: the action of the soft interrupt, the handler of the other.
    let ran = at.checked_sub(1).and_then(|below| inner.get(below));
    let ran = ran.or_else(|| inner.get(at))?;
    Some((why, function(ran).to_owned()))
}

#[cfg(test)]
#[path = "hold_sides_tests.rs"]
mod tests;
