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
    /// For a session of `duration`; without an end if it has none.
    pub(super) fn new(duration: Option<Duration>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let length_ms =
            duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        let bar = ProgressBar::with_draw_target(length_ms, ProgressDrawTarget::stderr_with_hz(10));
        let template = match duration {
            Some(_) => "observing [{bar:30}] {elapsed}  {msg}",
            None => "observing {elapsed}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(Some(bar))
    }

    /// Nothing.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// Whether anybody sees it.
    pub(super) const fn is_shown(&self) -> bool {
        self.0.is_some()
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
