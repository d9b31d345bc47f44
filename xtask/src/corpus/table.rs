//! The report as people read it, in Markdown, so that it can go into a page as it is.
//!
//! In: a [`Report`]. Out: one table of figures, one of the runs whose truth is known, one of the classes that were told for others,
//! one of the verdicts that were wrong, one of what was not measured. Refuses: a rate of false alarms without the hours behind it.

use std::fmt::{self, Write as _};

use super::catalogue::word;
use super::observation::Outcome;
use super::report::{Judged, Report};
use super::runs_table;
use super::score::{Grade, Score, Share};

/// The whole report.
pub(super) fn render(report: &Report) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let mut columns: Vec<(String, &Score)> = report
        .cells
        .iter()
        .map(|cell| {
            (
                format!("{}, {} CPUs", cell.kernel, cell.nr_cpus),
                &cell.score,
            )
        })
        .collect();
    if let (Some(all), true) = (&report.all, columns.len() > 1) {
        columns.push(("all".to_owned(), all));
    }
    write!(out, "| figure |")?;
    for (name, _) in &columns {
        write!(out, " {name} |")?;
    }
    write!(out, "\n|---|")?;
    for _ in &columns {
        write!(out, "---|")?;
    }
    writeln!(out)?;
    for (name, value) in ROWS {
        write!(out, "| {name} |")?;
        for (_, score) in &columns {
            write!(out, " {} |", value(score))?;
        }
        writeln!(out)?;
    }
    if let Some(load) = report.host_load {
        writeln!(
            out,
            "\n{} threads of the machine computed beside the guests, now and then.",
            load.nr_threads
        )?;
    }
    runs_table::render(report, &mut out)?;
    confused(report, &mut out)?;
    wrong(report, &mut out)?;
    not_measured(report, &mut out)?;
    Ok(out)
}

/// Text of one figure.
type Figure = fn(&Score) -> String;

/// Figures, in the order in which they are asked about.
const ROWS: &[(&str, Figure)] = &[
    ("measured", |score| share(score.measured)),
    ("recall of live locks, all runs", |score| {
        share(score.recall)
    }),
    ("recall of live locks, without those not made", |score| {
        share(score.oracle_recall)
    }),
    ("not made, of those asked", |score| share(score.not_made)),
    ("not made, but called a live lock", |score| {
        score.not_made_but_called.to_string()
    }),
    ("of these slower than one thread alone", |score| {
        score.retrograde_but_called.to_string()
    }),
    ("not known whether made", |score| {
        score.made_unknown.to_string()
    }),
    ("recall of starvation", |score| share(score.starved_recall)),
    ("precision of live locks", |score| share(score.precision)),
    ("look-alikes right", |score| share(score.look_alike_right)),
    ("false live locks", |score| share(score.false_live_locks)),
    ("hours of look-alikes", |score| {
        format!("{:.3} h", score.negative_hours)
    }),
    ("false live locks per hour", per_hour),
    ("look-alike windows without progress", |score| {
        share(score.negative_windows_without_progress)
    }),
    ("boundaries right", |score| share(score.boundary_right)),
    ("boundaries that must be told, told", |score| {
        share(score.boundary_told)
    }),
    ("boundaries called a live lock that may not be", |score| {
        score.overstated_live_locks.to_string()
    }),
    (
        "boundaries slower than one thread alone, called a live lock",
        |score| score.harmful_boundaries.to_string(),
    ),
    ("worse than allowed, no live lock", |score| {
        score.too_bad.to_string()
    }),
    ("could not tell", |score| share(score.cannot_tell)),
    ("control: not called a live lock", |score| {
        share(score.control_right)
    }),
    ("told after, median", |score| secs(score.detect_median_ns)),
    ("told after, 95th percentile", |score| {
        secs(score.detect_p95_ns)
    }),
    ("class right", |score| share(score.class_accuracy)),
    ("class exactly right", |score| {
        share(score.class_accuracy_exact)
    }),
    ("class right, whatever the status", |score| {
        share(score.class_accuracy_all)
    }),
    ("class exactly right, whatever the status", |score| {
        share(score.class_accuracy_all_exact)
    }),
    ("first lock right, by name or caller", |score| {
        share(score.place_at_1)
    }),
    ("lock and caller right", |score| {
        share(score.place_strict_at_1)
    }),
    ("lock and caller right, whatever the status", |score| {
        share(score.place_strict_at_1_all)
    }),
    ("first holder right", |score| share(score.holder_at_1)),
    ("own cost, median", |score| pct(score.own_cost_median_pct)),
    ("own cost, largest", |score| pct(score.own_cost_max_pct)),
    ("books closed", |score| share(score.books_closed)),
    ("replayed here: the same verdict to the byte", |score| {
        share(score.replays_alike)
    }),
    ("time in the guest for one scenario, median", |score| {
        score
            .guest_secs_median
            .map_or_else(|| "–".to_owned(), |secs| format!("{secs:.0} s"))
    }),
    ("load average of the machine, median / largest", |score| {
        [score.machine_load_median, score.machine_load_max]
            .map(whole)
            .join(" / ")
    }),
];

fn share(share: Share) -> String {
    share.ratio.map_or_else(
        || "–".to_owned(),
        |ratio| format!("{:.1} % ({} of {})", ratio * 1e2, share.nr, share.of),
    )
}

fn per_hour(score: &Score) -> String {
    match (
        score.false_live_locks_per_hour,
        score.false_live_locks_per_hour_below,
    ) {
        (Some(_), Some(below)) => format!("0 (below {below:.0} at 95 %)"),
        (Some(rate), None) => format!("{rate:.1}"),
        (None, _) => "–".to_owned(),
    }
}

fn secs(ns: Option<u64>) -> String {
    ns.map_or_else(|| "–".to_owned(), |ns| format!("{:.1} s", ns as f64 / 1e9))
}

fn pct(pct: Option<f64>) -> String {
    pct.map_or_else(|| "–".to_owned(), |pct| format!("{pct:.1} %"))
}

fn whole(pct: Option<f64>) -> String {
    pct.map_or_else(|| "–".to_owned(), |pct| format!("{pct:.0}"))
}

fn judged(report: &Report) -> impl Iterator<Item = (String, &Judged)> {
    report.cells.iter().flat_map(|cell| {
        cell.observations
            .iter()
            .map(|judged| (format!("{}, {} CPUs", cell.kernel, cell.nr_cpus), judged))
    })
}

/// Classes that were told for others, over all guests.
fn confused(report: &Report, out: &mut String) -> fmt::Result {
    let rows = report.all.as_ref().map(|all| &all.class_confusion);
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
        return Ok(());
    };
    writeln!(
        out,
        "\n| expected class | told | verdicts | counts as |\n|---|---|---:|---|"
    )?;
    for row in rows {
        let counts_as = if row.is_of_one_lock {
            "right, but not exactly"
        } else {
            "wrong"
        };
        writeln!(
            out,
            "| `{}` | `{}` | {} | {counts_as} |",
            word(row.expected),
            word(row.told),
            row.nr
        )?;
    }
    Ok(())
}

fn wrong(report: &Report, out: &mut String) -> fmt::Result {
    let mut has_header = false;
    for (guest, judged) in judged(report) {
        let Outcome::Measured(measured) = &judged.observation.outcome else {
            continue;
        };
        let mut faults = Vec::new();
        if judged.grade != Grade::Right {
            faults.push(word(judged.grade).replace('_', " "));
        }
        if judged.class_of_all_is_right == Some(false) {
            faults.push("class".to_owned());
        }
        if judged.place_is_right == Some(false) {
            faults.push("lock".to_owned());
        } else if judged.place_is_strictly_right == Some(false) {
            faults.push("lock or caller".to_owned());
        }
        if judged.holder_is_right == Some(false) {
            faults.push("holder".to_owned());
        }
        if measured.is_late {
            faults.push("the load began late".to_owned());
        }
        if faults.is_empty() {
            continue;
        }
        if !has_header {
            has_header = true;
            writeln!(
                out,
                "\n| guest | scenario | expected | wrong | verdict | busy / burn / user % | summary |\n|---|---|---|---|---|---|---|"
            )?;
        }
        let observation = &judged.observation;
        writeln!(
            out,
            "| {guest} | `{}` ({}) | {} {} | {} | {} {} | {} | {} |",
            observation.scenario,
            word(observation.kind),
            word(observation.expected_status),
            word(observation.class),
            faults.join(", "),
            word(measured.status),
            word(measured.class),
            [measured.busy_pct, measured.burn_pct, measured.user_pct]
                .map(whole)
                .join(" / "),
            measured.summary.replace('|', "\\|"),
        )?;
    }
    Ok(())
}

fn not_measured(report: &Report, out: &mut String) -> fmt::Result {
    let mut has_header = false;
    for (guest, judged) in judged(report) {
        let Outcome::NotMeasured { reason } = &judged.observation.outcome else {
            continue;
        };
        if !has_header {
            has_header = true;
            writeln!(out, "\n| guest | not measured | reason |\n|---|---|---|")?;
        }
        let scenario = &judged.observation.scenario;
        writeln!(
            out,
            "| {guest} | `{scenario}` | {} |",
            reason.replace('|', "\\|")
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use livelock_core::verdict::{CauseClass, Status};

    use super::super::catalogue::Kind;
    use super::super::score::tests::{edit, observation};
    use super::*;

    #[test]
    fn figures_come_with_their_counts_and_faults_with_their_verdict() {
        let mut report = Report::new(5, false);
        let mut lost = observation(Kind::LookAlike, Status::Busy, Status::Busy);
        lost.scenario = "compute".to_owned();
        lost.outcome = Outcome::NotMeasured {
            reason: "a | b".to_owned(),
        };
        report.add(
            "6.1",
            4,
            vec![
                observation(Kind::Positive, Status::Livelock, Status::Livelock),
                observation(Kind::Positive, Status::Livelock, Status::Contended),
                lost,
            ],
        );
        let text = render(&report).unwrap();
        assert!(
            text.contains("| recall of live locks, all runs | 50.0 % (1 of 2) |"),
            "{text}"
        );
        assert!(text.contains("| false live locks per hour | – |"), "{text}");
        assert!(
            text.contains(
                "| 6.1, 4 CPUs | `fd-table` (positive) | livelock spin_collapse | missed | contended spin_collapse | – / – / – | spins |"
            ),
            "{text}"
        );
        assert!(
            text.contains(r"| 6.1, 4 CPUs | `compute` | a \| b |"),
            "{text}"
        );
        let widths: Vec<_> = text
            .lines()
            .take(5)
            .map(|line| line.matches('|').count())
            .collect();
        assert_eq!(widths, [3; 5]);
    }

    #[test]
    fn a_wrong_class_is_told_without_an_accusation() {
        let mut report = Report::new(5, false);
        let mut busy = observation(Kind::Boundary, Status::Contended, Status::Busy);
        busy.scenario = "truth:cmpxchg".to_owned();
        busy.class = CauseClass::AtomicHotLine;
        edit(&mut busy).class = CauseClass::KernelWork;
        let mut sliced = observation(Kind::Positive, Status::Livelock, Status::Livelock);
        edit(&mut sliced).class = CauseClass::HolderPreemption;
        report.add("6.1", 4, vec![busy, sliced]);
        let text = render(&report).unwrap();
        for line in [
            "| class right | 100.0 % (1 of 1) |",
            "| class exactly right | 0.0 % (0 of 1) |",
            "| class right, whatever the status | 50.0 % (1 of 2) |",
            "| class exactly right, whatever the status | 0.0 % (0 of 2) |",
            "| lock and caller right | 100.0 % (1 of 1) |",
            "| lock and caller right, whatever the status | 50.0 % (1 of 2) |",
            "| first holder right | – |",
            "| `spin_collapse` | `holder_preemption` | 1 | right, but not exactly |",
            "| `atomic_hot_line` | `kernel_work` | 1 | wrong |",
            "| 6.1, 4 CPUs | `truth:cmpxchg` (boundary) | contended atomic_hot_line | class, lock or caller | busy kernel_work |",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
