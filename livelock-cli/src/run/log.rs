//! What our own programs and libraries say, with `-v`.
//!
//! In: records of the `log` crate (aya's, and those that the kernel programs send through aya-log).
//! Out: lines on standard error. Refuses: anything without `-v`.

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

static STDERR: Stderr = Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("livelock: {}: {}", record.target(), record.args());
        }
    }

    fn flush(&self) {}
}

/// Sets the level by the number of `-v`.
pub(super) fn init(verbosity: u8) {
    let level = match verbosity {
        0 => LevelFilter::Off,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // Only a second call could fail, and it would find the same logger.
    let _ = log::set_logger(&STDERR);
    log::set_max_level(level);
}
