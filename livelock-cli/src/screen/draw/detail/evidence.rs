//! Why to believe the verdict, why not, what was ruled out, what cannot be seen, what to do.

use ratatui::text::Line;

use crate::render::{Style, reasons_text, verdict_head};
use crate::screen::draw::rows::of_text;
use crate::screen::state::Screen;

pub(in crate::screen::draw) fn lines(screen: &Screen, width: usize) -> Vec<Line<'static>> {
    let Some(shown) = screen.shown() else {
        return vec![Line::raw(" no window has closed yet")];
    };
    let verdict = &shown.snapshot.verdict;
    let style = Style::new(false, Some(width));
    let text = verdict_head(verdict, style) + &reasons_text(verdict, style);
    of_text(&text)
}
