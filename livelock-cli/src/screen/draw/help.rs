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
        "select; in a detail: scroll, left and right: the one beside",
    ),
    ("PgUp PgDn Home End", "the same in larger steps"),
    (
        "/",
        "show only locks whose name, task or function contains a text",
    ),
    (
        "s",
        "sort locks by burn, waits, gap, oldest wait, name; CPUs likewise",
    ),
    (
        "space",
        "freeze the view while windows keep coming; again: newest",
    ),
    ("[ ]", "one window back, one forward"),
    (
        "+ -",
        "merge more or fewer windows for display; verdicts do not change",
    ),
    (
        "w",
        "write what is shown as a report: text and JSON, in this folder",
    ),
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
    let mut legend = vec![Span::raw(" CPUs: ")];
    for category in Category::LEGEND {
        let letter = category.letter().to_string();
        legend.push(Span::styled(letter, look.category(category)));
        legend.push(Span::raw(format!(" {}  ", category.name())));
    }
    lines.push(Line::from(legend));
    lines.push(Line::raw(
        " time: L live lock  C contended  S starved  b busy  . healthy  ? cannot tell",
    ));
    lines.push(Line::raw(
        " lines rise to 100 % (burn), to the most shown (progress, locks); ? is unknown",
    ));
    lines
}
