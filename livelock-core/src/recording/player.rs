//! A recording played back.
//!
//! In: the bytes of a recording. Out: its windows, through the same builder as live ones, and the names for them.
//! Refuses: to judge; that is for a [`crate::judge::Judge`], as it is live.

use super::error::RecordingError;
use super::frame::{Frames, Tail};
use super::names::NameTable;
use super::record::{Close, Closing, EndedBy, Opening, Record};
use crate::declared::DeclaredReading;
use crate::event::Event;
use crate::window::{Window, WindowBuilder};

/// What comes next.
#[derive(Clone, Debug)]
pub enum Played {
    /// A window.
    Window {
        /// It, with the facts about its code.
        window: Box<Window>,
        /// Declared progress at its end.
        readings: Vec<DeclaredReading>,
        /// Its end, in milliseconds since 1970.
        ended_unix_ms: u64,
    },
    /// The books after the last window.
    Rest(Box<Window>),
}

/// Plays a recording.
#[derive(Debug)]
pub struct Player<'b> {
    frames: Frames<'b>,
    opening: Opening,
    builder: WindowBuilder,
    names: NameTable,
    closing: Option<Closing>,
}

impl<'b> Player<'b> {
    /// At the begin of a recording.
    ///
    /// # Errors
    ///
    /// If the bytes are no recording, of a later format, or without a begin.
    pub fn open(bytes: &'b [u8]) -> Result<Self, RecordingError> {
        let mut frames = Frames::of(bytes)?;
        let opening = match frames.next_record()? {
            Some(Record::Opening(opening)) => *opening,
            Some(_) => {
                return Err(RecordingError::NoOpening {
                    what: "another one",
                });
            }
            None if frames.tail() == Tail::Whole => return Err(RecordingError::Empty),
            None => return Err(RecordingError::NoOpening { what: "damaged" }),
        };
        Ok(Self {
            builder: opening.builder(),
            frames,
            opening,
            names: NameTable::default(),
            closing: None,
        })
    }

    /// What was observed.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The names up to what was played last.
    #[must_use]
    pub const fn names(&self) -> &NameTable {
        &self.names
    }

    /// The next window; `None` at the end.
    ///
    /// # Errors
    ///
    /// If an undamaged frame holds something unknown.
    pub fn play(&mut self) -> Result<Option<Played>, RecordingError> {
        while let Some(record) = self.frames.next_record()? {
            match record {
                Record::Opening(_) => {
                    return Err(RecordingError::NoOpening {
                        what: "not the only one of its kind",
                    });
                }
                Record::Baseline(baseline) => {
                    self.fold(baseline.events);
                    self.builder.baseline(baseline.at);
                }
                Record::Names(names) => self.names.learn(&names),
                Record::Events(events) => self.fold(events),
                Record::Window(close) => {
                    let (readings, ended_unix_ms) = (close.readings.clone(), close.ended_unix_ms);
                    return Ok(Some(Played::Window {
                        window: Box::new(self.close(close)),
                        readings,
                        ended_unix_ms,
                    }));
                }
                Record::Rest(close) => {
                    return Ok(Some(Played::Rest(Box::new(self.close(close)))));
                }
                Record::Closing(closing) => self.closing = Some(closing),
            }
        }
        Ok(None)
    }

    /// Goes on by a frame without playing it, to see how the recording ends; false at the end.
    ///
    /// # Errors
    ///
    /// If an undamaged frame holds something unknown.
    pub fn skip(&mut self) -> Result<bool, RecordingError> {
        let record = self.frames.next_record()?;
        if let Some(Record::Closing(closing)) = &record {
            self.closing = Some(*closing);
        }
        Ok(record.is_some())
    }

    /// How the session ended; cut off, if the recording does not say.
    #[must_use]
    pub fn ended_by(&self) -> EndedBy {
        self.closing
            .map_or(EndedBy::Truncated, |closing| closing.ended_by)
    }

    /// How the bytes end, as far as they were played.
    #[must_use]
    pub const fn tail(&self) -> Tail {
        self.frames.tail()
    }

    fn fold(&mut self, events: Vec<Event>) {
        for event in events {
            self.builder.fold(event);
        }
    }

    fn close(&mut self, close: Close) -> Window {
        self.names.learn(&close.names);
        self.fold(close.events);
        let mut window = self.builder.close(close.begin, close.end);
        window.code = close.code;
        window.attempts = close.attempts;
        window
    }
}
