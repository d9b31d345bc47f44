//! What is typed, and changes of the terminal's size.
//!
//! In: events of the terminal. Out: keys of the screen. Refuses: to wait longer than it is told to.

use std::time::Duration;

use anyhow::Context as _;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::screen::Key;

/// What the terminal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Key(Key),
    Resized,
    /// The terminal is gone.
    Gone,
    /// Nothing that the screen knows.
    Other,
}

/// The next input that arrives within `wait`.
pub(super) fn next(wait: Duration) -> anyhow::Result<Option<Input>> {
    // The library would read the end of a terminal that is gone for ever, so it is asked only while there is one.
    if is_gone(Duration::ZERO) {
        return Ok(Some(Input::Gone));
    }
    let has_event = || event::poll(Duration::ZERO).context("listen to the terminal");
    if !has_event()? {
        if is_gone(wait) {
            return Ok(Some(Input::Gone));
        }
        if !has_event()? {
            return Ok(None);
        }
    }
    let event = event::read().context("read from the terminal")?;
    Ok(Some(match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            known(key).map_or(Input::Other, Input::Key)
        }
        Event::Resize(..) => Input::Resized,
        _ => Input::Other,
    }))
}

/// Whether standard input has hung up, after it said something or `wait` is over.
fn is_gone(wait: Duration) -> bool {
    let mut stdin = libc::pollfd {
        fd: libc::STDIN_FILENO,
        events: libc::POLLIN,
        revents: 0,
    };
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one structure, which outlives the call.
    unsafe { libc::poll(&raw mut stdin, 1, wait_ms) };
    stdin.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0
}

fn known(event: KeyEvent) -> Option<Key> {
    let with = |modifier| event.modifiers.contains(modifier);
    Some(match event.code {
        KeyCode::Char(c) if with(KeyModifiers::CONTROL) => match c.to_ascii_lowercase() {
            'c' => Key::Interrupt,
            'z' => Key::Suspend,
            'l' => Key::Redraw,
            'h' => Key::Backspace,
            _ => return None,
        },
        KeyCode::Char(_) if with(KeyModifiers::ALT) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab if with(KeyModifiers::SHIFT) => Key::BackTab,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_keys_are_no_letters() {
        let press = |code, modifiers| known(KeyEvent::new(code, modifiers));
        let c = KeyCode::Char('c');
        assert_eq!(press(c, KeyModifiers::NONE), Some(Key::Char('c')));
        assert_eq!(press(c, KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(press(c, KeyModifiers::ALT), None);
        let g = KeyCode::Char('G');
        assert_eq!(press(g, KeyModifiers::SHIFT), Some(Key::Char('G')));
        assert_eq!(press(KeyCode::Tab, KeyModifiers::SHIFT), Some(Key::BackTab));
        assert_eq!(press(KeyCode::F(1), KeyModifiers::NONE), None);
    }
}
