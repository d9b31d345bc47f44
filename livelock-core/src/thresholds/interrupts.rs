//! Interrupts.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

/// Interrupts of devices a second and CPU from which it is worth timing them, since ticks may not see them: at 5 us each, a
/// twentieth of the CPUs, and timing them costs half a percent. Our choice.
pub const DEVICE_INTERRUPTS_PER_SEC: f64 = 10_000.0;

/// Share of busy time in interrupts from which it is worth knowing which. A fifth of [`INTERRUPT_SHARE`](super::INTERRUPT_SHARE).
pub const INTERRUPTS_NOTABLE: f64 = 0.1;
