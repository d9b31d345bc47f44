//! Whether a recording says on this machine what the tool said in the guest.
//!
//! In: the recording and the verdict that a guest sent, and the program that runs here. Out: whether the replay writes the
//! same bytes. Refuses: to compare where one of the two is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::paths;
use crate::vm::console::Results;

/// Replays what `files` hold of a recording; `None` if nothing was recorded, or no verdict came.
pub(super) fn is_alike(program: &Path, files: &Results) -> Option<bool> {
    let (recording, verdict) = (files.bytes("recording"), files.bytes("verdict"));
    if recording.is_empty() || verdict.is_empty() {
        return None;
    }
    let path = kept(recording)?;
    let output = Command::new(program)
        .arg("replay")
        .arg(&path)
        .args(["diagnose", "--format", "json"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    // Whatever is left there is overwritten by the next process of this number.
    let _ = fs::remove_file(&path);
    Some(output.ok()?.stdout == verdict)
}

fn kept(recording: &[u8]) -> Option<PathBuf> {
    let path = place()?;
    fs::write(&path, recording).ok()?;
    Some(path)
}

/// In a folder of this workspace: where all may write, somebody else could have made it before.
fn place() -> Option<PathBuf> {
    let dir = paths::vm_dir("replayed").ok()?;
    Some(dir.join(format!("{}.llrec", std::process::id())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_and_nothing_is_not() {
        let mut files = Results::default();
        files.insert("verdict".to_owned(), b"same\n".to_vec());
        let echo = Path::new("/bin/echo");
        assert_eq!(is_alike(echo, &files), None);
        files.insert("recording".to_owned(), b"any".to_vec());
        assert_eq!(is_alike(echo, &files), Some(false));
        assert_eq!(is_alike(Path::new("/no/such/program"), &files), None);
        let path = place().unwrap();
        let words = format!("replay {} diagnose --format json\n", path.display());
        files.insert("verdict".to_owned(), words.into_bytes());
        assert_eq!(is_alike(echo, &files), Some(true));
        assert!(!path.exists());
    }
}
