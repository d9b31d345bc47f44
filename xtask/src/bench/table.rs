//! The report as people read it.
//!
//! In: a [`Report`]. Out: text. Refuses: to show a time of a program without its floor.

use std::fmt::{self, Write as _};

use super::figure::Figure;
use super::peer::{Outcome, PeerResult};
use super::report::Report;
use super::round::Round;

/// The whole report.
pub(crate) fn render(report: &Report) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let host = &report.host;
    writeln!(
        out,
        "{}, {} CPUs, {}; {} spinlocks, {} sampler",
        host.kernel_release,
        host.nr_cpus_online,
        host.cpu_model.as_deref().unwrap_or("unknown CPU"),
        fact(report, "spinlocks"),
        fact(report, "sampler"),
    )?;
    for storm in &report.storms {
        writeln!(
            out,
            "\n{:<38}{:>8}{:>8}{:>8}{:>10}",
            format!("storm of {} threads", storm.nr_threads),
            "median",
            "min",
            "max",
            "target"
        )?;
        for row in storm.rows() {
            let number = |value: f64| format!("{value:.*}", row.nr_decimals);
            writeln!(
                out,
                "  {:<36}{:>8}{:>8}{:>8}{:>10}  {}",
                format!("{} [{}]", row.name, row.unit),
                number(row.figure.spread.median),
                number(row.figure.spread.min),
                number(row.figure.spread.max),
                format!("<= {}", row.figure.target),
                verdict(row.figure),
            )?;
        }
        let begin = &storm.ratios.begin_without_stack;
        if let (Some(cold), Some(warm)) = (
            begin.spread.median_livelock_first,
            begin.spread.median_floor_first,
        ) {
            writeln!(
                out,
                "  (contention_begin, no stack: {cold:.2} where livelock is called first, {warm:.2} where the floor is)",
            )?;
        }
    }
    if !report.peers.is_empty() {
        writeln!(out, "\npeers, as multiples of the floor in the same storm")?;
        for peer in &report.peers {
            writeln!(out, "  {:<36}{}", peer.name, peer_text(peer))?;
        }
    }
    let rounds = &report.rounds;
    writeln!(
        out,
        "\nnoise: others used up to {:.1} % of the host, the hypervisor took up to {:.1} %; load average {} before",
        largest(rounds, |round| round.others_pct),
        largest(rounds, |round| round.steal_pct),
        host.load_1m
            .map_or_else(|| "unknown".to_owned(), |load| format!("{load}")),
    )?;
    writeln!(
        out,
        "start-up not in the share of one core: up to {:.0} ms of CPU in a session ({:.1} % of a core over its 6 s)",
        largest(rounds, |round| round.session_cpu_ms),
        largest(rounds, |round| round.session_core_pct),
    )?;
    let nr_missed = report
        .storms
        .iter()
        .flat_map(|storm| storm.rows())
        .filter(|row| !row.figure.meets_target)
        .count();
    match nr_missed {
        0 => writeln!(out, "all targets are met")?,
        1 => writeln!(out, "1 target is missed")?,
        _ => writeln!(out, "{nr_missed} targets are missed")?,
    }
    Ok(out)
}

fn fact<'report>(report: &'report Report, name: &str) -> &'report str {
    report
        .host
        .facts
        .get(name)
        .and_then(serde_json::Value::as_str)
        .unwrap_or("unknown")
}

fn verdict(figure: &Figure) -> &'static str {
    if figure.meets_target { "pass" } else { "FAIL" }
}

fn peer_text(peer: &PeerResult) -> String {
    match &peer.outcome {
        Outcome::Measured {
            ratio_begin,
            ratio_end,
        } => format!("begin {ratio_begin:.2}, end {ratio_end:.2}"),
        Outcome::Unavailable { reason } => format!("unavailable: {reason}"),
    }
}

fn largest(rounds: &[Round], value: fn(&Round) -> f64) -> f64 {
    rounds.iter().map(value).fold(0.0, f64::max)
}
