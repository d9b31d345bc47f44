//! A setting of the kernel that is changed for the time of one run.
//!
//! In: a file below `/proc/sys` or `/sys`, and a value. Out: a guard. Refuses: to leave the setting as it set it.

use std::fs;
use std::io;
use std::path::Path;

use crate::needs::Missing;
use crate::sys::is_errno;

/// A setting of the kernel that gets its value back when dropped.
pub(crate) struct Setting {
    path: &'static Path,
    before: String,
}

impl Setting {
    /// Leaves a setting alone that the command line of the kernel has fixed: then it says EINVAL.
    pub(crate) fn change(path: &'static str, value: &str) -> anyhow::Result<Self> {
        let path = Path::new(path);
        let before = fs::read_to_string(path)
            .and_then(|before| {
                match fs::write(path, value) {
                    Err(err) if is_errno(&err, libc::EINVAL) => {}
                    written => written?,
                }
                Ok(before)
            })
            .map_err(|err| {
                Missing::because(
                    &err,
                    &format!("{} cannot be set", path.display()),
                    "run it as root, outside a container",
                )
            })?;
        Ok(Self { path, before })
    }
}

impl Setting {
    /// What it is now; some settings take any word and keep what they had.
    pub(crate) fn read(&self) -> io::Result<String> {
        Ok(fs::read_to_string(self.path)?.trim_end().to_owned())
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let before = self.before.trim_end();
        if fs::read_to_string(self.path).is_ok_and(|now| now.trim_end() == before) {
            return;
        }
        let restored = fs::write(self.path, before).and_then(|()| self.read());
        let complaint = match restored {
            Ok(now) if now == before => return,
            Ok(now) => format!("it is {now}"),
            Err(err) => err.to_string(),
        };
        eprintln!(
            "livelock-lab: failed to set {} back to {before}: {complaint}",
            self.path.display(),
        );
    }
}
