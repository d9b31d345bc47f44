//! What is polling.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

/// Share of system calls that ask for what is not there, from which that is what the CPUs are busy with. Nine of ten; a server that
/// empties its sockets asks once in vain for each time that it finds something. Source: docs/verdicts/legitimate_polling.md.
pub const POLLS_IN_VAIN_SHARE: f64 = 0.9;

/// Switches of tasks for each call in vain, up to which nobody sleeps in it: one who does is switched out once a call.
pub const SWITCHES_A_POLL: f64 = 0.1;
