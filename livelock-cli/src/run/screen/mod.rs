//! `livelock watch` on a terminal.
//!
//! In: a session with or without an end, keys, signals. Out: frames, and once the screen is left the lines that end a
//! plain `watch`. Refuses: to leave the terminal otherwise than it was, whatever ends the session.

mod keyboard;
mod report;
mod signals;
mod stderr;
mod terminal;

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use livelock_core::recording::{EndedBy, Opening};

use super::diagnose::exit_reason;
use super::output::{Sink, Written};
use super::report::command;
use super::session::{Ended, Listener, Outcome, Seen, observe};
use super::stream::summarize;
use crate::args::{ColorWhen, Output, Source};
use crate::exit::Exit;
use crate::render::{StreamSummary, plain_end, plain_status, plain_summary};
use crate::report::{Origin, html};
use crate::screen::{Effect, Glyphs, Look, Screen, Snapshot, Source as Shown, draw};
use keyboard::Input;
use signals::{Signal, Signals};
pub use terminal::FullScreen;

/// Time between two frames, unless a key was pressed.
const FRAME_EVERY: Duration = Duration::from_millis(100);
/// Longest time without a look at signals while a recording plays.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether there is a terminal to draw on, and one to type at.
pub(super) fn is_possible() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && !term.is_empty()
        && term != "dumb"
}

/// Colours and characters of the terminal.
fn look(color: ColorWhen, is_ascii: bool) -> Look {
    let variable = |name| std::env::var(name).ok();
    let has_color = color.has_color(
        true,
        variable("NO_COLOR").as_deref(),
        variable("TERM").as_deref(),
    );
    // The backend looks at NO_COLOR by itself; `--color always` outweighs it.
    ratatui::crossterm::style::force_color_output(has_color);
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_lowercase();
    let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
    let glyphs = if is_ascii || !is_utf8 {
        Glyphs::Ascii
    } else {
        Glyphs::Unicode
    };
    Look::new(has_color, glyphs)
}

/// The screen and the terminal that it is on.
struct Show {
    screen: Screen,
    look: Look,
    signals: Signals,
    /// Entered at the first occasion: what refuses to begin says so on the usual screen.
    terminal: Option<FullScreen>,
    is_recording: bool,
    /// Where windows are from, for reports; `None` before the session has begun.
    origin: Option<Origin>,
    /// Why it ends, if somebody here wants it to.
    ended: Option<EndedBy>,
    /// Whether the user did, by a key.
    has_quit: bool,
    is_changed: bool,
    is_urgent: bool,
    wants_next: bool,
    drawn_at: Option<Instant>,
}

impl Show {
    fn new(source: &Source, look: Look) -> anyhow::Result<Self> {
        let shown = match source {
            Source::Host { .. } => Shown::Host,
            Source::Recording { input, .. } => {
                let path = input.path();
                let name = path.file_name().unwrap_or(path.as_os_str());
                Shown::Recording {
                    name: name.to_string_lossy().into_owned(),
                }
            }
        };
        Ok(Self {
            is_recording: shown != Shown::Host,
            screen: Screen::new(shown),
            look,
            signals: Signals::listen()?,
            terminal: None,
            origin: None,
            ended: None,
            has_quit: false,
            is_changed: true,
            is_urgent: false,
            wants_next: false,
            drawn_at: None,
        })
    }

    /// Takes keys and signals for `wait`, or those that are there already, and draws what changed.
    fn attend(&mut self, wait: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + wait;
        loop {
            self.obey_signals()?;
            self.draw_if_due()?;
            let left = until.saturating_duration_since(Instant::now());
            if self.ended.is_some()
                || (wait > Duration::ZERO && (left.is_zero() || self.wants_next))
            {
                return Ok(());
            }
            match keyboard::next(left.min(LOOK_EVERY))? {
                Some(input) => self.take(input)?,
                None if wait.is_zero() => return Ok(()),
                None => {}
            }
        }
    }

    fn take(&mut self, input: Input) -> anyhow::Result<()> {
        self.is_changed = true;
        self.is_urgent = true;
        let key = match input {
            Input::Key(key) => key,
            Input::Resized => return self.redraw(),
            Input::Gone => {
                self.ended = Some(EndedBy::Terminate);
                return Ok(());
            }
            Input::Other => return Ok(()),
        };
        match self.screen.key(key) {
            Effect::None => {}
            Effect::Quit => {
                self.has_quit = true;
                self.ended = Some(EndedBy::Duration);
            }
            Effect::Interrupt => self.ended = Some(EndedBy::Interrupt),
            Effect::Suspend => self.suspend()?,
            Effect::Redraw => self.redraw()?,
            Effect::Next => self.wants_next = true,
            Effect::Write(snapshot) => {
                let origin = self.origin.clone();
                let page = origin.and_then(|origin| self.screen.document(origin));
                let page = page.map(|document| html(&document));
                let notice = match report::write(&snapshot, page.as_deref()) {
                    Ok(notice) => notice,
                    Err(error) => format!("failed to {error:#}"),
                };
                self.screen.notice(notice);
            }
        }
        Ok(())
    }

    fn obey_signals(&mut self) -> anyhow::Result<()> {
        match self.signals.take() {
            None => Ok(()),
            Some(Signal::Interrupt) => {
                self.ended = Some(EndedBy::Interrupt);
                Ok(())
            }
            Some(Signal::Terminate) => {
                self.ended = Some(EndedBy::Terminate);
                Ok(())
            }
            Some(Signal::Stop) => self.suspend(),
            Some(Signal::Continue) => self.redraw(),
        }
    }

    /// Gives the terminal back, stops until somebody continues this process, takes the terminal again.
    fn suspend(&mut self) -> anyhow::Result<()> {
        let had_terminal = self.terminal.take().is_some();
        signals::stop()?;
        self.signals.forget_continue();
        if had_terminal {
            self.terminal = Some(FullScreen::enter()?);
        }
        self.is_changed = true;
        self.is_urgent = true;
        Ok(())
    }

    /// Whatever the terminal shows and however it is set, it is ours again.
    fn redraw(&mut self) -> anyhow::Result<()> {
        if let Some(terminal) = &mut self.terminal {
            terminal.renew()?;
        }
        self.is_changed = true;
        self.is_urgent = true;
        Ok(())
    }

    fn draw_if_due(&mut self) -> anyhow::Result<()> {
        let is_due = self
            .drawn_at
            .is_none_or(|drawn_at| drawn_at.elapsed() >= FRAME_EVERY);
        if !self.is_changed || !(is_due || self.is_urgent) {
            return Ok(());
        }
        let terminal = match &mut self.terminal {
            Some(terminal) => terminal,
            none => none.insert(FullScreen::enter()?),
        };
        let (screen, look) = (&self.screen, self.look);
        let drawn = terminal.draw(|buffer| draw(screen, look, buffer))?;
        self.screen.drawn(drawn);
        self.drawn_at = Some(Instant::now());
        self.is_changed = false;
        self.is_urgent = false;
        Ok(())
    }

    fn written(&self) -> Written {
        match self.ended {
            Some(_) => Written::PipeClosed,
            None => Written::Yes,
        }
    }

    /// A recording that is over stays on the screen until somebody has seen enough.
    fn linger(&mut self) -> anyhow::Result<()> {
        self.screen.end();
        self.is_changed = true;
        while self.ended.is_none() {
            self.wants_next = false;
            self.attend(FRAME_EVERY)?;
        }
        Ok(())
    }
}

impl Listener for Show {
    fn begin(&mut self, opening: &Opening) -> anyhow::Result<Written> {
        self.screen.begin(opening);
        let name = match self.screen.source() {
            Shown::Host => None,
            Shown::Recording { name } => Some(name.clone()),
        };
        self.origin = Some(Origin::new(opening, command(), name));
        self.is_changed = true;
        self.attend(Duration::ZERO)?;
        Ok(self.written())
    }

    fn tick(&mut self, _: Duration) -> anyhow::Result<ControlFlow<EndedBy>> {
        self.attend(Duration::ZERO)?;
        Ok(match self.ended {
            Some(by) => ControlFlow::Break(by),
            None => ControlFlow::Continue(()),
        })
    }

    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written> {
        let verdict = seen.judge.recent_verdict(seen.names);
        let summary = summarize(seen, verdict.status);
        let wait = if self.is_recording {
            Duration::from_nanos(summary.duration_ns)
        } else {
            Duration::ZERO
        };
        self.screen.feed(Snapshot::new(
            summary,
            verdict,
            seen.window,
            seen.observation,
            seen.names,
        ));
        self.is_changed = true;
        self.wants_next = false;
        self.attend(wait)?;
        Ok(self.written())
    }
}

/// Observes and shows.
pub(super) async fn run(source: &Source, is_ascii: bool, color: ColorWhen) -> anyhow::Result<Exit> {
    let mut show = Show::new(source, look(color, is_ascii))?;
    let ended = match observe(source, &mut show).await? {
        Outcome::Ended(ended) => ended,
        Outcome::Refused(exit) => return Ok(exit),
    };
    if show.is_recording && show.ended.is_none() {
        show.linger()?;
    }
    // Only now: the last books may take a moment, and an empty terminal would look like a crash.
    show.terminal = None;
    close(source, &ended, show.ended, show.has_quit)
}

/// Says how it ended, as a plain watch does.
fn close(
    source: &Source,
    ended: &Ended,
    ended_here: Option<EndedBy>,
    has_quit: bool,
) -> anyhow::Result<Exit> {
    let verdict = ended.judge.recent_verdict(&*ended.names);
    let by = ended_here.unwrap_or_else(|| exit_reason(source, ended.by));
    let summary = StreamSummary::new(
        by,
        ended.nr_windows,
        Some(verdict.status),
        verdict.accounting.clone(),
        Some(verdict.self_cost.clone()),
    );
    let last = if has_quit {
        plain_end("ended by q", &summary)
    } else {
        plain_summary(&summary)
    };
    let by = match Sink::open(&Output::Stdout)?.write(&(plain_status(&verdict) + &last))? {
        Written::Yes => by,
        Written::PipeClosed => EndedBy::ClosedPipe,
    };
    Ok(Exit::of_session(by, Some(verdict.status)))
}
