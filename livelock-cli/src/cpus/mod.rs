//! Scopes of CPUs: what these CPUs achieved.
//!
//! In: perf events that count, `/proc/net/softnet_stat`. Out: a [`livelock_core::event::Event::CpuProgress`] a CPU,
//! cumulative. Refuses: what is counted for the whole host only (forks, block requests), and to be waited for when a CPU does
//! not answer.

mod events;
mod reader;
#[cfg(test)]
mod tests;

pub use reader::CpuReader;
