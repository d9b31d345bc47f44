//! Interrupts.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

/// Interrupts of devices a second and CPU from which it is worth timing them, where ticks do not see them: at 5 us each, a tenth of
/// the CPUs ([`super::INTERRUPTS_NOTABLE`]). Our choice.
pub const DEVICE_INTERRUPTS_PER_SEC: f64 = 20_000.0;
