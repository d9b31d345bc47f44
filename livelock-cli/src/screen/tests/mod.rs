//! Frames, keys, and what neither may do.

mod any;
mod frames;
mod keys;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::snapshot::{Snapshot, Source};
use super::synthetic::{Load, Machine};
use super::{Glyphs, Key, Look, Screen, draw};

/// A screen that has seen `loads`, a window each.
fn screen_of(nr_cpus: u32, loads: &[Load]) -> Screen {
    let mut machine = Machine::new(nr_cpus);
    let mut screen = Screen::new(Source::Host);
    screen.begin(&machine.opening());
    for &load in loads {
        screen.feed(machine.next(load));
    }
    screen
}

/// The frame of `screen`, and what it had room for is told.
fn drawn(screen: &mut Screen, look: Look, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    let mut room = None;
    terminal
        .draw(|frame| room = Some(draw(screen, look, frame.buffer_mut())))
        .expect("a frame");
    screen.drawn(room.expect("a frame was drawn"));
    terminal.backend().buffer().clone()
}

fn text_of(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content().chunks(width.max(1)).map(|row| {
        let text: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn ascii() -> Look {
    Look::new(false, Glyphs::Ascii)
}

/// The frame as text.
fn shown(screen: &mut Screen, width: u16, height: u16) -> String {
    text_of(&drawn(screen, ascii(), width, height))
}

fn press(screen: &mut Screen, keys: &str) {
    for key in keys.chars() {
        screen.key(match key {
            '\n' => Key::Enter,
            '\t' => Key::Tab,
            '\u{1b}' => Key::Esc,
            key => Key::Char(key),
        });
    }
}
