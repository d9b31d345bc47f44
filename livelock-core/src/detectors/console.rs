//! Messages to a slow console.
//!
//! In: samples in the console's drivers and locks. Out: a detection. Refuses: logging to memory, which samples in printing must be beside.

use super::facts::Facts;
use super::shared::{matches, place, place_or_work};
use super::{Detection, Detector};
use crate::cause_class::CauseClass;
use crate::thresholds as at;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::Console,
    &[
        "console lock", "console_sem*", "console_owner*", "uart_port.lock",
    ],
    &[
        "console_unlock", "console_flush_*", "console_emit_next_record", "serial8250_console_*",
        "univ8250_console_write", "wait_for_lsr", "wait_for_xmitr", "serial8250_*",
        "io_serial_in", "io_serial_out", "pl011_console_*", "nbcon_*", "hvc_console_print",
        "fbcon_*", "vprintk*", "_printk", "devkmsg_write",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "lower the console's log level (dmesg -n 4), or find and rate-limit who logs",
    "a serial line writes 11,000 bytes a second, and whoever prints waits for it",
    "messages below that level are in dmesg only",
    "dmesg | tail; cat /proc/sys/kernel/printk",
)];

/// Those of its functions that store a message, whether or not a console ever prints it.
const STORING: &[&str] = &["vprintk*", "_printk", "devkmsg_write"];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    if prints(facts) {
        place_or_work(detector, facts, "writing to the console")
    } else {
        place(detector, facts)
    }
}

/// Whether a console is written to for long enough to be noticed.
fn prints(facts: &Facts<'_>) -> bool {
    let stores = |function: &str| STORING.iter().any(|it| matches(it, function));
    let nr: u64 = facts
        .samples(CauseClass::Console)
        .into_iter()
        .flat_map(|samples| &samples.functions)
        .filter(|(function, _)| !stores(function))
        .map(|(_, nr)| nr)
        .sum();
    facts.of_samples(nr) >= at::PLACE_SHARE
}
