//! Lockdown of the kernel.
//!
//! In: `/sys/kernel/security/lockdown`, or the command line. Out: the mode in force. Refuses: nothing.

/// Mode in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    /// Off, or the kernel has none.
    Off,
    /// No kernel modification from user space; everything here works.
    Integrity,
    /// No reading of kernel memory either: BPF reads, perf and tracefs are refused.
    Confidentiality,
}

impl Lockdown {
    /// From the kernel's command line; `None` if it does not say.
    #[must_use]
    pub fn of_command_line(cmdline: &str) -> Option<Self> {
        let words = cmdline.split_ascii_whitespace();
        match words
            .filter_map(|word| word.strip_prefix("lockdown="))
            .next_back()?
        {
            "none" => Some(Self::Off),
            "integrity" => Some(Self::Integrity),
            "confidentiality" => Some(Self::Confidentiality),
            _ => None,
        }
    }

    /// From `none [integrity] confidentiality`; the mode in brackets is in force.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once('[')?;
        match rest.split_once(']')?.0 {
            "none" => Some(Self::Off),
            "integrity" => Some(Self::Integrity),
            "confidentiality" => Some(Self::Confidentiality),
            _ => None,
        }
    }
}
