//! Flame graphs: folded stacks and SVG.
//!
//! In: the paths that the judge keeps of a session. Out: at its end one line for each path, or a picture. Refuses: a
//! frame that would be read as two.

use inferno::flamegraph::{self, Options};
use livelock_core::locks::{FlamePath, FlameSide};
use livelock_core::recording::Opening;

use super::{Ending, ExportError, Exporter, Moment};

/// The picture of a session in which nobody waited, which has no frames to draw.
const NOTHING: &str = "<?xml version=\"1.0\"?>\n<svg version=\"1.1\" xmlns=\"http://www.w3.org/2000/svg\" width=\"600\" \
    height=\"48\"><text x=\"16\" y=\"30\" font-family=\"monospace\">nobody waited for a lock</text></svg>\n";

/// How they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    /// `lock;outermost;…;innermost MICROSECONDS`.
    Folded,
    /// For a browser.
    Svg,
}

/// Flame graphs of one side.
pub(crate) struct Flames {
    picture: Picture,
    side: FlameSide,
    title: String,
}

impl Flames {
    pub(crate) const fn new(picture: Picture, side: FlameSide) -> Self {
        Self {
            picture,
            side,
            title: String::new(),
        }
    }

    fn svg(&self, lines: &[String]) -> Result<Vec<u8>, ExportError> {
        if lines.is_empty() {
            return Ok(NOTHING.as_bytes().to_vec());
        }
        let mut options = Options::default();
        options.title = match self.side {
            FlameSide::Waiters => format!("Waiting for locks, by time: {}", self.title),
            FlameSide::Holders => {
                format!(
                    "Holding locks that others wait for, by their time: {}",
                    self.title
                )
            }
        };
        options.count_name = "us".to_owned();
        options.name_type = "Function:".to_owned();
        // Two runs on one recording give the same bytes.
        options.deterministic = true;
        let mut bytes = Vec::new();
        flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut bytes)
            .map_err(|source| ExportError::Flame { source })?;
        Ok(bytes)
    }
}

/// Lines in the order of their frames. Time below a microsecond is left out.
fn folded(paths: &[FlamePath]) -> Vec<String> {
    paths
        .iter()
        .filter(|path| path.time_ns >= 1_000)
        .map(|path| {
            let frames: Vec<String> = path.frames.iter().map(|frame| framed(frame)).collect();
            format!("{} {}", frames.join(";"), path.time_ns / 1_000)
        })
        .collect()
}

fn framed(name: &str) -> String {
    name.chars()
        .map(|char| match char {
            ';' => ':',
            char if char.is_control() => ' ',
            char => char,
        })
        .collect()
}

impl Exporter for Flames {
    fn begin(&mut self, opening: &Opening) -> Result<Vec<u8>, ExportError> {
        let host = &opening.host;
        self.title = format!("{}, Linux {}", host.hostname, host.kernel_release);
        Ok(Vec::new())
    }

    fn window(&mut self, _: &Moment<'_>) -> Result<Vec<u8>, ExportError> {
        Ok(Vec::new())
    }

    fn end(&mut self, ending: &Ending<'_>) -> Result<Vec<u8>, ExportError> {
        let lines = folded(&ending.judge.flame(self.side, ending.names));
        match self.picture {
            Picture::Svg => self.svg(&lines),
            Picture::Folded => Ok(lines
                .into_iter()
                .map(|line| line + "\n")
                .collect::<String>()
                .into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_cannot_be_read_as_two_and_times_are_microseconds() {
        let path = |frames: &[&str], time_ns| FlamePath {
            frames: frames.iter().map(|&frame| frame.to_owned()).collect(),
            time_ns,
        };
        let lines = folded(&[path(&["a;b's lock", "c\nd"], 1_999), path(&["e"], 999)]);
        assert_eq!(lines, ["a:b's lock;c d 1"]);
    }
}
