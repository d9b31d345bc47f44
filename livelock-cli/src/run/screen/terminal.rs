//! The terminal: taken, drawn on, given back.
//!
//! In: frames. Out: the alternate screen in raw mode without a cursor, and the terminal as it was after a drop or a
//! panic. Refuses: to ask the terminal anything: an answer would be read as keys.

use std::io::{self, BufWriter, Stdout, stdout};
use std::panic;
use std::sync::{Mutex, Once, PoisonError};

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::stderr::HeldStderr;

/// Room for a frame: one write each, which no reader sees half of.
const FRAME_BYTES: usize = 64 << 10;

type Backend = CrosstermBackend<BufWriter<Stdout>>;

/// What must be undone. In one place, because a panic must find it, too.
static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);

struct Taken {
    stderr: Option<HeldStderr>,
}

/// The terminal while it is ours.
pub struct FullScreen {
    terminal: Terminal<Backend>,
}

impl FullScreen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// If standard output is no terminal that can be set to raw mode.
    pub fn enter() -> io::Result<Self> {
        restore_on_panic();
        // Before the screen changes: what fails until here may still speak.
        let terminal = fitting()?;
        enable_raw_mode()?;
        let stderr = HeldStderr::hold();
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = Some(Taken {
            stderr: stderr.unwrap_or(None),
        });
        drop(taken);
        let entered = Self { terminal };
        execute!(stdout(), EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        Ok(entered)
    }

    /// Draws a frame, and gives what `frame` gives.
    ///
    /// # Errors
    ///
    /// If the terminal cannot be written to.
    pub fn draw<T>(&mut self, frame: impl FnOnce(&mut Buffer) -> T) -> io::Result<T> {
        let mut result = None;
        self.terminal
            .draw(|target| result = Some(frame(target.buffer_mut())))?;
        result.ok_or_else(|| io::Error::other("no frame was drawn"))
    }

    /// After the size has changed, or somebody else wrote to the terminal or set its modes.
    ///
    /// # Errors
    ///
    /// If the terminal cannot be set or written to.
    pub fn renew(&mut self) -> io::Result<()> {
        // A shell sets its own modes while this process is stopped; raw mode is only entered from another.
        disable_raw_mode()?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        self.terminal = fitting()?;
        Ok(())
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        restore();
    }
}

/// A terminal of the present size, which nothing was drawn on.
fn fitting() -> io::Result<Terminal<Backend>> {
    let (width, height) = size()?;
    let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, stdout()));
    // A fixed one never asks where the cursor is.
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(backend, TerminalOptions { viewport })
}

/// Gives the terminal back, if it was taken.
fn restore() {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(taken) = taken else {
        return;
    };
    // Each step as far as it goes: a terminal that is gone needs none of them.
    let _ = execute!(stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
    if let Some(stderr) = taken.stderr {
        stderr.release();
    }
}

/// A panic speaks on the usual screen.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let speak = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            speak(info);
        }));
    });
}
