//! Messages to a slow console.
//!
//! In: samples in the console's drivers and locks. Out: a detection. Refuses: logging to memory.

use super::facts::Facts;
use super::shared::place_or_work;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::Console,
    &[
        "console lock", "console_sem*", "console_owner*", "port_lock*",
    ],
    &[
        "console_unlock", "console_flush_*", "console_emit_next_record", "serial8250_console_*",
        "univ8250_console_write", "wait_for_lsr", "wait_for_xmitr", "serial8250_*",
        "io_serial_in", "io_serial_out", "pl011_console_*", "vprintk_emit", "vprintk*",
        "_printk", "nbcon_*", "hvc_console_print", "fbcon_*", "devkmsg_write",
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

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    place_or_work(detector, facts, "writing to the console")
}
