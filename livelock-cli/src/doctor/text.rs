//! The document for a human.

use livelock_core::host::HostFacts;

use super::{DoctorReport, ProgramOutcome};
use crate::host::{Check, CheckState};
use crate::render::{Page, Style, Tint};

/// The report.
#[must_use]
pub fn doctor_text(report: &DoctorReport, style: Style) -> String {
    let mut page = Page::new(style);
    page.line(&verdict(report, style));
    page.item("  ", &host(&report.host));
    page.heading("Requirements");
    for check in &report.checks {
        write_check(&mut page, check);
    }
    if !report.programs.is_empty() {
        page.heading("Programs");
    }
    for program in &report.programs {
        let what = format!("{} on {}", program.name, program.hook);
        match &program.outcome {
            ProgramOutcome::Ok => {
                let insns = program.verified_insns;
                let insns =
                    insns.map_or_else(String::new, |nr| format!(", {nr} instructions verified"));
                page.tinted_item("  ", "ok      ", Tint::Good, &format!("{what}{insns}"));
            }
            ProgramOutcome::Failed { reason } => {
                page.tinted_item("  ", "failed  ", Tint::Bad, &what);
                page.item("              why:   ", reason);
            }
            ProgramOutcome::Absent { reason } => {
                page.item("  absent  ", &format!("{what}: {reason}"));
            }
        }
    }
    if !report.blind_spots.is_empty() {
        page.heading("Not visible on this host");
    }
    for spot in &report.blind_spots {
        page.item("  - ", &format!("{} ({})", spot.what, spot.mitigation));
    }
    page.finish()
}

fn verdict(report: &DoctorReport, style: Style) -> String {
    let is_short = |check: &&Check| check.state != CheckState::Ok;
    let nr_short = report.checks.iter().filter(is_short).count();
    if !report.can_observe {
        return style.paint(Tint::Bad, "livelock cannot observe this host");
    }
    let (text, tint) = match nr_short {
        0 => ("livelock can observe this host".to_owned(), Tint::Good),
        1 => (
            "livelock can observe this host, with 1 limit".to_owned(),
            Tint::Warn,
        ),
        n => (
            format!("livelock can observe this host, with {n} limits"),
            Tint::Warn,
        ),
    };
    style.paint(tint, &text)
}

fn host(host: &HostFacts) -> String {
    let guest = host.hypervisor.as_ref();
    let guest = guest.map_or_else(String::new, |name| format!(", guest of {name}"));
    format!(
        "{}, {} CPUs, Linux {} {}{guest}",
        host.hostname, host.nr_cpus_online, host.kernel_release, host.arch,
    )
}

fn write_check(page: &mut Page, check: &Check) {
    let (word, tint) = match check.state {
        CheckState::Ok => ("ok      ", Tint::Good),
        CheckState::Degraded => ("degraded", Tint::Warn),
        CheckState::Missing => ("missing ", Tint::Bad),
    };
    page.tinted_item(
        "  ",
        word,
        tint,
        &format!("{}: {}", check.title, check.found),
    );
    if let Some(costs) = &check.costs {
        page.item("              costs: ", costs);
    }
    if let Some(remedy) = &check.remedy {
        page.item("              do:    ", remedy);
    }
}
