//! The clock of the kernel programs.
//!
//! In: nothing. Out: the present moment. Refuses: the time of day, which jumps.

use livelock_core::ids::MonotonicNs;

/// `CLOCK_MONOTONIC`.
pub(super) fn now() -> MonotonicNs {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call, which writes one `timespec`; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    MonotonicNs(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds),
    )
}
