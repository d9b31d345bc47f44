//! What the tool costs, what it lost, what it sees at this moment.

use ratatui::text::Line;

use crate::render::units::{amount, bytes};
use crate::render::{Style, cost_text};
use crate::screen::draw::rows::of_text;
use crate::screen::state::Screen;

pub(in crate::screen::draw) fn lines(screen: &Screen, width: usize) -> Vec<Line<'static>> {
    let Some(shown) = screen.shown() else {
        return vec![Line::raw(" no window has closed yet")];
    };
    let verdict = &shown.snapshot.verdict;
    let mut lines = of_text(&cost_text(verdict, Style::new(false, Some(width))));
    let groups = verdict
        .activity
        .iter()
        .flat_map(|activity| &activity.groups);
    for group in groups {
        lines.push(Line::raw(format!(
            "  probe group {:<12} {:>6} % of all CPUs while attached, {} runs/s",
            group.group.name(),
            format!("{:.2}", group.cost_pct),
            amount(group.runs_per_sec),
        )));
    }
    lines.push(Line::raw(format!(
        "  this screen keeps {} windows in about {}",
        screen.history.nr_entries(),
        bytes(screen.history.nr_bytes() as u64),
    )));
    lines
}
