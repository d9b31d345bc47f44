//! `livelock doctor`.
//!
//! In: the host. Out: every requirement, each program really loaded and unloaded, every blind spot.
//! Refuses: to attach anything.

use livelock_core::host::SamplerSource;

use super::diagnose::style;
use super::host::offsets;
use super::output::Sink;
use crate::args::{ColorWhen, Output, ReportFormat};
use crate::btf::read_running;
use crate::capture::{ProgramProbe, TRACEPOINT_TYPES, probe_programs, probe_sampler};
use crate::doctor::{DoctorReport, ProgramCheck, ProgramOutcome, doctor_json, doctor_text};
use crate::exit::Exit;
use crate::host::{Judged, Probes, blind_spots, fatal, requirements, survey};
use crate::names::KernelSymbols;

/// Examines and reports.
pub(super) fn run(format: ReportFormat, color: ColorWhen) -> anyhow::Result<Exit> {
    let btf = read_running();
    let symbols = KernelSymbols::load();
    let types = btf
        .as_ref()
        .map(|btf| btf.skeleton(&TRACEPOINT_TYPES))
        .unwrap_or_default();
    let sampler = probe_sampler(&types).unwrap_or(SamplerSource::None);
    let mut found = survey(btf.as_ref(), symbols.as_ref(), sampler);
    let programs = match &btf {
        Ok(btf) if fatal(&requirements(&found)).is_empty() => {
            match probe_programs(&offsets(btf), &types) {
                Ok(probes) => {
                    probes
                        .iter()
                        .for_each(|probe| probe.correct(&mut found.facts));
                    probes.into_iter().map(check).collect()
                }
                Err(error) => vec![whole_object(&anyhow::Error::from(error))],
            }
        }
        _ => Vec::new(),
    };
    let checks = requirements(&found);
    let probes = Probes {
        has_function_names: symbols.is_ok(),
        level: 0,
        judged: Judged::Host,
        missing_names: &found.missing_names,
        is_filtered: false,
    };
    let spots = blind_spots(&found.facts, probes);
    let report = DoctorReport::new(found.facts, checks, programs, spots);
    let text = match format {
        ReportFormat::Json => doctor_json(&report)?,
        ReportFormat::Text => doctor_text(&report, style(&Output::Stdout, color)),
    };
    Sink::open(&Output::Stdout)?.write(&text)?;
    Ok(report.exit())
}

fn check(probe: ProgramProbe) -> ProgramCheck {
    let (outcome, verified_insns) = match probe.result {
        Ok(verified_insns) => {
            let absent = probe.absent;
            let outcome = absent.map_or(ProgramOutcome::Ok, |reason| ProgramOutcome::Absent {
                reason,
            });
            (outcome, verified_insns)
        }
        Err(reason) => (ProgramOutcome::Failed { reason }, None),
    };
    ProgramCheck {
        name: probe.program.to_owned(),
        hook: probe.hook.to_owned(),
        outcome,
        verified_insns,
    }
}

fn whole_object(error: &anyhow::Error) -> ProgramCheck {
    ProgramCheck {
        name: "the BPF object".to_owned(),
        hook: "all".to_owned(),
        outcome: ProgramOutcome::Failed {
            reason: format!("failed to {error:#}"),
        },
        verified_insns: None,
    }
}
