//! Lines, and the rules above sections.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::screen::look::Look;

/// Writes `line` into a row of `area`, if it has that row.
pub(super) fn put(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    let area = area.intersection(buffer.area);
    if row < area.height {
        buffer.set_line(area.x, area.y + row, line, area.width);
    }
}

/// A title over the whole width, with a word at its end.
pub(super) fn rule(
    look: Look,
    title: &str,
    right: &str,
    is_focused: bool,
    width: usize,
) -> Line<'static> {
    let right = Line::styled(right.to_owned(), look.faint());
    rule_with(look, title, right, is_focused, width)
}

/// The same with a painted end, left out if there is no room for it.
pub(super) fn rule_with(
    look: Look,
    title: &str,
    right: Line<'static>,
    is_focused: bool,
    width: usize,
) -> Line<'static> {
    let mark = if is_focused { look.pointer() } else { ' ' };
    let lead = format!("{}{mark}{title} ", look.rule());
    let used = lead.chars().count();
    let right = if right.width() + used + 3 <= width {
        right
    } else {
        Line::default()
    };
    let nr_right = if right.width() == 0 {
        0
    } else {
        right.width() + 2
    };
    let fill = look.rule().repeat(width.saturating_sub(used + nr_right));
    let mut spans = vec![
        Span::styled(lead, look.heading(is_focused)),
        Span::styled(fill, look.faint()),
    ];
    if nr_right > 0 {
        spans.push(Span::raw(" "));
        spans.extend(right.spans.into_iter().map(|span| {
            let style = right.style.patch(span.style);
            Span::styled(span.content, style)
        }));
        spans.push(Span::styled(look.rule(), look.faint()));
    }
    Line::from(spans)
}

/// Lines of a plain text; what is not indented is a heading.
pub(super) fn of_text(text: &str) -> Vec<Line<'static>> {
    let lines = text.trim_start_matches('\n').lines();
    lines
        .map(|line| {
            if line.is_empty() || line.starts_with(' ') {
                Line::raw(line.to_owned())
            } else {
                Line::styled(line.to_owned(), Look::strong())
            }
        })
        .collect()
}

/// `left` and `right` at the two ends of a line; the right one gives way.
pub(super) fn ends(left: Vec<Span<'static>>, right: Span<'static>, width: usize) -> Line<'static> {
    let used: usize = left.iter().map(Span::width).sum();
    let mut spans = left;
    if used + 2 + right.width() <= width {
        let gap = " ".repeat(width - used - right.width());
        spans.extend([Span::raw(gap), right]);
    }
    Line::from(spans)
}
