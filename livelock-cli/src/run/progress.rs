//! The progress bar of `diagnose`.
//!
//! In: elapsed time and the status so far. Out: a bar on standard error, if that is a terminal. Refuses:
//! to write anything elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, or nothing.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// For a session of `duration`.
    pub(super) fn new(duration: Duration) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let length_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let bar =
            ProgressBar::with_draw_target(Some(length_ms), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("observing [{bar:30}] {elapsed}  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(Some(bar))
    }

    /// How far.
    pub(super) fn set(&self, elapsed: Duration) {
        if let Some(bar) = &self.0 {
            bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        }
    }

    /// What is known so far.
    pub(super) fn say(&self, text: String) {
        if let Some(bar) = &self.0 {
            bar.set_message(text);
        }
    }

    /// Leaves the line empty.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
