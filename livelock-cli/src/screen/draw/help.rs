//! The keys, and what letters stand for.

use ratatui::text::{Line, Span};

use super::rows::rule;
use crate::screen::category::Category;
use crate::screen::look::Look;

const KEYS: [(&str, &str); 14] = [
    ("q", "quit; Ctrl-C the same with exit code 130"),
    ("Esc", "back: detail, filter, frozen view"),
    (
        "Tab, Shift-Tab",
        "next part of the screen: verdict, CPUs, time, locks, cost",
    ),
    (
        "Enter",
        "detail of it: evidence, a CPU, windows, a lock, own cost",
    ),
    (
        "arrows, hjkl",
        "select; in a detail: scroll; left, right: beside",
    ),
    ("PgUp PgDn Home End", "the same in larger steps"),
    ("/", "only locks whose name, task or function has a text"),
    ("s", "sort locks by burn, waits, gap, age, name; sort CPUs"),
    ("space", "freeze the view while windows come; again: newest"),
    ("[ ]", "one window back, one forward"),
    ("+ -", "merge more or fewer windows; verdicts stay"),
    ("w", "write a report: page, text and JSON, in this folder"),
    ("Ctrl-Z, Ctrl-L", "stop, until `fg`; draw anew"),
    ("?", "this; any key leaves it"),
];

pub(super) fn lines(look: Look, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![rule(look, "keys", "", true, width)];
    lines.extend(KEYS.iter().map(|(keys, what)| {
        Line::from(vec![
            Span::styled(format!(" {keys:<19}"), Look::strong()),
            Span::raw(*what),
        ])
    }));
    let mut legend = Line::raw(" CPUs: ");
    for category in Category::LEGEND {
        let letter = category.letter().to_string();
        let name = format!(" {}  ", category.name());
        if legend.width() + letter.len() + name.trim_end().len() > width {
            lines.push(std::mem::replace(&mut legend, Line::raw("       ")));
        }
        legend.push_span(Span::styled(letter, look.category(category)));
        legend.push_span(Span::raw(name));
    }
    lines.push(legend);
    lines.push(Line::raw(
        " time: L live lock  C contended  S starved  b busy  . healthy  ? cannot tell",
    ));
    lines.push(Line::raw(
        " lines rise to 100 % (burn), to the most shown (progress, locks); ? is unknown",
    ));
    lines
}
