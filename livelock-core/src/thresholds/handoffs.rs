//! Numbers of hand-offs between CPUs.
//!
//! In: nothing. Out: constants. Refuses: whatever is not about hand-offs.

/// Cache-line transfers that each hand-off of a queued spinlock waits for: the lock word to its next owner, and the
/// owner's store to the next waiter's queue node. (The pending-bit waiter, who waits for one, emits no event.) Source:
/// docs/detection.md.
pub const TRANSFERS_PER_HANDOFF: f64 = 2.0;

/// Share of the wait, up to which cache-line transfers are not what waiters wait for. Source: docs/detection.md.
pub const BOUNCE_SHARE: f64 = 0.2;

/// Share of the hand-offs whose cost must be known before a share of the wait is told. Our choice: a tenth cannot turn
/// the answer.
pub const BOUNCE_KNOWN_SHARE: f64 = 0.9;

/// Pairs of CPUs told apart on one lock: all of 64 CPUs. More are summed up.
pub const NR_PAIRS_KEPT: usize = 4096;

/// Pairs of CPUs in a report, the heaviest.
pub const NR_PAIRS_REPORTED: usize = 64;
