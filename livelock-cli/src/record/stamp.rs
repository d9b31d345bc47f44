//! File names that sort by time.
//!
//! In: a path and a moment. Out: the path with the moment before its extension. Refuses: time zones; it is UTC.

use std::path::{Path, PathBuf};

const SECONDS_A_DAY: u64 = 86_400;

/// `incident.llrec` at 19:00 on the last day of 2026 is `incident-20261231T190000Z.llrec`.
pub(crate) fn stamped(path: &Path, unix_ms: u64) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name = format!("{stem}-{}", stamp(unix_ms));
    if let Some(extension) = path.extension() {
        name.push('.');
        name.push_str(&extension.to_string_lossy());
    }
    path.with_file_name(name)
}

/// The same with `-NUMBER` before the extension.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name = format!("{stem}-{number}");
    if let Some(extension) = path.extension() {
        name.push('.');
        name.push_str(&extension.to_string_lossy());
    }
    path.with_file_name(name)
}

fn stamp(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil(seconds / SECONDS_A_DAY);
    let second = seconds % SECONDS_A_DAY;
    format!(
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Whether `text` has the form of a stamp.
pub(super) fn is_stamp(text: &str) -> bool {
    text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

/// `2026-11-24 18:52:05 UTC`.
pub(crate) fn date_time(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil(seconds / SECONDS_A_DAY);
    let second = seconds % SECONDS_A_DAY;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month and day of a number of days since 1970: 400 years have 146,097 days, and a year that begins in March
/// has its leap day at the end (Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*).
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era_day = days % 146_097;
    let era_year = (era_day - era_day / 1460 + era_day / 36_524 - era_day / 146_096) / 365;
    let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    let shifted = (5 * year_day + 2) / 153;
    let day = year_day - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = days / 146_097 * 400 + era_year + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_utc_and_come_before_the_extension() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_546_325, "20261124T185205Z"),
        ] {
            assert_eq!(stamp(seconds * 1000), text);
        }
        assert_eq!(date_time(951_782_400_000), "2000-02-29 00:00:00 UTC");
        let name = |path: &str| stamped(Path::new(path), 0).display().to_string();
        assert_eq!(name("/var/x.llrec"), "/var/x-19700101T000000Z.llrec");
        assert_eq!(name("x"), "x-19700101T000000Z");
        assert_eq!(
            numbered(Path::new("/a/x.llrec"), 2),
            Path::new("/a/x-2.llrec")
        );
    }
}
