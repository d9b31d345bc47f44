//! What may be a burst.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

use super::{NR_RULE_HITS, NR_RULE_WINDOWS};

/// Time in nanoseconds below which what lacks progress, or nearly does, may be a burst, in however many windows: booting and
/// checkpoints burst for 1 to 2 s, and a guest whose CPUs are all taken away for as long looks the same. Source:
/// docs/detection.md, whose rules count windows of a second.
pub const BURST_NS: u64 = 2_000_000_000;

/// Windows in a row with progress that end what may be a burst: as many as the rule allows, and one more.
pub const NR_BURST_END_WINDOWS: usize = NR_RULE_WINDOWS - NR_RULE_HITS + 1;

/// Share of the CPUs' time, taken by this tool itself, from which a window says less of the host than of the tool. As much as
/// steal or lost ticks of an overcommitted guest, [`OVERCOMMIT`](super::OVERCOMMIT).
pub const OWN_SHARE_DISTURBS: f64 = 0.1;

/// Windows that are left out for that at most, until another shows progress: as many as attaching and a first look take, and half of the
/// rule's. Our choice.
pub const NR_DISTURBED_WINDOWS: usize = 3;
