//! The kernel programs of `livelock`: they observe and count, they never judge.
//!
//! In: tracepoints and sampler ticks. Out: per-CPU state, tables and rings in memory-mappable
//! arrays (`livelock-common`). Refuses, on the path of a lock: helpers that take a lock, wake somebody
//! up or log; and, in `contention_end`, stack walks and folding, because it runs with the lock held.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod activity;
mod announce;
mod breakpoints;
mod calls;
mod contention;
mod filter;
mod fold;
mod globals;
mod lockdep;
mod mask;
mod owner;
mod place;
mod reclaim;
mod registers;
mod release;
mod runnable;
mod runs;
mod sampler;
mod scope;
mod spin;
mod stack;
mod state;
mod table;
mod tasks;
mod transactions;
mod user_stack;
mod workqueue;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Never linked in: no code path panics, and the verifier would reject a loop without end.
    loop {}
}

/// The kernel lets only GPL-compatible programs call the tracing helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
