//! Locks, with who waits and who holds side by side.
//!
//! Refuses: more than [`MAX_LOCKS`] locks and [`IN_REPORT`] of each; the JSON has them all.

use std::iter;

use livelock_core::scope::Scope;
use livelock_core::verdict::{LockReport, LockSide, NameSource, UserStack, Verdict};

use super::{Page, handoffs, holder};
use crate::render::Tint;
use crate::render::filter::filter_text;
use crate::render::units::{clean, count, cut_end, cut_front, duration};

/// Halted waiters, in percent of all CPUs, under which they are not worth a word.
const MIN_HALTED_PCT: f64 = 0.5;

const MAX_LOCKS: usize = 3;
/// Stacks from which a share is worth a percentage.
const MIN_STACKS: u64 = 8;
/// In percent of all CPUs. A lock that burns less, and that nobody waits for, is not why anybody reads this.
const MIN_BURN_PCT: f64 = 0.1;

/// Paths of a side, and frames of a path, at most.
#[derive(Clone, Copy)]
struct Most {
    sides: usize,
    frames: usize,
    user_stacks: usize,
}

const IN_REPORT: Most = Most {
    sides: 2,
    frames: 10,
    user_stacks: 1,
};
const ALL: Most = Most {
    sides: usize::MAX,
    frames: usize::MAX,
    user_stacks: usize::MAX,
};
/// Narrower columns cut function names; then the sides go below each other.
const MIN_COLUMN: usize = 36;

pub(super) fn write(page: &mut Page, verdict: &Verdict) {
    let listed = filter_text(&verdict.filter);
    if verdict.locks.is_empty() && listed.is_none() {
        return;
    }
    page.heading("Locks");
    if let Some(listed) = listed {
        page.item(
            "  only ",
            &format!(
                "{}; all else in this report is of all locks",
                clean(&listed)
            ),
        );
    }
    if verdict.locks.is_empty() {
        page.line("  none");
        return;
    }
    // What was asked for is shown however little it is.
    let matters = |(_, lock): &(usize, &LockReport)| {
        !verdict.filter.is_empty() || lock.spin_pct() >= MIN_BURN_PCT || lock.nr_in_flight > 0
    };
    let shown: Vec<_> = verdict
        .locks
        .iter()
        .enumerate()
        .filter(matters)
        .take(MAX_LOCKS)
        .collect();
    let whole = whole(&verdict.scope);
    for (index, lock) in &shown {
        write_lock(page, Some(index + 1), lock, whole, IN_REPORT);
    }
    let nr_more = verdict.locks.len().saturating_sub(shown.len());
    if shown.is_empty() {
        page.line(&format!(
            "  none burns {MIN_BURN_PCT} % of the CPUs or is waited for ({nr_more} in --format json)"
        ));
    } else if nr_more > 0 {
        page.line(&format!("  and {nr_more} more (see --format json)"));
    }
}

/// What percentages are of.
const fn whole(scope: &Scope) -> &'static str {
    if scope.is_of_tasks() {
        "of the CPUs that the scope could use"
    } else {
        "of all CPUs"
    }
}

/// One lock, with every path and frame that the verdict has.
pub(super) fn write_all(page: &mut Page, lock: &LockReport, scope: &Scope) {
    write_lock(page, None, lock, whole(scope), ALL);
}

/// `number`: its place in a list of several.
fn write_lock(page: &mut Page, number: Option<usize>, lock: &LockReport, whole: &str, most: Most) {
    let name = page.style().paint(Tint::Strong, &clean(&lock.name));
    let addr = lock.addr.as_deref().unwrap_or("many addresses");
    let number = number.map_or_else(|| "   ".to_owned(), |number| format!("{number}. "));
    page.line(&format!("  {number}{name}  {}  {addr}", lock.kind.word()));
    let instance = lock
        .instance
        .as_ref()
        .map_or_else(String::new, |which| format!("of {}; ", clean(which)));
    page.item(
        "     ",
        &format!("{instance}name by {}", source(lock.name_source)),
    );
    page.item(
        "     ",
        &format!(
            "burns {:.1} % {whole} ({:.2} CPUs){}",
            lock.burn_pct,
            lock.burn_cpus,
            beside_burn_text(lock)
        ),
    );
    let times = &lock.wait_ns;
    let percentiles = match (times.p50, times.p99) {
        (Some(p50), Some(p99)) => format!("p50 {}, p99 {}, ", duration(p50), duration(p99)),
        _ => String::new(),
    };
    let oldest = lock
        .oldest_in_flight_ns
        .map_or_else(String::new, |ns| format!(" (oldest {})", duration(ns)));
    page.item(
        "     ",
        &format!(
            "{} waits done: {percentiles}longest {}; {} still waiting{oldest}",
            count(lock.nr_waits),
            duration(times.max),
            count(lock.nr_in_flight),
        ),
    );
    if let Some(gap) = &lock.handoff_gap_ns {
        let (p50, p99) = (duration(gap.p50), duration(gap.p99));
        page.item("     ", &format!("handed on every {p50} (p99 {p99})"));
    }
    if let Some(held) = holder::held(lock) {
        page.item("     ", &held);
    }
    if let Some(seen) = &lock.handoffs {
        handoffs::write(page, seen);
    }
    let width = page.style().width_columns().saturating_sub(5);
    let column = width.saturating_sub(3) / 2;
    if column >= MIN_COLUMN {
        let waiting = side("waiting", &lock.waiters, column, most);
        let holding = side("holding", &lock.holders, column, most);
        for (left, right) in zip_longest(waiting, holding) {
            let gap = " ".repeat(column.saturating_sub(left.chars().count()) + 3);
            page.line(&format!("     {left}{gap}{right}"));
        }
    } else {
        let lines = side("waiting", &lock.waiters, width, most);
        for line in lines
            .iter()
            .chain(&side("holding", &lock.holders, width, most))
        {
            page.line(&format!("     {line}"));
        }
    }
}

/// What its waiters stood halted for, and what of its spin only samples show, as what follows its burn; empty if nothing.
pub(crate) fn beside_burn_text(lock: &LockReport) -> String {
    let halted = lock.halted_pct.filter(|&pct| pct >= MIN_HALTED_PCT);
    let halted = halted.map_or_else(String::new, |pct| {
        format!("; for {pct:.1} % its waiters stood halted")
    });
    let sampled = lock.sampled_spin_pct.map_or_else(String::new, |pct| {
        format!("; samples add {pct:.1} %, of waiters that no tracepoint sees before they sleep")
    });
    halted + &sampled
}

fn side(title: &str, sides: &[LockSide], width: usize, most: Most) -> Vec<String> {
    if sides.is_empty() {
        return vec![title.to_owned(), "  not seen".to_owned()];
    }
    let mut lines = vec![title.to_owned()];
    for side in sides.iter().take(most.sides) {
        let who = match (&side.comm, side.pid) {
            (Some(comm), Some(pid)) => format!("{} ({})", clean(comm), pid.0),
            (Some(comm), None) => clean(comm),
            (None, Some(pid)) => format!("pid {}", pid.0),
            (None, None) => "unknown task".to_owned(),
        };
        // One stack of one is no percentage.
        let nr = side.nr_samples;
        let share = if nr < MIN_STACKS {
            format!("  {nr} stack{}, {who}", if nr == 1 { "" } else { "s" })
        } else {
            format!("  {:.0} % by {nr} stacks, {who}", side.share_pct)
        };
        lines.push(cut_end(&share, width));
        // The root cgroup says nothing.
        if let Some(cgroup) = side.cgroup.as_ref().filter(|path| *path != "/") {
            let room = width.saturating_sub(4);
            lines.push(format!("    {}", cut_front(&clean(cgroup), room)));
        }
        lines.extend(
            holder::known(side)
                .iter()
                .map(|line| cut_end(&format!("    {line}"), width)),
        );
        if side.stack.is_empty() {
            lines.push(cut_end("      its path was not seen", width));
        }
        let frames = side.stack.iter().take(most.frames);
        lines.extend(frames.map(|frame| cut_end(&format!("      {}", clean(frame)), width)));
        let nr_more = side.stack.len().saturating_sub(most.frames);
        if nr_more > 0 {
            lines.push(format!("      and {nr_more} more"));
        }
        for stack in side.user_stacks.iter().take(most.user_stacks) {
            lines.extend(user_stack(stack, width, most));
        }
    }
    let nr_more = sides.len().saturating_sub(most.sides);
    if nr_more > 0 {
        lines.push(format!("  and {nr_more} more paths"));
    }
    lines
}

/// User code that leads into a path.
fn user_stack(stack: &UserStack, width: usize, most: Most) -> Vec<String> {
    let share = match stack.nr_samples < MIN_STACKS {
        true => String::new(),
        false => format!(" ({:.0} % of those seen)", stack.share_pct),
    };
    let mut lines = vec![cut_end(&format!("    from user code{share}"), width)];
    for frame in stack.frames.iter().take(most.frames) {
        lines.extend(user_frame(&clean(frame), width));
    }
    let nr_more = stack.frames.len().saturating_sub(most.frames);
    if nr_more > 0 {
        lines.push(format!("      and {nr_more} more"));
    }
    lines
}

/// A frame; its line of source has one of its own where there is no room beside the function.
fn user_frame(frame: &str, width: usize) -> Vec<String> {
    let whole = format!("      {frame}");
    match frame.rsplit_once(" at ") {
        Some((function, place)) if whole.chars().count() > width => vec![
            cut_end(&format!("      {function}"), width),
            cut_end(&format!("        at {place}"), width),
        ],
        _ => vec![cut_end(&whole, width)],
    }
}

fn zip_longest(left: Vec<String>, right: Vec<String>) -> impl Iterator<Item = (String, String)> {
    let nr_lines = left.len().max(right.len());
    let fill = |lines: Vec<String>| lines.into_iter().chain(iter::repeat(String::new()));
    fill(left).zip(fill(right)).take(nr_lines)
}

/// Where the name of a lock is from.
pub(crate) const fn source(source: NameSource) -> &'static str {
    match source {
        NameSource::TaskObject => "the waiting task's structure",
        NameSource::PerCpu => "the CPU's own variables",
        NameSource::KernelObject => "the kernel's own objects",
        NameSource::Symbol => "the kernel's symbols",
        NameSource::Dictionary => "the functions that wait for it",
        NameSource::AcquiringFunction => "the function that waits; no source knows the lock",
        NameSource::Address => "its address; no source knows the lock",
    }
}
