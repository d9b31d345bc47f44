//! A recording being made.
//!
//! In: the opening, each window, the end. Out: files. Refuses: to exceed its bounds, but for the window that shows
//! that they are reached.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use livelock_core::recording::{
    Baseline, Close, Closing, EndedBy, NameTable, NewNames, Opening, Record, encode,
};
use livelock_core::verdict::Status;

use super::error::RecordError;
use super::incident::{Incident, Step};
use super::incidents::remove_oldest;
use super::piece::{Frames, Piece, head};
use super::ring::{Ring, Start};
use super::settings::{Bounds, Flight, RecordTo, Settings};
use super::stamp::numbered;
use super::trigger::Trigger;

/// Bytes of a closing frame at most: three numbers and their names, with the head of the frame.
const CLOSING_BYTES: u64 = 256;

/// Incidents with the same stamp: a clock that is set back, windows shorter than a second.
const MAX_SAME_SECOND: u32 = 1000;

/// What was recorded, and is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Windows written.
    pub nr_windows: u64,
    /// Bytes written.
    pub nr_bytes: u64,
    /// Files, oldest first; empty for standard output.
    pub files: Vec<PathBuf>,
}

/// How it goes on.
enum Mode {
    /// To the end, in one piece.
    Whole,
    /// In pieces of at most so many bytes, of which the last two stay.
    Pieces {
        piece_bytes: u64,
        /// Where a piece after the last window starts.
        next: Option<Start>,
    },
    /// Only when something happens.
    Flight {
        ring: Option<Ring>,
        incident: Incident,
        trigger: Trigger,
        span: Duration,
        max_bytes: u64,
        nr_kept: Option<u32>,
    },
}

/// Records one session.
pub struct Recorder {
    settings: Settings,
    mode: Mode,
    piece: Option<Piece>,
    opening: Option<Opening>,
    /// Windows in the present piece.
    nr_windows: u64,
    recorded: Recorded,
}

impl Recorder {
    /// Opens what it will write to, so that a wrong path is known before anything is attached.
    ///
    /// # Errors
    ///
    /// If that cannot be had.
    pub fn open(settings: Settings) -> Result<Self, RecordError> {
        let piece = match (&settings.to, settings.bounds) {
            (RecordTo::Stdout, _) if std::io::stdout().is_terminal() => {
                return Err(RecordError::Terminal);
            }
            (RecordTo::Stdout, _) => Some(Piece::of(
                Box::new(std::io::stdout()),
                PathBuf::from("standard output"),
            )),
            (RecordTo::File(path), Bounds::Flight { .. }) => {
                check_folder(path)?;
                None
            }
            (RecordTo::File(path), Bounds::Size { .. }) => {
                for path in [path.clone(), older(path)] {
                    let found = path.symlink_metadata();
                    if found.is_ok_and(|found| !found.is_file()) {
                        return Err(RecordError::NoFile { path });
                    }
                }
                let older = older(path);
                if older.exists() && !settings.is_forced {
                    return Err(RecordError::Exists { path: older });
                }
                Some(Piece::file(path, settings.is_forced)?)
            }
            (RecordTo::File(path), Bounds::None) => Some(Piece::file(path, settings.is_forced)?),
        };
        let mode = match settings.bounds {
            Bounds::None => Mode::Whole,
            Bounds::Size { max_bytes } => Mode::Pieces {
                piece_bytes: max_bytes / 2,
                next: None,
            },
            Bounds::Flight { flight, max_bytes } => {
                let Flight {
                    span,
                    trigger,
                    cooldown,
                    nr_kept,
                } = flight;
                Mode::Flight {
                    ring: None,
                    incident: Incident::new(ns(span), ns(cooldown)),
                    trigger,
                    span,
                    max_bytes,
                    nr_kept,
                }
            }
        };
        Ok(Self {
            settings,
            mode,
            piece,
            opening: None,
            nr_windows: 0,
            recorded: Recorded::default(),
        })
    }

    /// Before the first window.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn begin(&mut self, opening: &Opening, baseline: Baseline) -> Result<(), RecordError> {
        let baseline = encode(&Record::Baseline(baseline))?;
        self.opening = Some(opening.clone());
        if let Mode::Flight {
            ring,
            span,
            max_bytes,
            ..
        } = &mut self.mode
        {
            let start = Start {
                baseline,
                readings: opening.first_readings.clone(),
                unix_ms: opening.began_unix_ms,
            };
            *ring = Some(Ring::new(*span, *max_bytes, start));
            return Ok(());
        }
        if let (Mode::Pieces { .. }, RecordTo::File(path)) = (&self.mode, &self.settings.to)
            && self.settings.is_forced
        {
            // Of another session; a missing one is as good.
            let _ = std::fs::remove_file(older(path));
        }
        self.remember();
        let bytes = head(opening, &baseline, NewNames::default())?;
        self.write(&bytes)
    }

    /// Whether [`Self::window`] wants to know the status.
    #[must_use]
    pub const fn wants_status(&self) -> bool {
        matches!(self.mode, Mode::Flight { .. })
    }

    /// A window, the names up to it, and what the recent windows amount to.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn window(
        &mut self,
        close: Close,
        names: &NameTable,
        status: Option<Status>,
    ) -> Result<(), RecordError> {
        let frames = Frames::of(close, !matches!(self.mode, Mode::Whole))?;
        match &mut self.mode {
            Mode::Whole => self.append(&frames),
            Mode::Pieces { piece_bytes, next } => {
                let nr_bytes = self.piece.as_ref().map_or(0, |piece| piece.nr_bytes);
                let window_bytes = frames.bytes.len() as u64;
                // Should this be the last window, the books after it and the end must fit as well. They are those of part of
                // one more window.
                let end_bytes = window_bytes.max(frames.carry.len() as u64) + CLOSING_BYTES;
                let is_full = nr_bytes + window_bytes + end_bytes > *piece_bytes;
                let start = next.replace(Start {
                    baseline: frames.carry.clone(),
                    readings: frames.readings.clone(),
                    unix_ms: frames.ended_unix_ms,
                });
                // A window that is too large for a piece gets one of its own.
                if let Some(start) = start.filter(|_| is_full && self.nr_windows > 0) {
                    self.next_piece(&start, names)?;
                }
                self.append(&frames)
            }
            Mode::Flight {
                ring,
                incident,
                trigger,
                ..
            } => {
                let is_hit = status.is_some_and(|status| trigger.is_hit_by(status));
                let step = incident.step(is_hit, frames.end);
                let frames_now = frames.clone();
                if let Some(ring) = ring {
                    ring.push(frames);
                }
                match step {
                    Step::Keep => Ok(()),
                    Step::Begin => self.begin_incident(&frames_now, names),
                    Step::Go => self.append(&frames_now),
                    Step::End => {
                        self.append(&frames_now)?;
                        self.close(EndedBy::Continued, frames_now.ended_unix_ms)?;
                        self.piece = None;
                        Ok(())
                    }
                }
            }
        }
    }

    /// The books after the last window, and the end.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn end(&mut self, rest: Close, ended_by: EndedBy) -> Result<(), RecordError> {
        if self.piece.is_some() {
            let unix_ms = rest.ended_unix_ms;
            let bytes = encode(&Record::Rest(rest))?;
            self.write(&bytes)?;
            self.close(ended_by, unix_ms)?;
        }
        Ok(())
    }

    /// What was recorded so far.
    #[must_use]
    pub const fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    fn append(&mut self, frames: &Frames) -> Result<(), RecordError> {
        self.write(&frames.bytes)?;
        self.nr_windows += 1;
        self.recorded.nr_windows += 1;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        if let Some(piece) = &mut self.piece {
            piece.write(bytes)?;
            self.recorded.nr_bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn close(&mut self, ended_by: EndedBy, ended_unix_ms: u64) -> Result<(), RecordError> {
        let closing = Closing {
            ended_by,
            nr_windows: std::mem::take(&mut self.nr_windows),
            ended_unix_ms,
        };
        let bytes = encode(&Record::Closing(closing))?;
        self.write(&bytes)
    }

    /// Ends the present piece, which becomes the older one, and begins the next.
    fn next_piece(&mut self, start: &Start, names: &NameTable) -> Result<(), RecordError> {
        let RecordTo::File(path) = self.settings.to.clone() else {
            return Ok(());
        };
        // The piece before this one is replaced by it.
        self.recorded.nr_windows = self.nr_windows;
        self.close(EndedBy::Continued, start.unix_ms)?;
        self.recorded.nr_bytes = self.piece.as_ref().map_or(0, |piece| piece.nr_bytes);
        self.piece = None;
        let older = older(&path);
        std::fs::rename(&path, &older).map_err(|source| RecordError::Write {
            path: older.clone(),
            source,
        })?;
        self.recorded.files = vec![older];
        self.piece = Some(Piece::file(&path, true)?);
        self.remember();
        self.write_head(start, names)
    }

    /// A file for what is kept, the window that hit the trigger being the last.
    fn begin_incident(&mut self, now: &Frames, names: &NameTable) -> Result<(), RecordError> {
        let (RecordTo::File(path), Mode::Flight { ring, nr_kept, .. }) =
            (&self.settings.to, &self.mode)
        else {
            return Ok(());
        };
        let nr_kept = *nr_kept;
        let Some(ring) = ring else {
            return Ok(());
        };
        let stamped = super::stamp::stamped(path, now.ended_unix_ms);
        let start = ring.start().clone();
        let kept: Vec<Frames> = ring.windows().cloned().collect();
        self.piece = Some(incident_file(&stamped)?);
        self.remember();
        if let (RecordTo::File(path), Some(nr_kept), Some(piece)) =
            (&self.settings.to, nr_kept, &self.piece)
        {
            let removed = remove_oldest(path, piece.path(), nr_kept);
            self.recorded.files.retain(|file| !removed.contains(file));
        }
        self.write_head(&start, names)?;
        kept.iter().try_for_each(|frames| self.append(frames))
    }

    fn write_head(&mut self, start: &Start, names: &NameTable) -> Result<(), RecordError> {
        let Some(opening) = &mut self.opening else {
            return Ok(());
        };
        opening.nr_pieces_before += 1;
        let opening = Opening {
            began_unix_ms: start.unix_ms,
            first_readings: start.readings.clone(),
            ..opening.clone()
        };
        let bytes = head(&opening, &start.baseline, names.all())?;
        self.write(&bytes)
    }

    /// Takes the name of the present piece for the report.
    fn remember(&mut self) {
        if let (Some(piece), RecordTo::File(_)) = (&self.piece, &self.settings.to) {
            self.recorded.files.push(piece.path().to_owned());
        }
    }
}

/// `FILE.1`.
fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// A file of its own for an incident: an earlier one of the same second is left alone.
fn incident_file(stamped: &Path) -> Result<Piece, RecordError> {
    let mut path = stamped.to_owned();
    for number in 2..=MAX_SAME_SECOND {
        match Piece::file(&path, false) {
            Err(RecordError::Exists { .. }) => path = numbered(stamped, number),
            other => return other,
        }
    }
    Piece::file(&path, false)
}

fn check_folder(path: &Path) -> Result<(), RecordError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if folder.is_dir() && !path.is_dir() {
        return Ok(());
    }
    Err(RecordError::Create {
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

fn ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
