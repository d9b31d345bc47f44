//! Numbers of user stacks.
//!
//! In: nothing. Out: constants. Refuses: whatever is not about user stacks.

/// User stacks per path into a lock that an aggregate tells apart. As many as tasks: threads of a pool share a few.
pub const NR_USER_PATHS_KEPT: usize = 16;

/// User stacks per path in a verdict: the one that matters, and what it competes with.
pub const NR_USER_PATHS_REPORTED: usize = 3;

/// Frames of a user stack in a verdict, as many as of a path in the kernel.
pub const NR_USER_FRAMES_REPORTED: usize = 16;
