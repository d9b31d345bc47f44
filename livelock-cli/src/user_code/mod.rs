//! Code of processes: who called into the kernel, by name.
//!
//! In: user stacks as the kernel programs took them. Out: the caller that they lack, and names of their addresses. Refuses: to
//! keep more than it needs for what runs now; a process that has ended is unknown.

mod caller;
mod memory;
mod symbols;
mod tables;
#[cfg(test)]
mod tests;

pub use symbols::UserCode;
