//! Kernel releases and ranges of them.
//!
//! In: texts such as `6.12.94+deb13-cloud-amd64` and `6.7..6.16`. Out: what can be compared. Refuses: patch levels;
//! functions come and go with releases.

use std::fmt;

/// `6.12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRelease {
    /// Before the dot.
    pub major: u32,
    /// After it.
    pub minor: u32,
}

impl KernelRelease {
    /// The release that `text` begins with.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, rest) = text.split_once('.')?;
        let nr_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        Some(Self {
            major: major.parse().ok()?,
            minor: rest.get(..nr_digits)?.parse().ok()?,
        })
    }
}

impl fmt::Display for KernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Releases from one on, up to another that is not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelRange {
    /// The first; `None`: all before.
    pub since: Option<KernelRelease>,
    /// The first that is not in it any more; `None`: all after.
    pub until: Option<KernelRelease>,
}

impl KernelRange {
    /// `6.7..`, `..6.16`, `6.7..6.16`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (since, until) = text.split_once("..")?;
        let release = |text: &str| match text {
            "" => Some(None),
            text => KernelRelease::parse(text).map(Some),
        };
        let range = Self {
            since: release(since)?,
            until: release(until)?,
        };
        let is_empty = match (range.since, range.until) {
            (Some(since), Some(until)) => since >= until,
            (None, None) => true,
            _ => false,
        };
        (!is_empty).then_some(range)
    }

    /// Whether `release` is in it.
    #[must_use]
    pub fn has(&self, release: KernelRelease) -> bool {
        self.since.is_none_or(|since| since <= release)
            && self.until.is_none_or(|until| release < until)
    }
}

impl fmt::Display for KernelRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.until) {
            (None, None) => f.write_str("all"),
            (Some(since), None) => write!(f, "{since} on"),
            (None, Some(until)) => write!(f, "before {until}"),
            (Some(since), Some(until)) => write!(f, "{since} to before {until}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_before_their_end() {
        let release = |text| KernelRelease::parse(text).expect(text);
        let range = KernelRange::parse("6.7..6.16").expect("a range");
        assert!(range.has(release("6.7.0")) && range.has(release("6.12.94+deb13-cloud-amd64")));
        assert!(!range.has(release("6.16")) && !range.has(release("6.1.0-50-cloud-amd64")));
        assert!(KernelRange::default().has(release("7.3.4")));
        assert_eq!(KernelRange::parse("6.7"), None);
        assert_eq!(KernelRelease::parse("six"), None);
        assert_eq!(range.to_string(), "6.7 to before 6.16");
    }
}
