//! One line for each run of a positive and of a mode of the ground-truth module: what the load counted beside what the tool said.
//!
//! In: a [`Report`]. Out: a table in Markdown; nothing without such runs. Refuses: to leave out the runs that were right.

use std::fmt::{self, Write as _};

use super::catalogue::{Kind, word};
use super::observation::{Measured, Observation, Outcome};
use super::oracle;
use super::report::{Judged, Report};
use super::truth::Truth;

/// Names of the columns.
const HEADER: &str = "\n| guest | scenario | verdict | grade | burn % | wait % | hand-offs/s | failed tries/s | ops/s | alone | made | holder % true / charged | told after |\n|---|---|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|\n";

/// Adds the table.
pub(super) fn render(report: &Report, out: &mut String) -> fmt::Result {
    let mut has_header = false;
    for cell in &report.cells {
        for judged in &cell.observations {
            let Outcome::Measured(measured) = &judged.observation.outcome else {
                continue;
            };
            if !is_shown(&judged.observation, measured) {
                continue;
            }
            if !has_header {
                has_header = true;
                out.push_str(HEADER);
            }
            let guest = format!("{}, {} CPUs", cell.kernel, cell.nr_cpus);
            line(&guest, judged, measured, out)?;
        }
    }
    Ok(())
}

fn is_shown(observation: &Observation, measured: &Measured) -> bool {
    observation.kind == Kind::Positive || measured.truth.is_some()
}

fn line(guest: &str, judged: &Judged, measured: &Measured, out: &mut String) -> fmt::Result {
    let truth = measured.truth.as_ref();
    let of_truth = |of: fn(&Truth) -> f64| count(truth.map(of));
    writeln!(
        out,
        "| {guest} | `{}` | {} {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        judged.observation.scenario,
        word(measured.status),
        word(measured.class),
        word(judged.grade).replace('_', " "),
        count(measured.burn_pct),
        of_truth(|truth| truth.wait_pct),
        of_truth(|truth| truth.handoffs_per_sec),
        of_truth(|truth| truth.failed_tries_per_sec),
        count(measured.ops_per_sec),
        count(measured.alone_ops_per_sec),
        made(judged),
        holder(truth),
        measured
            .first_verdict_ns
            .map_or_else(String::new, |ns| format!("{:.1} s", ns as f64 / 1e9)),
    )
}

fn made(judged: &Judged) -> &'static str {
    match (judged.observation.oracle, judged.is_made) {
        (None, _) => "not asked",
        (Some(_), None) => "not known",
        (Some(_), Some(true)) => "yes",
        (Some(_), Some(false)) if oracle::is_retrograde(&judged.observation) == Some(true) => {
            "retrograde"
        }
        (Some(_), Some(false)) => "no",
    }
}

fn holder(truth: Option<&Truth>) -> String {
    let Some(true_pct) = truth.and_then(|truth| truth.holder_share_pct) else {
        return String::new();
    };
    let charged_pct = truth.and_then(|truth| truth.holder_charged_pct);
    let charged = charged_pct.map_or_else(|| "nobody".to_owned(), |pct| format!("{pct:.0}"));
    format!("{true_pct:.0} / {charged}")
}

/// A rate or a share in at most four digits before the unit; nothing where it is not known.
fn count(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 1e6 => format!("{:.1} M", value / 1e6),
        Some(value) if value >= 1e4 => format!("{:.0} k", value / 1e3),
        Some(value) if value >= 100.0 || value == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use livelock_core::verdict::Status;

    use super::super::catalogue::Oracle;
    use super::super::score::tests::{edit, observation};
    use super::super::truth::tests::truth;
    use super::*;

    fn text(observations: Vec<Observation>) -> String {
        let mut report = Report::new(5, false);
        report.add("6.1", 4, observations);
        let mut out = String::new();
        render(&report, &mut out).unwrap();
        out
    }

    #[test]
    fn truth_stands_beside_the_verdict() {
        let mut seen = observation(Kind::Positive, Status::Livelock, Status::Contended);
        seen.scenario = "truth:named-holder".to_owned();
        seen.oracle = Some(Oracle::OneThread);
        let measured = edit(&mut seen);
        measured.burn_pct = Some(71.26);
        measured.first_verdict_ns = Some(1_700_000_000);
        measured.ops_per_sec = Some(120.0);
        measured.alone_ops_per_sec = Some(1_250_000.0);
        let mut books = truth(120.0, 0.0);
        books.holder_share_pct = Some(99.4);
        books.holder_charged_pct = Some(46.0);
        measured.truth = Some(books);
        let out = text(vec![seen]);
        let line = out.lines().last().unwrap();
        assert_eq!(
            line,
            "| 6.1, 4 CPUs | `truth:named-holder` | contended spin_collapse | missed | 71.3 | 75.0 | 100 | 0 | 120 | 1.2 M | yes | 99 / 46 | 1.7 s |"
        );
        let widths: Vec<_> = out
            .trim()
            .lines()
            .map(|line| line.matches('|').count())
            .collect();
        assert_eq!(widths, [14; 3]);
    }

    #[test]
    fn others_are_not_shown() {
        let positive = observation(Kind::Positive, Status::Livelock, Status::Livelock);
        let negative = observation(Kind::LookAlike, Status::Busy, Status::Busy);
        assert_eq!(text(vec![negative.clone()]), "");
        let out = text(vec![positive, negative]);
        assert_eq!(out.trim().lines().count(), 3);
        assert!(out.contains("| not asked |"), "{out}");
    }
}
