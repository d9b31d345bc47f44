//! Counters of declared progress.
//!
//! In: nothing. Out: the layout of the one map of `declared.bpf.o`. Refuses: more sources than fit two
//! cache lines of a CPU.

/// Sources that one run can count by probes. Sixteen counters are two cache lines a CPU; nobody has shown
/// a service that needs more to say whether it does its work.
pub const MAX_DECLARED: usize = 16;

/// What the probes of each source counted on one CPU, by attach cookie. Only ever grows.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct DeclaredCounts {
    /// Hits.
    pub nr_hits: [u64; MAX_DECLARED],
}
