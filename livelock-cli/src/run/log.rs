//! What our own programs and libraries say, with `-v`.
//!
//! In: records of the `log` crate (aya's, and those that the kernel programs send through aya-log).
//! Out: lines on standard error, each with the time since the start. Refuses: anything without `-v`, and libraries without a third one.

use std::sync::OnceLock;
use std::time::Instant;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// What targets of this project begin with: `livelock_cli::…`, and `livelock::…` of the kernel programs.
const OURS: &str = "livelock";

struct Stderr;

static STDERR: Stderr = Stderr;
static STARTED: OnceLock<Instant> = OnceLock::new();

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_told(metadata.target(), metadata.level(), log::max_level())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let ms = STARTED.get_or_init(Instant::now).elapsed().as_millis();
            eprintln!(
                "livelock: {}.{:03} s: {}: {}",
                ms / 1000,
                ms % 1000,
                record.target(),
                record.args()
            );
        }
    }

    fn flush(&self) {}
}

/// Libraries say hundreds of lines when programs are loaded, of which only their warnings are worth reading before everything is.
fn is_told(target: &str, level: Level, most: LevelFilter) -> bool {
    let is_ours = target.starts_with(OURS);
    level <= most && (is_ours || level <= Level::Warn || most == LevelFilter::Trace)
}

/// Sets the level by the number of `-v`.
pub(super) fn init(verbosity: u8) {
    let level = match verbosity {
        0 => LevelFilter::Off,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    STARTED.get_or_init(Instant::now);
    // Only a second call could fail, and it would find the same logger.
    let _ = log::set_logger(&STDERR);
    log::set_max_level(level);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_speak_last() {
        assert!(is_told(
            "livelock_cli::run::live",
            Level::Info,
            LevelFilter::Info
        ));
        assert!(!is_told(
            "livelock_cli::run::live",
            Level::Debug,
            LevelFilter::Info
        ));
        assert!(is_told(
            "livelock::announce",
            Level::Info,
            LevelFilter::Info
        ));
        assert!(!is_told("aya::bpf", Level::Info, LevelFilter::Debug));
        assert!(is_told("aya::bpf", Level::Warn, LevelFilter::Info));
        assert!(is_told(
            "aya_obj::relocation",
            Level::Trace,
            LevelFilter::Trace
        ));
        assert!(!is_told("aya::bpf", Level::Error, LevelFilter::Off));
    }
}
