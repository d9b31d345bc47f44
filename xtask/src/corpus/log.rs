//! The console log of a guest, while it grows.
//!
//! In: the log's path. Out: the files of each task that is over. Refuses: garbled archives, which are
//! left out with a warning; what they held is then missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::Context as _;

use super::archive;
use crate::vm::console::{Piece, Reader, Results};
use crate::vm::guest::alarm_lines;

/// What came since the last look.
#[derive(Default)]
pub(super) struct News {
    /// A file or a mark of the guest's script.
    pub(super) is_alive: bool,
    /// Tasks that are over, by index, with their files.
    pub(super) finished: Vec<(usize, Results)>,
}

/// A console log that grows.
#[derive(Default)]
pub(super) struct Log {
    nr_bytes_read: u64,
    /// The line that is not complete yet.
    rest: Vec<u8>,
    reader: Reader,
    files: BTreeMap<usize, Results>,
    finished: BTreeSet<usize>,
    /// The guest's first process ran.
    pub(super) has_started: bool,
    /// Its last one did.
    pub(super) is_done: bool,
    /// First complaint of the kernel since the last result.
    pub(super) alarm: Option<String>,
}

impl Log {
    /// Reads what is new.
    pub(super) fn read(&mut self, path: &Path) -> anyhow::Result<News> {
        let mut news = News::default();
        let context = || format!("failed to read {}", path.display());
        let Ok(mut file) = File::open(path) else {
            return Ok(news);
        };
        file.seek(SeekFrom::Start(self.nr_bytes_read))
            .with_context(context)?;
        let nr_bytes = file.read_to_end(&mut self.rest).with_context(context)?;
        self.nr_bytes_read += nr_bytes as u64;
        let Some(last) = self.rest.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(news);
        };
        let rest = self.rest.split_off(last + 1);
        let lines = std::mem::replace(&mut self.rest, rest);
        for line in lines.split(|&byte| byte == b'\n') {
            self.line(line, &mut news);
        }
        Ok(news)
    }

    fn line(&mut self, line: &[u8], news: &mut News) {
        match self.reader.line(line) {
            Ok(Some(Piece::File(name, content))) => self.file(&name, &content, news),
            Ok(Some(Piece::Start)) => self.has_started = true,
            Ok(Some(Piece::Done)) => self.is_done = true,
            Ok(None) => {
                // A line of data starts with a mark and is never a complaint.
                if self.alarm.is_none() && !line.starts_with(b"@@") {
                    self.alarm = alarm_lines(line.trim_ascii_end()).pop();
                }
                return;
            }
            Err(err) => {
                eprintln!("corpus: warning: {err:#}");
                return;
            }
        }
        self.alarm = None;
        news.is_alive = true;
    }

    /// `INDEX.archive` and `INDEX.end` belong to a task; everything else is the guest's own.
    fn file(&mut self, name: &str, content: &[u8], news: &mut News) {
        let Some((index, name)) = name.split_once('.') else {
            return;
        };
        let Ok(index) = index.parse::<usize>() else {
            return;
        };
        if name == "end" {
            if self.finished.insert(index) {
                let files = self.files.remove(&index).unwrap_or_default();
                news.finished.push((index, files));
            }
        } else if name == "archive" {
            match archive::unpack(content) {
                Ok(files) => {
                    self.files.insert(index, files);
                }
                Err(err) => eprintln!("corpus: warning: the results of task {index}: {err:#}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVE: &str = "H4sIAAAAAAACA+3Iuw2DQBRE0QduZEtAYg31QEzEp38WIkRuS4hzkjuaaRjj15qiy/lscW/RXvbxd+23j9TEH2zLOswpxUtV9ScAAAAAAAAAAAB4nh0Mr3WBACgAAA==";
    const ARCHIVE_BYTES: usize = 94;

    #[test]
    fn results_are_taken_as_the_log_grows_and_complaints_are_kept() {
        let dir = std::env::temp_dir().join(format!("livelock-corpus-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("log");
        let mut log = Log::default();
        assert!(!log.read(&path).unwrap().is_alive);
        // `printf '\001\002\003' >lab; tar -cf - lab | gzip`
        let text = format!(
            "@@livelock-vm start\r\n@@livelock-vm begin 1.archive {ARCHIVE_BYTES}\r\n@@:{ARCHIVE}\r\n\
            @@livelock-vm end 1.archive\r\n@@livelock-vm begin 2.archive 9\r\n@@:AQID\r\n\
            @@livelock-vm end 2.archive\r\n@@livelock-vm begin 1.end 0\r\n@@livelock-vm e"
        );
        std::fs::write(&path, &text).unwrap();
        let news = log.read(&path).unwrap();
        assert!(news.is_alive && news.finished.is_empty());
        let text = format!("{text}nd 1.end\r\n");
        std::fs::write(&path, &text).unwrap();
        let news = log.read(&path).unwrap();
        assert_eq!(news.finished.len(), 1);
        assert_eq!(news.finished[0].0, 1);
        assert_eq!(news.finished[0].1.bytes("lab"), [1, 2, 3]);
        assert_eq!(news.finished[0].1.bytes("truth_after"), b"");
        let alarm = "[9] watchdog: BUG: soft lockup - CPU#1 stuck for 22s!\r\n";
        std::fs::write(&path, format!("{text}@@:bug: AAAA\r\n{alarm}")).unwrap();
        assert!(!log.read(&path).unwrap().is_alive);
        assert_eq!(log.alarm.as_deref(), Some(alarm.trim_end()));
        assert!(log.has_started && !log.is_done);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
