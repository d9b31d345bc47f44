//! The verdict in three lines: what, why, how much.

use livelock_core::verdict::{Confidence, ProgressState, Status, Verdict};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::rows::ends;
use crate::render::time_of_day;
use crate::render::units::{clean, count, cut_end, duration, pct};
use crate::render::{FIRST_JUDGED, WindowSummary};
use crate::screen::history::Entry;
use crate::screen::look::{Look, status_title};
use crate::screen::panes::Pane;
use crate::screen::snapshot::Source;
use crate::screen::state::Screen;

/// Lines of a cause.
const MAX_CAUSE_ROWS: usize = 2;

/// At most `height` lines.
pub(super) fn lines(
    screen: &Screen,
    look: Look,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let Some(shown) = screen.shown() else {
        return waiting(screen, width);
    };
    let verdict = &shown.snapshot.verdict;
    let mut lines = vec![first(screen, look, shown, width)];
    if height > 1 {
        let nr_rows = height.saturating_sub(2).clamp(1, MAX_CAUSE_ROWS);
        lines.extend(wrapped(&verdict.cause.summary, width, nr_rows));
    }
    if height > 2 + MAX_CAUSE_ROWS {
        let now = verdict.remedies.first();
        let now = now.map_or_else(String::new, |remedy| format!("now: {}", remedy.action));
        lines.extend(wrapped(&now, width, 1));
    }
    if height > 2 {
        lines.push(numbers(
            screen,
            look,
            &shown.snapshot.summary,
            verdict,
            width,
        ));
    }
    lines
}

fn waiting(screen: &Screen, width: usize) -> Vec<Line<'static>> {
    let what = match &screen.head {
        Some(head) => format!(
            "the first window of {} has not closed",
            duration(head.window_ns)
        ),
        None => "the probes are being attached".to_owned(),
    };
    let left = vec![
        Span::styled(" STARTING ", Look::selected()),
        Span::raw(format!("  {what}")),
    ];
    vec![ends(left, Span::raw(place(screen)), width)]
}

fn first(screen: &Screen, look: Look, shown: &Entry, width: usize) -> Line<'static> {
    let verdict = &shown.snapshot.verdict;
    let is_collecting = verdict.status == Status::CannotTell
        && shown.snapshot.summary.number < FIRST_JUDGED
        && !screen.is_over;
    let title = if is_collecting {
        "COLLECTING"
    } else {
        status_title(verdict.status)
    };
    let confidence = match verdict.confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
    };
    let since = shown.since_unix_ms;
    let for_ns = (shown.snapshot.summary.ended_unix_ms.saturating_sub(since)) * 1_000_000;
    let words = if is_collecting {
        "  a verdict takes three windows".to_owned()
    } else {
        format!(
            "  {confidence} confidence, since {} ({})",
            time_of_day(since),
            duration(for_ns)
        )
    };
    let mut left = vec![
        Span::styled(format!(" {title} "), look.status(verdict.status)),
        Span::raw(words),
    ];
    let mode = mode(screen, shown);
    let host = place(screen);
    let used: usize = left.iter().map(Span::width).sum();
    // The state of the view matters more than the name of the host.
    let room = width.saturating_sub(used + mode.chars().count() + 4);
    if host.chars().count() <= room {
        left.push(Span::raw(format!("  {host}")));
    }
    let style = if screen.frozen.is_some() {
        look.notice()
    } else {
        Style::new()
    };
    ends(left, Span::styled(mode, style), width)
}

/// Live, frozen, playing, over.
fn mode(screen: &Screen, shown: &Entry) -> String {
    if screen.frozen.is_some() {
        let nr_newer = screen.history.nr_after(shown.number());
        return format!("FROZEN, {} newer", count(nr_newer));
    }
    match (&screen.source, screen.is_over) {
        (Source::Host, _) => "live".to_owned(),
        (Source::Recording { .. }, false) => "playing".to_owned(),
        (Source::Recording { .. }, true) if is_cut_off(screen) => {
            "recording cut off here".to_owned()
        }
        (Source::Recording { .. }, true) => "recording over".to_owned(),
    }
}

fn is_cut_off(screen: &Screen) -> bool {
    screen.head.as_ref().is_some_and(|head| head.is_cut_off)
}

/// The host, or the recording and its host, and what part of it is judged.
fn place(screen: &Screen) -> String {
    let Some(head) = &screen.head else {
        return String::new();
    };
    let host = clean(&head.host.hostname);
    let part = if head.scope == livelock_core::scope::Scope::default() {
        format!("{} CPUs", head.host.nr_cpus_online)
    } else {
        clean(&head.scope.to_string())
    };
    match &screen.source {
        Source::Host => format!("{host}, {part}"),
        Source::Recording { name } => format!("{} of {host}, {part}", clean(name)),
    }
}

/// A sentence in exactly `nr_rows` lines: the rows below keep their places.
fn wrapped(text: &str, width: usize, nr_rows: usize) -> Vec<Line<'static>> {
    let text = clean(text);
    let room = width.saturating_sub(2);
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let is_last_row = lines.len() == nr_rows;
        let nr_lines = lines.len();
        if let Some(last) = lines.last_mut() {
            let used = last.chars().count();
            if used == 0 || is_last_row || used + 1 + word.chars().count() <= room {
                if used > 0 {
                    last.push(' ');
                }
                last.push_str(word);
                continue;
            }
        }
        if nr_lines < nr_rows {
            lines.push(word.to_owned());
        }
    }
    lines.resize(nr_rows, String::new());
    lines
        .into_iter()
        .map(|line| Line::raw(format!(" {}", cut_end(&line, room))))
        .collect()
}

fn numbers(
    screen: &Screen,
    look: Look,
    window: &WindowSummary,
    verdict: &Verdict,
    width: usize,
) -> Line<'static> {
    let progress = match verdict.progress.state {
        ProgressState::Normal => "normal",
        ProgressState::Collapsed => "collapsed",
        ProgressState::Stalled => "stalled",
        ProgressState::Unknown => "unknown",
    };
    let is_focused = |pane| screen.pane == pane;
    let marked = |pane, text: String| {
        let mark = if is_focused(pane) {
            look.pointer()
        } else {
            ' '
        };
        Span::styled(format!("{mark}{text}"), look.heading(is_focused(pane)))
    };
    let mut spans = vec![
        marked(
            Pane::Verdict,
            format!(
                "busy {}  spin {}  user {}  progress {progress}",
                pct(verdict.busy_pct),
                pct(verdict.burn_pct),
                pct(verdict.user_pct),
            ),
        ),
        Span::raw(" "),
        marked(
            Pane::Cost,
            format!("cost {:.2} %", verdict.self_cost.cpu_pct),
        ),
    ];
    let number = format!("  window {}", count(window.number));
    let length = format!(" of {}", duration(window.duration_ns));
    // Half a number is a wrong one.
    let mut room = width.saturating_sub(spans.iter().map(Span::width).sum());
    for part in [number, length] {
        if part.chars().count() > room {
            break;
        }
        room -= part.chars().count();
        spans.push(Span::styled(part, look.faint()));
    }
    Line::from(spans)
}
