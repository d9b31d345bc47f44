//! The CPUs: a bar for each where there is room, a letter where there is not.
//!
//! Refuses: to leave a CPU out without saying so.

use livelock_core::ids::CpuId;
use livelock_core::verdict::TimeLedger;
use ratatui::text::{Line, Span};

use super::rows::rule_with;
use crate::render::units::pct;
use crate::screen::category::{Category, bar, busy_pct, dominant, shares};
use crate::screen::look::Look;
use crate::screen::panes::Pane;
use crate::screen::state::Screen;

/// Columns of a CPU with a bar: number, some letters, busy share.
const MIN_BAR_COLUMNS: usize = 24;
/// Columns of a CPU with its number and a letter.
const NUMBERED_COLUMNS: usize = 7;
/// Letters of a bar for all CPUs, at most.
const MAX_ALL_LETTERS: usize = 100;
/// Categories of the selected CPU worth a word.
const MIN_SHARE_PCT: f64 = 0.5;

/// The lines, and how many CPUs stand in one.
pub(super) struct Section {
    pub(super) lines: Vec<Line<'static>>,
    pub(super) nr_a_row: usize,
}

pub(super) fn section(
    screen: &Screen,
    look: Look,
    cpus: &[(CpuId, TimeLedger)],
    width: usize,
    max_rows: usize,
) -> Section {
    let is_focused = screen.pane == Pane::Cpus;
    let selected = is_focused.then(|| screen.cpu_index(cpus));
    let right = match selected.and_then(|index| cpus.get(index)) {
        Some((cpu, time)) => words(*cpu, time, look),
        None => legend(look),
    };
    let merged = match screen.nr_merged() {
        1 => String::new(),
        nr => format!(" over {nr} windows"),
    };
    let title = format!("CPUs{merged}, {}", screen.cpu_order.name());
    let mut lines = vec![rule_with(look, &title, right, is_focused, width)];
    if let Some(shown) = screen.shown() {
        let verdict = &shown.snapshot.verdict;
        lines.push(all(
            look,
            &verdict.time,
            verdict.window.nr_windows,
            verdict.busy_pct,
            width,
        ));
    }
    if cpus.is_empty() {
        if screen.shown().is_some() {
            lines.push(Line::raw(
                " each CPU alone: not known (times not read, or the scope is one of tasks)",
            ));
        }
        return Section { lines, nr_a_row: 1 };
    }
    let max_rows = max_rows.saturating_sub(lines.len()).max(1);
    let grid = Grid::of(cpus.len(), width.saturating_sub(1).max(1), max_rows);
    let nr_rows = if cpus.len() > grid.nr_a_row * max_rows {
        // The last row says how many there is no room for.
        max_rows.saturating_sub(1)
    } else {
        max_rows
    };
    let nr_shown = cpus.len().min(grid.nr_a_row * nr_rows);
    let nr_hidden = cpus.len() - nr_shown;
    // The selected one stays in view.
    let from = selected.map_or(0, |index| (index + 1).saturating_sub(nr_shown));
    let from = from.next_multiple_of(grid.nr_a_row).min(nr_hidden);
    let shown: Vec<_> = cpus.iter().enumerate().skip(from).take(nr_shown).collect();
    for row in shown.chunks(grid.nr_a_row) {
        let mut spans = vec![Span::raw(" ")];
        for (index, (cpu, time)) in row {
            grid.cell(look, *cpu, time, selected == Some(*index), &mut spans);
        }
        lines.push(Line::from(spans));
    }
    if nr_hidden > 0 {
        lines.push(Line::raw(format!(" and {nr_hidden} more CPUs")));
    }
    Section {
        lines,
        nr_a_row: grid.nr_a_row,
    }
}

fn all(
    look: Look,
    time: &TimeLedger,
    nr_windows: u32,
    busy: Option<f64>,
    width: usize,
) -> Line<'static> {
    let after = format!(" busy {} ({nr_windows} windows)", pct(busy));
    let room = width.saturating_sub(5 + after.chars().count());
    let mut spans = vec![Span::raw(" all ")];
    spans.extend(letters(look, &bar(time, room.min(MAX_ALL_LETTERS))));
    spans.push(Span::raw(after));
    Line::from(spans)
}

/// Runs of letters, each run one span.
fn letters(look: Look, bar: &[Category]) -> Vec<Span<'static>> {
    bar.chunk_by(|a, b| a == b)
        .filter_map(|run| {
            let category = *run.first()?;
            let text = category.letter().to_string().repeat(run.len());
            Some(Span::styled(text, look.category(category)))
        })
        .collect()
}

/// What a CPU's time went to, largest first.
fn words(cpu: CpuId, time: &TimeLedger, look: Look) -> Line<'static> {
    let mut parts = shares(time);
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut spans = vec![Span::styled(format!("cpu {}:", cpu.0), Look::strong())];
    let parts = parts.into_iter().filter(|(_, pct)| *pct >= MIN_SHARE_PCT);
    for (category, pct) in parts.take(3) {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(
            category.letter().to_string(),
            look.category(category),
        ));
        spans.push(Span::raw(format!(" {} {pct:.0} %", category.name())));
    }
    Line::from(spans)
}

fn legend(look: Look) -> Line<'static> {
    let mut spans = Vec::new();
    for category in [
        Category::Spin,
        Category::Kernel,
        Category::User,
        Category::Softirq,
        Category::Hardirq,
        Category::Steal,
        Category::Idle,
    ] {
        if !spans.is_empty() {
            spans.push(Span::raw(" "));
        }
        let letter = category.letter().to_string();
        spans.push(Span::styled(letter, look.category(category)));
        spans.push(Span::raw(format!(" {}", category.name())));
    }
    Line::from(spans)
}

/// How CPUs are laid out.
#[derive(Clone, Copy)]
struct Grid {
    nr_a_row: usize,
    columns: usize,
}

impl Grid {
    /// The widest cells that hold `nr` CPUs in `max_rows` rows, or single letters.
    fn of(nr: usize, width: usize, max_rows: usize) -> Self {
        let least = nr.div_ceil(max_rows).max(1);
        let fits = |columns: usize| width / columns >= least;
        if fits(MIN_BAR_COLUMNS) {
            // A bar may be as wide as the rows allow.
            let nr_a_row = least.min(width / MIN_BAR_COLUMNS).max(1);
            Self {
                nr_a_row,
                columns: width / nr_a_row,
            }
        } else if fits(NUMBERED_COLUMNS) {
            Self {
                nr_a_row: (width / NUMBERED_COLUMNS).max(1),
                columns: NUMBERED_COLUMNS,
            }
        } else {
            Self {
                nr_a_row: width,
                columns: 1,
            }
        }
    }

    fn cell(
        self,
        look: Look,
        cpu: CpuId,
        time: &TimeLedger,
        is_selected: bool,
        spans: &mut Vec<Span<'static>>,
    ) {
        let mark = |style| {
            if is_selected {
                Look::selected().patch(style)
            } else {
                style
            }
        };
        if self.columns >= MIN_BAR_COLUMNS {
            let number = format!("{:>4} ", cpu.0);
            let busy =
                busy_pct(time).map_or_else(|| "   ?".to_owned(), |pct| format!("{pct:>3.0}%"));
            let room = self.columns.saturating_sub(number.len() + busy.len() + 2);
            spans.push(Span::styled(number, mark(Default::default())));
            spans.extend(letters(look, &bar(time, room)));
            spans.push(Span::raw(format!(" {busy} ")));
            return;
        }
        let category = dominant(time);
        let letter = category.letter().to_string();
        if self.columns >= NUMBERED_COLUMNS {
            spans.push(Span::styled(
                format!("{:>4}", cpu.0),
                mark(Default::default()),
            ));
            spans.push(Span::styled(letter, look.category(category)));
            spans.push(Span::raw("  "));
        } else {
            spans.push(Span::styled(letter, mark(look.category(category))));
        }
    }
}
