//! Where the time went and what came of it.

use livelock_core::declared::DeclaredState;
use livelock_core::verdict::{ProgressState, Verdict};

use super::Page;
use crate::render::Tint;
use crate::render::units::{amount, clean, pct};

/// Columns before a bar.
const BEFORE_BAR: usize = 28;
/// Spin in percent of all CPUs under which nobody asks what part of it was traced.
const MIN_SPIN_PCT: f64 = 1.0;
/// Columns of a bar of 100 %, at most.
const MAX_BAR: usize = 40;

pub(super) fn write(page: &mut Page, verdict: &Verdict) {
    let time = &verdict.time;
    page.heading("Time, in percent of all CPUs");
    let rows = [
        ("idle", time.idle_pct),
        ("user", time.user_pct),
        ("kernel work", time.kernel_pct),
        ("spin, traced", time.traced_spin_pct),
        ("spin, sampled", time.untraced_spin_pct),
        ("hardirq", time.hardirq_pct),
        ("softirq", time.softirq_pct),
        ("steal", time.steal_pct),
        ("this tool", time.own_pct),
        ("lost ticks", time.lost_ticks_pct),
    ];
    let full = page
        .style()
        .width_columns()
        .saturating_sub(BEFORE_BAR)
        .min(MAX_BAR);
    for (name, value) in rows {
        let bar = "#".repeat(columns(value.unwrap_or(0.0), full));
        page.line(&format!("  {name:<14} {:>8}  {bar}", pct(value)));
    }
    let spin_pct = time.traced_spin_pct.unwrap_or(0.0) + time.untraced_spin_pct.unwrap_or(0.0);
    if let Some(coverage) = time.coverage_pct.filter(|_| spin_pct >= MIN_SPIN_PCT) {
        page.line(&format!(
            "  the tracepoints saw {coverage:.1} % of the spinning"
        ));
    }
    write_progress(page, verdict);
}

/// How many of `full` columns `value_pct` fills.
fn columns(value_pct: f64, full: usize) -> usize {
    let share = value_pct.clamp(0.0, 100.0) / 100.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and MAX_BAR; NaN casts to 0"
    )]
    let columns = (share * full as f64).round() as usize;
    columns
}

fn write_progress(page: &mut Page, verdict: &Verdict) {
    let progress = &verdict.progress;
    page.heading("Progress");
    let (word, tint) = match progress.state {
        ProgressState::Normal => ("normal", Tint::Good),
        ProgressState::Collapsed => ("collapsed", Tint::Bad),
        ProgressState::Stalled => ("stalled", Tint::Bad),
        ProgressState::Unknown => ("unknown", Tint::Warn),
    };
    let painted = page.style().paint(tint, word);
    page.line(&format!("  {painted}"));
    page.item("  ", &progress.reason);
    for source in &progress.declared {
        let (word, tint) = match source.state {
            DeclaredState::KeepsPace => ("keeps pace", Tint::Good),
            DeclaredState::Collapsed => ("collapsed", Tint::Bad),
            DeclaredState::Stalled => ("stalled", Tint::Bad),
            DeclaredState::Unknown => ("unknown", Tint::Warn),
        };
        let rate = source.rate_per_sec.map_or_else(
            || "no rate".to_owned(),
            |rate| format!("{}/s", amount(rate)),
        );
        let expected = source
            .expectation
            .as_ref()
            .map_or_else(String::new, |rule| format!(", expected {rule}"));
        let text = format!(
            "{} {word}: {rate}{expected}; {}",
            clean(&source.name),
            clean(&source.reason)
        );
        page.painted_item("  - ", &text, Some(tint));
    }
    if let Some(tokens) = progress.tokens_per_busy_sec {
        let baseline = progress.baseline_tokens_per_busy_sec.map_or_else(
            || "no baseline".to_owned(),
            |pi0| format!("baseline {}", amount(pi0)),
        );
        let tokens = amount(tokens);
        page.item(
            "  ",
            &format!("{tokens} tokens per busy CPU-second ({baseline})"),
        );
    }
    let sources: Vec<String> = progress
        .tokens_per_sec
        .iter()
        .map(|(source, rate)| format!("{} {}/s", clean(source), amount(*rate)))
        .collect();
    if !sources.is_empty() {
        page.item("  ", &sources.join(", "));
    }
}
