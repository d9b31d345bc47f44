//! A line a window, as `watch --plain` prints it, newest first.

use ratatui::text::Line;

use crate::render::{PLAIN_HEADER, plain_line};
use crate::screen::look::Look;
use crate::screen::state::Screen;

/// Lines at most: stepping back goes further.
const NR_LINES: usize = 500;

pub(in crate::screen::draw) fn lines(screen: &Screen, look: Look) -> Vec<Line<'static>> {
    let Some(shown) = screen.shown() else {
        return vec![Line::raw(" no window has closed yet")];
    };
    let header = Line::styled(format!(" {}", PLAIN_HEADER.trim_end()), look.faint());
    let windows = screen.history.back_from(shown.number()).take(NR_LINES);
    let lines = windows.map(|snapshot| {
        let line = plain_line(&snapshot.summary);
        Line::raw(format!(" {}", line.trim_end()))
    });
    std::iter::once(header).chain(lines).collect()
}
