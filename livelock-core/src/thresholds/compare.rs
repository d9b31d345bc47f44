//! Numbers of comparisons between two sessions.
//!
//! In: nothing. Out: constants. Refuses: whatever is not about comparisons.

/// Windows of each side from which their spread says something: below, not even a complete separation of both sides is
/// rarer by chance than [`COMPARE_MAX_P`] (2 of 252 arrangements of 5 and 5).
pub const COMPARE_MIN_WINDOWS: usize = 5;

/// Chance, up to which a difference as large between two halves of the same windows counts as a difference (two-sided
/// rank test). 1 %: five measures are compared, and nobody wants a false alarm in every fourth comparison. Our choice.
pub const COMPARE_MAX_P: f64 = 0.01;

/// Windows of each side that are compared at most, evenly spread over its time: neighbours are alike, and a test that took
/// each of a thousand for an independent witness would find a difference between any two sessions. Our choice.
pub const COMPARE_NR_PICKED: usize = 30;

/// Least effect (Cliff's delta, 0 to 1): how much more often a window of one side lies above one of the other than below.
/// 0.474 is what is called large (Romano et al. 2006); windows of two runs of one load differ by as much, so that more
/// is asked for. Source: docs/compare.md.
pub const COMPARE_MIN_EFFECT: f64 = 0.8;

/// Least change of a share, in points of percent. Runs of one load differ by less. Source: docs/compare.md.
pub const COMPARE_MIN_POINTS: f64 = 10.0;

/// Least change of a rate or a duration, as a factor. Runs of one load differ by less. Source: docs/compare.md.
pub const COMPARE_MIN_FACTOR: f64 = 1.5;

/// Change of a rate or a duration that is told where nothing is known of the spread (verdict documents), as a factor:
/// the square of [`COMPARE_MIN_FACTOR`].
pub const COMPARE_MIN_FACTOR_UNSPREAD: f64 = 2.25;

/// The same for shares, in points of percent: twice [`COMPARE_MIN_POINTS`].
pub const COMPARE_MIN_POINTS_UNSPREAD: f64 = 20.0;

/// Share of busy time (0 to 1) that is in vain, from which on either side progress per CPU-second tells how well work is
/// done, and not only which. Runs of one load that waste less differed in it by up to a factor of 50. Source:
/// docs/compare.md.
pub const COMPARE_MIN_WASTE: f64 = 0.3;

/// Burn in percent of all CPUs from which a lock or a caller that only one side has is worth a line. Our choice: a lock
/// below it is not why anybody compares.
pub const COMPARE_MIN_BURN_PCT: f64 = 1.0;

/// CPU-seconds per second that a window must have burned on a lock for the gap between its acquisitions to be compared.
/// A tenth of a CPU: below, the lock that happens to be first changes from window to window. Our choice.
pub const COMPARE_MIN_GAP_BURN_CPUS: f64 = 0.1;

/// Names listed of each kind.
pub const COMPARE_NR_NAMES: usize = 10;
