//! Frames.
//!
//! In: a [`Screen`]. Out: cells of a buffer, and what it had room for. Refuses: to change what is shown, and to draw
//! beyond the buffer however small it is.

mod banner;
mod cpus;
mod detail;
mod footer;
mod help;
mod locks;
mod rows;
mod time;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::look::Look;
use super::panes::Pane;
use super::state::Screen;
use rows::put;

/// Smaller terminals get the verdict and a word that they are too small.
const MIN_COLUMNS: u16 = 40;
const MIN_ROWS: u16 = 10;
/// Rows of a terminal, and what the banner takes of them: a cause takes two lines in 80 columns.
const BANNER_ROWS: [(u16, u16); 3] = [(34, 5), (20, 4), (0, 3)];

/// What a frame had room for: keys move by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Rows of the detail, or of the list of locks.
    pub(super) nr_rows: usize,
    /// Rows of the detail beyond those.
    pub(super) nr_scrollable: usize,
    /// CPUs in a row of the strip.
    pub(super) nr_cpus_a_row: usize,
}

/// Draws all of `screen`.
pub fn draw(screen: &Screen, look: Look, buffer: &mut Buffer) -> Drawn {
    let area = buffer.area;
    if area.is_empty() {
        return Drawn::default();
    }
    if area.width < MIN_COLUMNS || area.height < MIN_ROWS {
        draw_small(screen, look, buffer);
        return Drawn::default();
    }
    let nr_banner_rows = BANNER_ROWS
        .iter()
        .find(|(least, _)| area.height >= *least)
        .map_or(0, |(_, rows)| *rows);
    let (top, rest) = split(area, nr_banner_rows);
    let (body, last) = split(rest, rest.height.saturating_sub(1));
    let banner = banner::lines(
        screen,
        look,
        usize::from(top.width),
        usize::from(top.height),
    );
    fill(buffer, top, &banner);
    fill(
        buffer,
        last,
        &[footer::line(screen, look, usize::from(last.width))],
    );
    if screen.is_help {
        fill(buffer, body, &help::lines(look, usize::from(body.width)));
        Drawn::default()
    } else if screen.is_open {
        draw_detail(screen, look, buffer, body)
    } else {
        draw_overview(screen, look, buffer, body)
    }
}

fn draw_small(screen: &Screen, look: Look, buffer: &mut Buffer) {
    let area = buffer.area;
    let width = usize::from(area.width);
    let mut lines = banner::lines(screen, look, width, 1);
    lines.push(Line::raw(format!(
        "{}x{} is too small: {MIN_COLUMNS}x{MIN_ROWS} at least",
        area.width, area.height
    )));
    lines.push(Line::raw("q quits"));
    fill(buffer, area, &lines);
}

fn draw_overview(screen: &Screen, look: Look, buffer: &mut Buffer, body: Rect) -> Drawn {
    let width = usize::from(body.width);
    let (nr_cpu_rows, nr_time_rows) = shares_of(body.height);
    let cpus = screen.cpus();
    let strip = cpus::section(screen, look, &cpus, width, nr_cpu_rows);
    let nr_strip_rows = u16::try_from(strip.lines.len()).unwrap_or(body.height);
    let (top, rest) = split(body, nr_strip_rows);
    fill(buffer, top, &strip.lines);
    let time = time::section(screen, look, width, nr_time_rows);
    let (middle, rest) = split(rest, u16::try_from(time.len()).unwrap_or(rest.height));
    fill(buffer, middle, &time);
    let locks = locks::section(screen, look, width, usize::from(rest.height));
    fill(buffer, rest, &locks);
    Drawn {
        nr_rows: usize::from(rest.height.saturating_sub(2)).max(1),
        nr_scrollable: 0,
        nr_cpus_a_row: strip.nr_a_row,
    }
}

/// Rows for the CPUs at most, and for the time line, of a body of `height`: locks get what is left.
fn shares_of(height: u16) -> (usize, usize) {
    let height = usize::from(height);
    let nr_time_rows = match height {
        0..=11 => 2,
        12..=25 => 4,
        26..=39 => 6,
        _ => 8,
    };
    let nr_cpu_rows = height.saturating_sub(nr_time_rows) / 2;
    (nr_cpu_rows.max(2), nr_time_rows)
}

fn draw_detail(screen: &Screen, look: Look, buffer: &mut Buffer, body: Rect) -> Drawn {
    let width = usize::from(body.width);
    let lines = match screen.pane {
        Pane::Verdict => detail::evidence::lines(screen, width),
        Pane::Cpus => detail::cpu::lines(screen, look, width),
        Pane::Time => detail::windows::lines(screen, look),
        Pane::Locks => detail::lock::lines(screen, look, width),
        Pane::Cost => detail::cost::lines(screen, width),
    };
    let title = detail::title(screen);
    let (top, text) = split(body, 1);
    let hint = "Esc back  arrows scroll";
    fill(buffer, top, &[rows::rule(look, &title, hint, true, width)]);
    let nr_rows = usize::from(text.height);
    let nr_scrollable = lines.len().saturating_sub(nr_rows);
    let from = screen.scroll.min(nr_scrollable);
    let shown = lines.get(from..).unwrap_or_default();
    fill(buffer, text, shown);
    Drawn {
        nr_rows,
        nr_scrollable,
        nr_cpus_a_row: 1,
    }
}

/// The first `rows` rows, and the others.
fn split(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let top = Rect {
        height: rows,
        ..area
    };
    let rest = Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    };
    (top, rest)
}

fn fill(buffer: &mut Buffer, area: Rect, lines: &[Line<'_>]) {
    for (row, line) in (0..area.height).zip(lines) {
        put(buffer, area, row, line);
    }
}
