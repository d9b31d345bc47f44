//! Which tasks the programs count: all, those of a control group, or those of a process tree.
//!
//! In: nothing. Out: the values of the frozen globals and the size of the map of members. Refuses: a capacity
//! that can be exceeded; every process id that a kernel can give has its bit.

/// All tasks: nothing is filtered, and the filter is dead code to the verifier.
pub const HOST: u32 = 0;

/// Tasks below one cgroup v2.
pub const CGROUP: u32 = 1;

/// Tasks of the processes whose bits are set.
pub const TREE: u32 = 2;

/// Bits of one word of the map of members.
pub const MEMBERS_PER_WORD: usize = 64;

/// Words of the map of members: a bit for every process id below `PID_MAX_LIMIT` (4,194,304 on 64-bit kernels,
/// include/linux/threads.h, v6.18). 512 KiB.
pub const MEMBER_WORDS: usize = 4 * 1024 * 1024 / MEMBERS_PER_WORD;
