//! What came back over the serial console.
//!
//! In: the console's log: firmware, kernel messages, and the files of the guest in base64 between
//! marker lines (written by `init.sh`). Out: the files, byte for byte. Refuses: logs without the
//! closing marker, and files whose size is not the announced one, instead of handing out half of one.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};

const START: &str = "@@livelock-vm start";
const BEGIN: &str = "@@livelock-vm begin ";
const END: &str = "@@livelock-vm end ";
const DONE: &str = "@@livelock-vm done";
const DATA: &str = "@@:";

/// The guest's `/result` folder.
#[derive(Debug, Default)]
pub(crate) struct Results {
    files: BTreeMap<String, Vec<u8>>,
}

impl Results {
    /// Takes a file in; a later one of the same name replaces it.
    pub(crate) fn insert(&mut self, name: String, content: Vec<u8>) {
        self.files.insert(name, content);
    }

    /// Bytes of a file; nothing if the guest did not write it.
    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        self.files.get(name).map_or(&[], Vec::as_slice)
    }

    /// Text of a file without white space at its ends; none if it is missing or empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(self.bytes(name)).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// A file that holds one number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }
}

/// Did the guest get as far as its first process?
pub(crate) fn has_started(log: &[u8]) -> bool {
    log.split(|&byte| byte == b'\n')
        .any(|line| line.trim_ascii_end() == START.as_bytes())
}

/// What a line of the log completes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The guest's first process runs.
    Start,
    /// A file, byte for byte.
    File(String, Vec<u8>),
    /// The guest has reported all.
    Done,
}

/// Reads a console log line by line, also while it is being written.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    open: Option<(String, usize, String)>,
}

impl Reader {
    /// Takes one line. After an error the reader is ready for the next file.
    pub(crate) fn line(&mut self, line: &[u8]) -> anyhow::Result<Option<Piece>> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if let Some(header) = line.strip_prefix(BEGIN) {
            let (name, nr_bytes) = header
                .rsplit_once(' ')
                .context("a marker line is cut off")?;
            let nr_bytes = nr_bytes.parse().context("a marker line has no size")?;
            self.open = Some((name.to_owned(), nr_bytes, String::new()));
        } else if let Some(data) = line.strip_prefix(DATA) {
            if let Some((_, _, text)) = &mut self.open {
                text.push_str(data);
            }
        } else if line.strip_prefix(END).is_some() {
            let (name, nr_bytes, text) =
                self.open.take().context("a file ends that never began")?;
            let content =
                decode_base64(&text).with_context(|| format!("file {name} is garbled"))?;
            ensure!(
                content.len() == nr_bytes,
                "file {name} has {} bytes instead of {nr_bytes}",
                content.len()
            );
            return Ok(Some(Piece::File(name, content)));
        } else if line == START {
            return Ok(Some(Piece::Start));
        } else if line == DONE {
            return Ok(Some(Piece::Done));
        }
        Ok(None)
    }
}

/// Reads a console log.
pub(crate) fn parse(log: &[u8]) -> anyhow::Result<Results> {
    let mut results = Results::default();
    let mut reader = Reader::default();
    for line in log.split(|&byte| byte == b'\n') {
        match reader.line(line)? {
            Some(Piece::File(name, content)) => {
                results.insert(name, content);
            }
            Some(Piece::Done) => return Ok(results),
            Some(Piece::Start) | None => {}
        }
    }
    bail!("the guest did not report its results to the end")
}

/// Plain base64 with padding, without line breaks.
fn decode_base64(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut nr_bits) = (0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let sextet = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => bail!("'{}' is not base64", char::from(c).escape_default()),
        };
        bits = bits << 6 | u32::from(sextet);
        nr_bits += 6;
        if nr_bits >= 8 {
            nr_bits -= 8;
            bytes.push((bits >> nr_bits) as u8);
            bits &= (1 << nr_bits) - 1;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "SeaBIOS\r\n\r\n@@livelock-vm start\r\n@@livelock-vm begin stdout 12\r\n@@:SGVsbG8s\r\n\
        [   12.3] Kernel panic is not one\r\n@@:IHdvcmxk\r\n@@livelock-vm end stdout\r\n\
        @@livelock-vm begin exit_code 2\r\n@@:Nwo=\r\n@@livelock-vm end exit_code\r\n@@livelock-vm done\r\n";

    #[test]
    fn files_come_back_whole_between_kernel_messages() {
        let results = parse(LOG.as_bytes()).unwrap();
        assert_eq!(results.bytes("stdout"), b"Hello, world");
        assert_eq!(results.number::<i32>("exit_code"), Some(7));
        assert_eq!(results.text("missing"), None);
    }

    #[test]
    fn a_log_that_stops_is_refused() {
        let log = LOG.replace("@@livelock-vm done\r\n", "");
        assert!(parse(log.as_bytes()).is_err());
    }

    #[test]
    fn a_kernel_that_died_early_is_told_apart() {
        assert!(has_started(LOG.as_bytes()));
        assert!(!has_started(
            b"SeaBIOS\r\n[    2.6] Kernel panic - not syncing\r\n"
        ));
    }

    #[test]
    fn a_lost_line_is_noticed() {
        let message = parse(LOG.replace("@@:IHdvcmxk\r\n", "").as_bytes())
            .unwrap_err()
            .to_string();
        assert!(message.contains("6 bytes instead of 12"), "{message}");
    }

    #[test]
    fn a_reader_goes_on_after_a_garbled_file() {
        let mut reader = Reader::default();
        let lines = [
            "@@livelock-vm begin a 3",
            "@@:AQ==",
            "@@livelock-vm end a",
            "@@livelock-vm begin b 3",
            "@@:AQID",
            "@@livelock-vm end b\r",
        ];
        let pieces: Vec<_> = lines
            .iter()
            .map(|line| reader.line(line.as_bytes()))
            .collect();
        assert!(pieces[2].is_err());
        assert_eq!(
            pieces[5].as_ref().unwrap(),
            &Some(Piece::File("b".to_owned(), vec![1, 2, 3]))
        );
    }

    #[test]
    fn every_padding_decodes() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("AA==", b"\0"),
            ("//8=", b"\xff\xff"),
            ("AQID", b"\x01\x02\x03"),
        ] {
            assert_eq!(decode_base64(text).unwrap(), bytes);
        }
        assert!(decode_base64("A*==").is_err());
    }
}
