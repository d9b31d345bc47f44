//! Rows of tables.
//!
//! In: a window. Out: its row, and a row for each lock in it. Refuses: sums of sums; what did not fit the kernel's table is one row
//! without an address.

use livelock_core::event::LockKind;
use livelock_core::verdict::{NameSource, Status};
use serde::Serialize;

use super::Moment;
use crate::render::WindowSummary;

/// A window, as in the stream; a cell has no place for a list, so names of one are a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct WindowRow<'a> {
    number: u64,
    ended_unix_ms: u64,
    duration_ns: u64,
    status: Status,
    busy_pct: Option<f64>,
    burn_pct: Option<f64>,
    omega: Option<f64>,
    no_progress: bool,
    user_pct: Option<f64>,
    top_lock: Option<&'a str>,
    waits_per_sec: f64,
    nr_in_flight: u64,
    oldest_in_flight_ns: Option<u64>,
    nr_lost: u64,
    self_cpu_pct: Option<f64>,
    self_bpf_cpu_pct: Option<f64>,
    probe_groups: String,
}

/// The row of a window. Taken apart by name, so that a new field is not forgotten.
pub(super) fn window(summary: &WindowSummary) -> WindowRow<'_> {
    let WindowSummary {
        number,
        ended_unix_ms,
        duration_ns,
        status,
        busy_pct,
        burn_pct,
        omega,
        no_progress,
        user_pct,
        top_lock,
        waits_per_sec,
        nr_in_flight,
        oldest_in_flight_ns,
        nr_lost,
        self_cpu_pct,
        self_bpf_cpu_pct,
        probe_groups,
    } = summary;
    WindowRow {
        number: *number,
        ended_unix_ms: *ended_unix_ms,
        duration_ns: *duration_ns,
        status: *status,
        busy_pct: *busy_pct,
        burn_pct: *burn_pct,
        omega: *omega,
        no_progress: *no_progress,
        user_pct: *user_pct,
        top_lock: top_lock.as_deref(),
        waits_per_sec: *waits_per_sec,
        nr_in_flight: *nr_in_flight,
        oldest_in_flight_ns: *oldest_in_flight_ns,
        nr_lost: *nr_lost,
        self_cpu_pct: *self_cpu_pct,
        self_bpf_cpu_pct: *self_bpf_cpu_pct,
        probe_groups: probe_groups.join(" "),
    }
}

/// One lock in one window. `None`: could not see.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LockRow {
    /// Window, from 1.
    pub(super) number: u64,
    /// Its close, in milliseconds since 1970.
    pub(super) ended_unix_ms: u64,
    /// Its length.
    pub(super) duration_ns: u64,
    /// Address; `None` for the sum of what did not fit the table.
    pub(super) addr: Option<String>,
    /// Name by all that was known at the close.
    pub(super) name: Option<String>,
    /// Where the name is from.
    pub(super) name_source: Option<NameSource>,
    /// Family.
    pub(super) kind: LockKind,
    /// Waits that began.
    pub(super) nr_begun: u64,
    /// Waits that completed.
    pub(super) nr_waits: u64,
    /// Waits that ended without the lock.
    pub(super) nr_failed: u64,
    /// Whole length of the completed waits, however long before the window they began.
    pub(super) wait_total_ns: u64,
    /// Median.
    pub(super) wait_p50_ns: Option<u64>,
    /// 99th percentile.
    pub(super) wait_p99_ns: Option<u64>,
    /// Longest.
    pub(super) wait_max_ns: u64,
    /// CPU time burned in this window, open waits included; of what was waited as much as of the waits for all locks.
    pub(super) spin_ns: u64,
    /// Part of `wait_total_ns` that was slept.
    pub(super) sleep_ns: u64,
    /// Waits open at the close.
    pub(super) nr_in_flight: u64,
    /// Age of the oldest.
    pub(super) oldest_in_flight_ns: Option<u64>,
    /// CPUs that waited.
    pub(super) nr_cpus: u64,
}

/// What of `waited_ns` burned, as of the waits for all locks of the window.
fn burned_ns(waited_ns: u64, burned_part: Option<f64>) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of 0 to 1; windows last less than 2^53 ns"
    )]
    burned_part.map_or(waited_ns, |part| (waited_ns as f64 * part) as u64)
}

/// The locks of a window, by address.
pub(super) fn locks<'a>(moment: &'a Moment<'a>) -> impl Iterator<Item = LockRow> + 'a {
    moment.window.locks.iter().map(|lock| {
        let named = moment.judge.lock_name(lock.lock, moment.names);
        let percentile = |percent| {
            let ns = lock.hist.percentile_ns(percent);
            ns.map(|ns| ns.min(lock.max_ns))
        };
        LockRow {
            number: moment.summary.number,
            ended_unix_ms: moment.summary.ended_unix_ms,
            duration_ns: moment.summary.duration_ns,
            addr: lock.lock.map(|addr| addr.to_string()),
            name_source: named.as_ref().map(|named| named.source),
            name: named.map(|named| named.name),
            kind: lock.kind,
            nr_begun: lock.nr_begun,
            nr_waits: lock.nr_waits,
            nr_failed: lock.nr_failed,
            wait_total_ns: lock.wait_ns,
            wait_p50_ns: percentile(50.0),
            wait_p99_ns: percentile(99.0),
            wait_max_ns: lock.max_ns,
            spin_ns: burned_ns(lock.spin_ns, moment.burned_part),
            sleep_ns: lock.sleep_ns,
            nr_in_flight: lock.nr_in_flight,
            oldest_in_flight_ns: lock.oldest_in_flight_ns,
            nr_cpus: lock.cpus.len() as u64,
        }
    })
}
