//! Why to believe it, why not, what to do, and what it cost to find out.

use livelock_core::thresholds::SELF_BUDGET_PCT;
use livelock_core::verdict::{Accounting, Evidence, Verdict};

use super::Page;
use crate::render::Tint;
use crate::render::units::{amount, count, duration};

pub(super) fn write(page: &mut Page, verdict: &Verdict) {
    write_reasons(page, verdict);
    write_cost(page, verdict);
}

pub(super) fn write_reasons(page: &mut Page, verdict: &Verdict) {
    write_evidence(page, "Evidence for this", &verdict.evidence);
    write_evidence(page, "Evidence against this", &verdict.against);
    if !verdict.ruled_out.is_empty() {
        page.heading("Ruled out");
        for ruled_out in &verdict.ruled_out {
            let text = format!("{}: {}", ruled_out.candidate, ruled_out.reason);
            page.item("  - ", &text);
        }
    }
    if !verdict.blind_spots.is_empty() {
        page.heading("Not visible on this host");
        for spot in &verdict.blind_spots {
            page.item("  - ", &format!("{} ({})", spot.what, spot.mitigation));
        }
    }
    if !verdict.remedies.is_empty() {
        page.heading("What to do");
        for (index, remedy) in verdict.remedies.iter().enumerate() {
            page.item(&format!("  {}. ", index + 1), &remedy.action);
            page.item("     why:     ", &remedy.reason);
            if let Some(cost) = &remedy.cost {
                page.item("     costs:   ", cost);
            }
            if !remedy.confirm.is_empty() {
                page.item("     confirm: ", &remedy.confirm);
            }
        }
    }
}

pub(super) fn write_cost(page: &mut Page, verdict: &Verdict) {
    write_books(page, &verdict.accounting);
    let cost = &verdict.self_cost;
    let one_in = cost
        .stack_sampling
        .one_in
        .map_or_else(String::new, |n| format!(", one in {} waits", amount(n)));
    let budget = if cost.cpu_pct > SELF_BUDGET_PCT {
        format!(", over its budget of {SELF_BUDGET_PCT} %")
    } else {
        String::new()
    };
    let start_up = match (cost.start_up_cpu_ns, cost.steady_cpu_pct) {
        (Some(ns), Some(pct)) => format!(
            "; its start-up took {} of CPU, since then {pct:.2} %",
            duration_of(ns as f64)
        ),
        _ => String::new(),
    };
    page.item(
        "  ",
        &format!(
            "own cost {:.2} % of all CPUs{budget} (programs {:.2} %, process {:.2} %) at level {}{start_up}; {} stacks{one_in}",
            cost.cpu_pct,
            cost.bpf_cpu_pct,
            cost.user_cpu_pct,
            cost.level,
            count(cost.stack_sampling.nr_stacks),
        ),
    );
}

fn write_evidence(page: &mut Page, title: &str, evidence: &[Evidence]) {
    if evidence.is_empty() {
        return;
    }
    page.heading(title);
    for item in evidence {
        let with_unit = |value| match item.unit.as_str() {
            "" => amount(value),
            "ns" => duration_of(value),
            unit => format!("{} {unit}", amount(value)),
        };
        let threshold = item
            .threshold
            .map_or_else(String::new, |t| format!(", threshold {}", with_unit(t)));
        let text = format!(
            "{} ({} = {}{threshold})",
            item.text,
            item.signal,
            with_unit(item.value)
        );
        page.item("  - ", &text);
    }
}

fn write_books(page: &mut Page, books: &Accounting) {
    page.heading("Accounting");
    let nr_lost: u64 = books.lost.values().sum();
    page.item(
        "  ",
        &format!(
            "{} waits begun = {} completed + {} in flight + {} lost",
            count(books.nr_begun),
            count(books.nr_completed),
            count(books.nr_in_flight),
            count(nr_lost),
        ),
    );
    if books.unaccounted != 0 {
        let text = format!("{} unaccounted for", books.unaccounted);
        page.painted_item("  ", &text, Some(Tint::Warn));
    }
    for (title, lost) in [("lost", &books.lost), ("details lost", &books.detail_lost)] {
        let causes: Vec<String> = lost
            .iter()
            .filter(|&(_, &nr)| nr > 0)
            .map(|(cause, &nr)| format!("{cause} {}", count(nr)))
            .collect();
        if !causes.is_empty() {
            let text = format!("{title}: {}", causes.join(", "));
            page.painted_item("  ", &text, Some(Tint::Warn));
        }
    }
}

/// A duration that evidence carries as a number of nanoseconds.
fn duration_of(value_ns: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates: not a number and negative durations become 0"
    )]
    duration(value_ns as u64)
}
