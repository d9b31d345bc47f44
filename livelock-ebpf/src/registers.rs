//! Registers of the code that a perf event interrupted.
//!
//! In: the context of a program of a perf event. Out: single registers. Refuses: offsets that the verifier cannot see.

use core::ffi::c_void;

use crate::globals;

/// Where the CPU was when the event came, from the registers at the start of the context.
///
/// The verifier wants a constant offset, and one object serves both architectures: the branch not
/// taken is dead to it, because the global is frozen.
#[inline(always)]
pub fn interrupted_ip(ctx: *mut c_void) -> u64 {
    let ip: u64;
    // SAFETY: `struct bpf_perf_event_data` begins with the registers: `ip` is the 17th word on x86-64,
    // `pc` the 33rd on arm64. Assembly, because a compiler may merge the two loads into one at a
    // computed offset.
    unsafe {
        match globals::REGS_IP.load() {
            128 => core::arch::asm!("{0} = *(u64 *)({1} + 128)", out(reg) ip, in(reg) ctx),
            256 => core::arch::asm!("{0} = *(u64 *)({1} + 256)", out(reg) ip, in(reg) ctx),
            _ => ip = 0,
        }
    }
    ip
}

/// The register of the first argument, as [`interrupted_ip`].
#[inline(always)]
pub fn first_arg(ctx: *mut c_void) -> u64 {
    let arg: u64;
    // SAFETY: as above: `di` is the 15th word on x86-64, `regs[0]` the first on arm64.
    unsafe {
        match globals::REGS_FIRST_ARG.load() {
            112 => core::arch::asm!("{0} = *(u64 *)({1} + 112)", out(reg) arg, in(reg) ctx),
            0 => core::arch::asm!("{0} = *(u64 *)({1} + 0)", out(reg) arg, in(reg) ctx),
            _ => arg = 0,
        }
    }
    arg
}
