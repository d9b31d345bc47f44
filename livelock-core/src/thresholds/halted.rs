//! Numbers of waiters that stand halted.
//!
//! In: nothing. Out: constants. Refuses: whatever is not about waiters whose CPU the hypervisor has.

/// Samples in traced waits, as share of those that the tracepoints' clock lets expect, under which samples do not tell what waiters
/// did: a timer cannot fire where interrupts are off, so that those who wait there, spinning or halted, are not among
/// them. Half: half as many as expected come about by chance in one window in a hundred, of ten that are expected.
pub const WAITS_SAMPLED_SHARE: f64 = 0.5;

/// Share of busy time that waiters stood halted for from which it is worth a word. A twentieth, as of a place where CPUs wait.
pub const HALTED_SHARE: f64 = 0.05;
