//! Numbers of tries and guarded reads that are counted where they are made.
//!
//! In: nothing. Out: constants. Refuses: whatever is not about attempts.

use super::MAJORITY;

/// Attempts of kernel code counted at a place in a window, without which nothing is said of them: a read that takes
/// 10 ms is made 30 times in a window of 300 ms. Our choice.
pub const NR_MIN_TRIES: u64 = 5;

/// Share of trylocks that fail, from which whoever tries does so in vain. Measured by this project's kernel module:
/// two who step aside for each other fail 99.6 % of them and more; trylocks of healthy kernels are for the rare case.
pub const TRYLOCKS_FAILED_SHARE: f64 = 0.9;

/// Trylocks a second of the time that a CPU has (less steal and lost ticks), from which the time between them is that of
/// trying, not of work that has a try in it: one a millisecond. Measured by this project's kernel module: 9,000 to 16,000.
pub const TRYLOCKS_PER_SEC_AND_CPU: f64 = 1000.0;

/// Share of its samples that a thread must spend where trylocks fail: it does nothing else.
pub const TRIES_ONLY_SHARE: f64 = 0.9;

/// Share of guarded reads that start over, from which the time of those is waste: more than half.
pub const READS_FAILED_SHARE: f64 = MAJORITY;

/// Share of a window that a CPU is taken to have had at least: of one of which more is missing nothing was measured.
pub const LEAST_GRANTED_SHARE: f64 = 0.1;

/// Share of busy samples below a kernel function from which its attempts are worth counting. Twice
/// [`PLACE_SHARE`], from which they are told: a breakpoint costs more than a name.
pub const ATTEMPTS_SHARE: f64 = 0.1;

/// Kernel functions of a window whose code is searched for attempts: the depth of a long call chain.
pub const NR_FUNCTIONS_SEARCHED: usize = 32;

/// Places at which attempts are counted at the same time. Each takes two of the four debug registers of a CPU.
pub const NR_SITES_COUNTED: usize = 2;

/// CPUs on which attempts at a place are counted: setting up a count takes some calls to the CPU, and a ratio needs no
/// more of them.
pub const NR_CPUS_COUNTED: usize = 8;

/// Calls around a trylock that are watched at the same time: a CPU has four debug registers.
pub const NR_CALLS_WATCHED: usize = 4;
