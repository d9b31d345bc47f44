//! Numbers of those who hold locks, and of chains.
//!
//! In: nothing. Out: constants. Refuses: whatever is not about holders.

/// Share of the time between acquisitions in which the holder had provably let go, from which hand-over is slow: CPUs that
/// hold or wait stand still. Where all of them run it is next to nothing. Source: docs/testing.md (holders in guests).
pub const SLOW_HANDOVER_SHARE: f64 = 0.1;

/// Percentile of a path's upper bounds that tells its usual hold where hand-over is slow: of four waiters on two CPUs, the
/// next in line runs in at least a quarter of the cases, and then the bound is the hold.
pub const USUAL_HOLD_PCT: f64 = 25.0;

/// How many usual holds one may last before the rest must have been seen: half of the holds may take twice as long as a quarter of
/// them.
pub const USUAL_HOLD_FACTOR: u64 = 2;

/// How many times as long as the path that is through soonest another one takes, with the hand-over, for the former to be all
/// hand-over as far as one can tell: what of it is a hold then is at most a third of the other's. Source: docs/testing.md (holders),
/// `truth:named-holder`, where it is four to nine times.
pub const STANDS_OUT_FACTOR: u64 = 3;

/// Time in nanoseconds between two samples of a holder from which it ran in between: samplers of CPUs that stood still catch up in
/// one go. A tenth of the interval of the sampler at 99 Hz.
pub const RAN_BETWEEN_NS: u64 = 1_000_000;

/// Locks of a window whose holders are followed, the heaviest: several times what a verdict lists.
pub const NR_LOCKS_FOLLOWED: usize = 64;

/// Owners per lock that an aggregate tells apart.
pub const NR_OWNERS_KEPT: usize = 64;

/// Distance in nanoseconds within which a sample tells what a CPU did: two ticks of the sampler at 99 Hz.
pub const NEAR_SAMPLE_NS: u64 = 20_000_000;

/// Chains in a verdict.
pub const NR_CHAINS_REPORTED: usize = 5;

/// Pairs of locks, one held and one wanted, that an aggregate tells apart.
pub const NR_LINKS_KEPT: usize = 256;

/// Sightings that make a link: two, since one may be a task that let go unseen.
pub const MIN_CHAIN_SIGHTINGS: u64 = 2;
