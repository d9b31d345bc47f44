//! The last line: what is being typed, what happened, or the keys.

use ratatui::text::{Line, Span};

use crate::render::units::clean;
use crate::screen::look::Look;
use crate::screen::state::Screen;

/// As many as fit; `?` tells all.
const KEYS: [&str; 10] = [
    "q quit",
    "? keys",
    "Tab pane",
    "Enter detail",
    "space freeze",
    "[ ] step",
    "w write",
    "/ filter",
    "s sort",
    "+ - merge",
];

pub(super) fn line(screen: &Screen, look: Look, width: usize) -> Line<'static> {
    if screen.is_typing {
        let text = format!(" filter: {}", clean(&screen.filter));
        return Line::from(vec![
            Span::styled(text, Look::strong()),
            Span::styled(" ", Look::selected()),
            Span::raw("  Enter keeps it, Esc clears it"),
        ]);
    }
    match &screen.notice {
        Some(notice) => Line::styled(format!(" {}", clean(notice)), look.notice()),
        None => {
            let mut text = String::new();
            for key in KEYS {
                if text.chars().count() + key.chars().count() + 2 > width {
                    break;
                }
                text.push_str(if text.is_empty() { " " } else { "  " });
                text.push_str(key);
            }
            Line::styled(text, look.faint())
        }
    }
}
