//! The kernel's log and its console.
//!
//! In: a plan. Out: threads that log through `/dev/kmsg` while the console prints everything. Refuses:
//! to leave the console's level and the log's rate limit as it set them.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::sys::is_errno;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "kmsg-flood",
    description: "log from all threads at the highest console level: whoever prints, prints for all",
    class: Class::Console,
    expected_status: Status::Livelock,
    kind: Kind::Boundary,
    needs: Needs {
        root: true,
        kernel_log: true,
        ..Needs::TWO_CPUS
    },
    prepare: kmsg_flood,
}];

const CONSOLE_LEVELS: &str = "/proc/sys/kernel/printk";
const LOG_LIMIT: &str = "/proc/sys/kernel/printk_devkmsg";

/// Everything goes to the console; the other three levels are the kernel's defaults.
const ALL_LEVELS: &str = "8 4 1 7";

/// A setting of the kernel that gets its value back when dropped.
struct Setting {
    path: &'static Path,
    before: String,
}

impl Setting {
    /// Leaves a setting alone that the command line of the kernel has fixed: then it says EINVAL.
    fn change(path: &'static str, value: &str) -> anyhow::Result<Self> {
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

impl Drop for Setting {
    fn drop(&mut self) {
        let before = self.before.trim_end();
        if fs::read_to_string(self.path).is_ok_and(|now| now.trim_end() == before) {
            return;
        }
        if let Err(err) = fs::write(self.path, before) {
            eprintln!(
                "livelock-lab: failed to set {} back to {}: {err}",
                self.path.display(),
                before
            );
        }
    }
}

fn kmsg_flood(_: &Plan) -> anyhow::Result<Work> {
    let limit = Setting::change(LOG_LIMIT, "on")?;
    let levels = Setting::change(CONSOLE_LEVELS, ALL_LEVELS)?;
    Ok(Work::by_thread(|index| {
        let mut log = OpenOptions::new()
            .write(true)
            .open("/dev/kmsg")
            .context("failed to open /dev/kmsg; is devtmpfs mounted on /dev?")?;
        let line = format!("<5>livelock-lab: thread {index} floods the console\n");
        plan::op(move || log.write_all(line.as_bytes()))
    })?
    .keep((levels, limit)))
}
