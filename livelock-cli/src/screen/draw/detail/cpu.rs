//! A CPU: where its time went, who ran, what it waits for.

use livelock_core::verdict::TimeLedger;
use ratatui::text::{Line, Span};

use crate::render::units::{clean, count, duration, pct};
use crate::screen::category::{bar, busy_pct};
use crate::screen::look::Look;
use crate::screen::snapshot::{CpuNow, Sampled, Snapshot};
use crate::screen::state::Screen;

/// Columns of its bar at most.
const MAX_BAR: usize = 100;

pub(in crate::screen::draw) fn lines(
    screen: &Screen,
    look: Look,
    width: usize,
) -> Vec<Line<'static>> {
    let cpus = screen.cpus();
    let Some((shown, (cpu, time))) = screen.shown().zip(cpus.get(screen.cpu_index(&cpus))) else {
        return vec![Line::raw(" no CPU is known by itself")];
    };
    let mut lines = ledger(screen, look, time, width);
    let now = shown.snapshot.cpus.iter().find(|now| now.cpu == *cpu);
    if let Some(now) = now {
        lines.extend(sampled(now));
        lines.extend(waits(now, &shown.snapshot));
    }
    lines
}

fn ledger(screen: &Screen, look: Look, time: &TimeLedger, width: usize) -> Vec<Line<'static>> {
    let over = match screen.nr_merged() {
        1 => "Time in this window".to_owned(),
        nr => format!("Time over {nr} windows"),
    };
    let room = width.saturating_sub(4).min(MAX_BAR);
    let mut spans = vec![Span::raw("  ")];
    spans.extend(bar(time, room).chunk_by(|a, b| a == b).filter_map(|run| {
        let category = *run.first()?;
        let text = category.letter().to_string().repeat(run.len());
        Some(Span::styled(text, look.category(category)))
    }));
    let mut lines = vec![
        Line::styled(over, Look::strong()),
        Line::from(spans),
        Line::raw(format!("  busy           {:>8}", pct(busy_pct(time)))),
    ];
    for (name, value) in [
        ("spin, traced", time.traced_spin_pct),
        ("spin, sampled", time.untraced_spin_pct),
        ("kernel work", time.kernel_pct),
        ("user", time.user_pct),
        ("softirq", time.softirq_pct),
        ("hardirq", time.hardirq_pct),
        ("steal", time.steal_pct),
        ("idle", time.idle_pct),
    ] {
        lines.push(Line::raw(format!("  {name:<14} {:>8}", pct(value))));
    }
    lines
}

fn sampled(now: &CpuNow) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (title, sampled) in [
        ("Who ran, by samples", &now.tasks),
        ("In which kernel functions, by samples", &now.functions),
    ] {
        lines.extend([Line::raw(""), Line::styled(title, Look::strong())]);
        lines.extend(heaviest(sampled, now.nr_samples));
    }
    lines
}

fn heaviest(sampled: &Sampled, nr_samples: u64) -> Vec<Line<'static>> {
    if sampled.is_empty() {
        return vec![Line::raw(format!(
            "  nobody ({} samples, idle ones included)",
            count(nr_samples)
        ))];
    }
    sampled
        .iter()
        .map(|(what, nr)| {
            Line::raw(format!(
                "  {:>4} of {:<5} {}",
                count(*nr),
                count(nr_samples),
                clean(what)
            ))
        })
        .collect()
}

fn waits(now: &CpuNow, snapshot: &Snapshot) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::raw(""),
        Line::styled("Waits open at the close of this window", Look::strong()),
    ];
    if now.open.is_empty() {
        lines.push(Line::raw("  none"));
    }
    for wait in &now.open {
        let reports = &snapshot.verdict.locks;
        let report = reports
            .iter()
            .find(|lock| lock.addr.as_ref() == Some(&wait.addr));
        let name = report.map_or(&wait.addr, |lock| &lock.name);
        let how = if wait.is_spinning { "spins" } else { "sleeps" };
        lines.push(Line::raw(format!(
            "  thread {} {how} for {}, since {}",
            wait.pid.0,
            clean(name),
            duration(wait.age_ns)
        )));
    }
    lines
}
