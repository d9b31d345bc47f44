//! Look-alike: pure arithmetic.
//!
//! In: a load. Out: busy CPUs in user mode that progress. Refuses: the kernel; between two reads of
//! the stop flag there is neither a system call nor a shared cache line.

use std::hint::black_box;

use crate::args::Load;
use crate::run::run;

/// Rounds of one operation: a few microseconds, so that the counter costs nothing beside them.
const ROUNDS_PER_OP: u32 = 1_000;

/// Runs the scenario.
pub(crate) fn compute(load: &Load) -> anyhow::Result<()> {
    run("compute", load, || {
        let mut state = black_box(0x9e37_79b9_7f4a_7c15_u64);
        for _ in 0..ROUNDS_PER_OP {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        black_box(state);
        Ok(())
    })
}
