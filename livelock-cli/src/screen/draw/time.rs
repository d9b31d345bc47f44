//! The time line: status, burn, progress, a column for each window or for several.
//!
//! Refuses: a level for a window in which nothing could be seen; it is `?`.

use livelock_core::verdict::Status;
use ratatui::text::{Line, Span};

use super::rows::rule;
use crate::render::units::{amount, pct};
use crate::screen::history::Point;
use crate::screen::look::{Look, status_letter};
use crate::screen::panes::Pane;
use crate::screen::state::Screen;

/// Columns before the time line.
const LABEL: usize = 10;
/// Columns after it.
const VALUE: usize = 24;

/// Some windows, as a column.
struct Column {
    status: Status,
    burn_pct: Option<f64>,
    tokens: Option<f64>,
}

impl Column {
    fn of(points: &[&Point]) -> Option<Self> {
        let worst = points.iter().max_by_key(|point| point.status.severity())?;
        let mean = |value: fn(&Point) -> Option<f64>| {
            let known: Vec<f64> = points.iter().filter_map(|point| value(point)).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Some(Self {
            status: worst.status,
            burn_pct: mean(|point| point.burn_pct),
            tokens: mean(|point| point.tokens_per_busy_sec),
        })
    }
}

/// At most `nr_rows` lines, the rule above them included.
pub(super) fn section(
    screen: &Screen,
    look: Look,
    width: usize,
    nr_rows: usize,
) -> Vec<Line<'static>> {
    let is_focused = screen.pane == Pane::Time;
    let Some(shown) = screen.shown() else {
        return vec![rule(look, "time", "", is_focused, width)];
    };
    let nr_merged = screen.nr_merged();
    let what = match nr_merged {
        1 => "time, a column a window".to_owned(),
        nr => format!("time, a column for {nr} windows, merged for display only"),
    };
    let right = "L live lock C contended S starved b busy . healthy";
    let mut lines = vec![rule(look, &what, right, is_focused, width)];
    let nr_columns = width.saturating_sub(LABEL + VALUE);
    let newest_first: Vec<&Point> = screen
        .history
        .points_until(shown.number())
        .rev()
        .take(nr_columns.saturating_mul(nr_merged))
        .collect();
    let mut columns: Vec<Column> = newest_first
        .chunks(nr_merged)
        .filter_map(Column::of)
        .collect();
    columns.reverse();

    let letters = columns.iter().map(|column| {
        let letter = status_letter(column.status).to_string();
        Span::styled(letter, look.status_letter(column.status))
    });
    let rows_left = nr_rows.saturating_sub(1);
    if rows_left >= 3 {
        let mut spans = vec![Span::raw(label("status"))];
        spans.extend(letters);
        lines.push(Line::from(spans));
    }
    let height = (rows_left.saturating_sub(1) / 2).max(1);
    let summary = &shown.snapshot.summary;
    lines.extend(graph(
        look,
        "burn",
        &columns
            .iter()
            .map(|column| column.burn_pct.map(|pct| pct / 100.0))
            .collect::<Vec<_>>(),
        &pct(summary.burn_pct),
        height,
        look.burn(),
    ));
    if rows_left >= 2 {
        let most = columns
            .iter()
            .filter_map(|column| column.tokens)
            .fold(0.0, f64::max);
        let usual = shown
            .snapshot
            .baseline_per_busy_sec
            .map_or_else(String::new, |usual| format!(", usual {}", amount(usual)));
        let value = shown.snapshot.tokens_per_busy_sec.map_or_else(
            || "unknown".to_owned(),
            |now| format!("{}/busy s{usual}", amount(now)),
        );
        let shares: Vec<Option<f64>> = columns
            .iter()
            .map(|column| {
                let tokens = column.tokens?;
                Some(if most > 0.0 { tokens / most } else { 0.0 })
            })
            .collect();
        lines.extend(graph(
            look,
            "progress",
            &shares,
            &value,
            height,
            look.progress(),
        ));
    }
    lines.truncate(nr_rows.max(1));
    lines
}

fn label(text: &str) -> String {
    format!(" {text:<9}")
}

fn graph(
    look: Look,
    name: &str,
    shares: &[Option<f64>],
    value: &str,
    height: usize,
    style: ratatui::style::Style,
) -> Vec<Line<'static>> {
    let columns: Vec<Vec<char>> = shares
        .iter()
        .map(|share| look.column(*share, height))
        .collect();
    (0..height)
        .map(|row| {
            let text: String = columns
                .iter()
                .filter_map(|column| column.get(row))
                .collect();
            let is_last = row + 1 == height;
            let mut spans = vec![
                Span::raw(label(if is_last { name } else { "" })),
                Span::styled(text, style),
            ];
            if is_last {
                spans.push(Span::raw(format!(" {value}")));
            }
            Line::from(spans)
        })
        .collect()
}
