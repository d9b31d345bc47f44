//! The kernel's log and its console.
//!
//! In: a plan. Out: threads that log through `/dev/kmsg` while the console prints everything. Refuses:
//! to leave the console's level and the log's rate limit as it set them.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::setting::Setting;

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
