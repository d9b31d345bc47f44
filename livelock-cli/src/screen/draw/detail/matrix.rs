//! Which CPU handed a lock to which.

use livelock_core::verdict::Handoffs;
use ratatui::text::{Line, Span};

use crate::render::HandoffMatrix;
use crate::render::units::count;
use crate::screen::look::Look;

/// CPUs of a matrix, as on the page of a report.
const MAX_CPUS: usize = 16;
/// Columns of the numbers of the rows.
const HEAD: usize = 8;

/// The matrix, as much of it as `width` has room for; nothing without hand-offs.
pub(super) fn lines(seen: &Handoffs, look: Look, width: usize) -> Vec<Line<'static>> {
    let widest = HandoffMatrix::new(seen, MAX_CPUS).most;
    let cell = 1 + count(widest).chars().count().max(4);
    let room = width.saturating_sub(HEAD) / cell;
    let matrix = HandoffMatrix::new(seen, room.min(MAX_CPUS));
    if matrix.cpus.is_empty() {
        return Vec::new();
    }
    let left = match matrix.nr_left {
        0 => String::new(),
        nr => format!("; {} are not in it", count(nr)),
    };
    let mut lines = vec![
        Line::raw(""),
        Line::styled(
            format!("Hand-offs from the CPU of the row to that of the column{left}"),
            Look::strong(),
        ),
    ];
    let mut head = format!("{:>HEAD$}", "from\\to");
    for to in &matrix.cpus {
        head.push_str(&format!("{:>cell$}", to.0));
    }
    lines.push(Line::styled(head, look.faint()));
    for &from in &matrix.cpus {
        let mut spans = vec![Span::styled(format!("{:>HEAD$}", from.0), look.faint())];
        spans.extend(matrix.cpus.iter().map(|&to| match matrix.nr(from, to) {
            Some(nr) => {
                let style = if 2 * nr >= matrix.most {
                    look.burn()
                } else {
                    ratatui::style::Style::new()
                };
                Span::styled(format!("{:>cell$}", count(nr)), style)
            }
            None => Span::raw(format!("{:>cell$}", ".")),
        }));
        lines.push(Line::from(spans));
    }
    lines
}
