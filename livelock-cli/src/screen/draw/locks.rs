//! The table of locks.
//!
//! Refuses: to hide that a filter hides some; columns that do not fit give way from the right end of the list.

use livelock_core::verdict::{LockReport, LockSide, Verdict};
use ratatui::text::{Line, Span};

use super::rows::rule;
use crate::render::units::{amount, clean, cut_end, duration};
use crate::screen::look::Look;
use crate::screen::panes::Pane;
use crate::screen::snapshot::Snapshot;
use crate::screen::state::Screen;

/// Columns of a name: at least, and at most.
const NAME: (usize, usize) = (22, 40);
/// Columns of a trend, likewise.
const TREND: (usize, usize) = (8, 40);
/// Columns of a holder at least.
const MIN_HOLDER: usize = 11;

/// Digits of an address that tell one lock from another.
const ADDR_END: usize = 5;

/// Columns of numbers, each with a blank before it.
const BURN: usize = 7;
const WAITS: usize = 8;
const GAP: usize = 7;
const OPEN_NR: usize = 5;
const OLDEST: usize = 7;
const OPEN: usize = OPEN_NR + OLDEST;
/// What is never left out, but for the name.
const ALWAYS: usize = 2 + BURN + WAITS;

/// What a width has room for.
#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    trend: usize,
    has_gap: bool,
    has_open: bool,
    holder: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let mut left = width.saturating_sub(ALWAYS + NAME.0);
        let mut take = |columns: usize| {
            let fits = left >= columns;
            left -= if fits { columns } else { 0 };
            fits
        };
        let has_open = take(OPEN);
        let has_trend = take(TREND.0 + 1);
        let has_gap = take(GAP);
        let has_holder = take(MIN_HOLDER + 2);
        // What is left over: names first, then half each to trend and holder.
        let for_name = left.min(NAME.1 - NAME.0);
        left -= for_name;
        let for_trend = if has_trend {
            (left / 2).min(TREND.1 - TREND.0)
        } else {
            0
        };
        left -= for_trend;
        Self {
            name: NAME.0 + for_name,
            trend: if has_trend { TREND.0 + for_trend } else { 0 },
            has_gap,
            has_open,
            holder: if has_holder { MIN_HOLDER + left } else { 0 },
        }
    }
}

pub(super) fn section(
    screen: &Screen,
    look: Look,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let is_focused = screen.pane == Pane::Locks;
    let Some(shown) = screen.shown() else {
        return vec![rule(look, "locks", "", is_focused, width)];
    };
    let verdict = &shown.snapshot.verdict;
    let listed = screen.locks();
    let mut lines = vec![title(screen, look, &listed, verdict, is_focused, width)];
    if listed.is_empty() {
        lines.push(Line::raw(match verdict.locks.is_empty() {
            true => " nobody waited for a lock".to_owned(),
            false => format!(
                " none of the {} locks matches (Esc clears the filter)",
                verdict.locks.len()
            ),
        }));
        return lines;
    }
    let columns = Columns::of(width);
    lines.push(header(look, columns));
    let room = height.saturating_sub(lines.len());
    let selected = screen.lock_index(&listed);
    let from = (selected + 1).saturating_sub(room);
    let windows = windows(screen, columns.trend);
    let trends: Vec<Vec<f64>> = listed.iter().map(|lock| trend(lock, &windows)).collect();
    let most = trends.iter().flatten().copied().fold(0.0, f64::max);
    for (index, lock) in listed.iter().enumerate().skip(from).take(room) {
        let trend: String = trends
            .get(index)
            .into_iter()
            .flatten()
            .flat_map(|burn| look.column(Some(if most > 0.0 { burn / most } else { 0.0 }), 1))
            .collect();
        let is_selected = is_focused && index == selected;
        lines.push(row(look, lock, &trend, verdict, columns, is_selected));
    }
    lines
}

fn title(
    screen: &Screen,
    look: Look,
    listed: &[&LockReport],
    verdict: &Verdict,
    is_focused: bool,
    width: usize,
) -> Line<'static> {
    let nr = if screen.filter.is_empty() {
        listed.len().to_string()
    } else {
        let filter = clean(&screen.filter);
        format!(
            "{} of {} with \"{filter}\"",
            listed.len(),
            verdict.locks.len()
        )
    };
    let title = format!(
        "locks by {}: {nr}, over {}",
        screen.lock_order.name(),
        duration(verdict.window.duration_ns)
    );
    rule(look, &title, "burn in % of all CPUs", is_focused, width)
}

fn header(look: Look, columns: Columns) -> Line<'static> {
    let mut text = format!(
        "  {:<width$}{:>BURN$}",
        "name",
        "burn %",
        width = columns.name
    );
    if columns.trend > 0 {
        text.push_str(&format!(" {:<width$}", "trend", width = columns.trend));
    }
    text.push_str(&format!("{:>WAITS$}", "waits/s"));
    if columns.has_gap {
        text.push_str(&format!("{:>GAP$}", "gap"));
    }
    if columns.has_open {
        text.push_str(&format!("{:>OPEN_NR$}{:>OLDEST$}", "open", "oldest"));
    }
    if columns.holder > 0 {
        text.push_str("  holder");
    }
    Line::styled(text, look.faint())
}

/// The name; with the end of the address where another lock has the same.
fn name_in(lock: &LockReport, verdict: &Verdict, room: usize) -> String {
    let name = clean(&lock.name);
    let nr_same = verdict.locks.iter().filter(|other| other.name == lock.name);
    let Some(addr) = lock.addr.as_deref().filter(|_| nr_same.count() > 1) else {
        return cut_end(&name, room);
    };
    let end = addr
        .get(addr.len().saturating_sub(ADDR_END)..)
        .unwrap_or(addr);
    let name = cut_end(&name, room.saturating_sub(end.len() + 3));
    format!("{name} ..{end}")
}

fn row(
    look: Look,
    lock: &LockReport,
    trend: &str,
    verdict: &Verdict,
    columns: Columns,
    is_selected: bool,
) -> Line<'static> {
    let mark = if is_selected { look.pointer() } else { ' ' };
    let seconds = verdict.window.duration_ns as f64 / 1e9;
    let waits = if seconds > 0.0 {
        amount(lock.nr_waits as f64 / seconds)
    } else {
        "?".to_owned()
    };
    let name = name_in(lock, verdict, columns.name);
    let mut spans = vec![
        Span::raw(format!("{mark} ")),
        Span::styled(
            format!("{name:<width$}", width = columns.name),
            Look::strong(),
        ),
        Span::raw(format!("{:>BURN$.1}", lock.spin_pct())),
    ];
    if columns.trend > 0 {
        spans.push(Span::styled(
            format!(" {trend:<width$}", width = columns.trend),
            look.burn(),
        ));
    }
    let unknown = || "-".to_owned();
    let mut text = format!("{waits:>WAITS$}");
    if columns.has_gap {
        let gap = lock
            .handoff_gap_ns
            .map_or_else(unknown, |gap| duration(gap.p50));
        text.push_str(&format!("{gap:>GAP$}"));
    }
    if columns.has_open {
        let oldest = lock.oldest_in_flight_ns.map_or_else(unknown, duration);
        text.push_str(&format!("{:>OPEN_NR$}{oldest:>OLDEST$}", lock.nr_in_flight));
    }
    if columns.holder > 0 {
        let room = columns.holder;
        let holder = lock.holders.first();
        let holder = holder.map_or_else(unknown, |side| holder_in(side, room));
        text.push_str(&format!("  {holder}"));
    }
    spans.push(Span::raw(text));
    let line = Line::from(spans);
    if is_selected {
        line.style(Look::selected())
    } else {
        line
    }
}

/// The path that holds most, by its innermost function that takes no lock, and its task if there is room for both.
fn holder_in(side: &LockSide, room: usize) -> String {
    let function = side
        .stack
        .iter()
        .map(|frame| frame.split('+').next().unwrap_or(frame))
        .find(|function| !takes_a_lock(function))
        .unwrap_or("unknown path");
    let both = side
        .comm
        .as_ref()
        .map(|comm| clean(&format!("{function}, {comm}")));
    both.filter(|both| both.chars().count() <= room)
        .unwrap_or_else(|| cut_end(&clean(function), room))
}

/// Frames that every path of a lock begins with.
fn takes_a_lock(function: &str) -> bool {
    let plain = function.trim_start_matches('_');
    plain.starts_with("raw_spin_lock")
        || plain.starts_with("raw_read_lock")
        || plain.starts_with("raw_write_lock")
        || plain.starts_with("pv_queued_spin")
        || plain.starts_with("native_queued_spin")
        || plain.starts_with("queued_")
        || plain.starts_with("mutex_lock")
        || plain.starts_with("down_read")
        || plain.starts_with("down_write")
        || plain.starts_with("rwsem_down")
}

/// Windows of the trend, oldest first, merged as the view is.
fn windows(screen: &Screen, nr_columns: usize) -> Vec<Vec<&Snapshot>> {
    let Some(shown) = screen.shown() else {
        return Vec::new();
    };
    let nr_merged = screen.nr_merged();
    let newest_first: Vec<&Snapshot> = screen
        .history
        .back_from(shown.number())
        .take(nr_columns.saturating_mul(nr_merged))
        .map(|snapshot| &**snapshot)
        .collect();
    let mut columns: Vec<Vec<&Snapshot>> =
        newest_first.chunks(nr_merged).map(<[_]>::to_vec).collect();
    columns.reverse();
    columns
}

/// Burn in CPUs, a column each; a window in which nobody waited for it has none.
fn trend(lock: &LockReport, windows: &[Vec<&Snapshot>]) -> Vec<f64> {
    let burn = |snapshot: &&Snapshot| {
        let now = snapshot.lock(lock.addr.as_deref());
        now.map_or(0.0, |now| now.burn_cpus)
    };
    windows
        .iter()
        .map(|column| column.iter().map(burn).sum::<f64>() / column.len().max(1) as f64)
        .collect()
}
