//! When locks stand still, and hosts with them.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

use super::PI_COLLAPSED;

/// CPUs that spin on average for locks that stand still, from which these count as never free: their holders then are
/// among the CPUs that remain. Two, since one waiter is what any two CPUs that pass a lock to each other show. Source: our
/// choice.
pub const NR_SPINNERS_SATURATED: u64 = 2;

/// Share of a window in which a lock must stand still for its holder to be left out: what remains for passing it on is then [`PI_COLLAPSED`] of the time at most. Half would leave as much for work as
/// for standing still. Our choice.
pub const STANDSTILL_SHARE: f64 = 1.0 - PI_COLLAPSED;

/// Progress tokens (without hand-offs of locks) per busy CPU-second above which no holder is left out: the work that a lock
/// is passed on with shows in them. A thousand: a page fault or a switch each millisecond is work, if little. Source: live
/// locks of the lab on four emulated CPUs have 30 to 100, page faults of four processes that pass the page lists' lock on
/// in batches 3,000.
pub const STANDSTILL_TOKENS_PER_SEC: f64 = 1000.0;

/// Share of the acquisitions of a lock that may be missing, or too many, where the gaps between them are looked at: one
/// in twenty splits or joins gaps without turning the answer. Source: emulated guests have 0 to 4 %, all at the closes.
pub const ACQUISITIONS_AMISS: f64 = 0.05;

/// The same in numbers, where a lock is acquired less than some forty times: one at each close.
pub const NR_ACQUISITIONS_AMISS: f64 = 2.0;
