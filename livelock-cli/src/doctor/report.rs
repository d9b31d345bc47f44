//! The document.

use livelock_core::host::HostFacts;
use livelock_core::verdict::BlindSpot;
use serde::Serialize;

use crate::exit::Exit;
use crate::host::{Check, fatal};
use crate::render::RenderError;

/// Value of [`DoctorReport::schema`].
pub const DOCTOR_SCHEMA: &str = "livelock.doctor/v1";

/// What became of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ProgramOutcome {
    /// Loaded and attached.
    Ok,
    /// The kernel refused it.
    Failed {
        /// Why, with the end of the verifier's log if there is one.
        reason: String,
    },
    /// The kernel accepts it, and there is nothing to attach it to: what it would count does not happen here.
    Absent {
        /// Why.
        reason: String,
    },
}

/// One of our programs on this kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramCheck {
    /// Its name.
    pub name: String,
    /// What it hangs on, e.g. `tp_btf/contention_begin`.
    pub hook: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: ProgramOutcome,
    /// Instructions that the verifier walked; `None` if the kernel does not say.
    pub verified_insns: Option<u32>,
}

/// The document, `livelock.doctor/v1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DoctorReport {
    /// [`DOCTOR_SCHEMA`].
    pub schema: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Whether anything can be observed here.
    pub can_observe: bool,
    /// Host.
    pub host: HostFacts,
    /// Requirements.
    pub checks: Vec<Check>,
    /// Programs; empty if none was tried.
    pub programs: Vec<ProgramCheck>,
    /// What this host cannot show.
    pub blind_spots: Vec<BlindSpot>,
}

impl DoctorReport {
    /// The report. A host can be observed if no required check fails and, where programs were tried, at
    /// least one of them loads.
    #[must_use]
    pub fn new(
        host: HostFacts,
        checks: Vec<Check>,
        programs: Vec<ProgramCheck>,
        blind_spots: Vec<BlindSpot>,
    ) -> Self {
        let is_loaded = |program: &ProgramCheck| program.outcome == ProgramOutcome::Ok;
        let has_programs = programs.is_empty() || programs.iter().any(is_loaded);
        Self {
            schema: DOCTOR_SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            can_observe: fatal(&checks).is_empty() && has_programs,
            host,
            checks,
            programs,
            blind_spots,
        }
    }

    /// 0, or 3 if nothing can be observed.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        if self.can_observe {
            Exit::Fine
        } else {
            Exit::NotObservable
        }
    }
}

/// The document as JSON, with a newline at its end.
///
/// # Errors
///
/// If the serializer refuses, which no report makes it do.
pub fn doctor_json(report: &DoctorReport) -> Result<String, RenderError> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}
