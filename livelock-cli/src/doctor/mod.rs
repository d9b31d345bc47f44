//! `livelock doctor`: what works here, what does not, what to do.
//!
//! In: requirements, blind spots and the outcome of loading each program. Out: `livelock.doctor/v1`, as text or
//! JSON. Refuses: to load anything itself.

mod report;
#[cfg(test)]
mod tests;
mod text;

pub use report::{DOCTOR_SCHEMA, DoctorReport, ProgramCheck, ProgramOutcome, doctor_json};
pub use text::doctor_text;
