//! A comparison, for people and as JSON.
//!
//! In: a [`Comparison`]. Out: text whose first line is the answer, or the document. Refuses: a number without the spread
//! that it is judged by.

use livelock_core::compare::{
    Appeared, Change, Comparison, Direction, Measure, NameChanges, Outcome, Session, SessionKind,
    Spread,
};

use super::text::Page;
use super::units::{UNKNOWN, amount, clean, duration};
use super::{RenderError, Style, Tint, status_word};

/// Columns of a measure's name and of a value.
const NAME: usize = 34;
const VALUE: usize = 25;

/// The document, with a newline at its end.
///
/// # Errors
///
/// If the serializer refuses, which no comparison makes it do.
pub fn comparison_json(comparison: &Comparison) -> Result<String, RenderError> {
    let mut text = serde_json::to_string_pretty(comparison)?;
    text.push('\n');
    Ok(text)
}

/// For people.
#[must_use]
pub fn comparison_text(comparison: &Comparison, style: Style) -> String {
    let mut page = Page::new(style);
    let (word, tint) = match comparison.outcome {
        Outcome::Worse => ("WORSE", Tint::Bad),
        Outcome::Mixed => ("MIXED", Tint::Warn),
        Outcome::Better => ("BETTER", Tint::Good),
        Outcome::Different => ("DIFFERENT", Tint::Strong),
        Outcome::NoDifference => ("NO DIFFERENCE", Tint::Good),
        Outcome::CannotTell => ("CANNOT TELL", Tint::Warn),
    };
    page.tinted_item("", word, tint, &comparison.summary);
    page.line("");
    side(&mut page, "A", &comparison.a);
    side(&mut page, "B", &comparison.b);
    page.heading("Measures, median of the windows (half of them lie between)");
    let row = |name: &str, a: &str, b: &str, what: &str| {
        format!("  {name:<NAME$}{a:<VALUE$}{b:<VALUE$}{what}")
    };
    page.line(&row("", "A", "B", ""));
    for change in &comparison.changes {
        let value = |spread: Option<Spread>| spread_text(change.measure, spread);
        let name = measure_name(change.measure);
        page.line(&row(
            name,
            &value(change.a),
            &value(change.b),
            &verdict(change),
        ));
    }
    for (title, names) in [
        ("Classes of causes", &comparison.classes),
        ("Locks", &comparison.locks),
        ("Functions that wait", &comparison.callers),
    ] {
        write_names(&mut page, title, names);
    }
    if !comparison.caveats.is_empty() {
        page.heading("To know before trusting it");
        for caveat in &comparison.caveats {
            page.item("  - ", &caveat.text);
        }
    }
    page.finish()
}

fn side(page: &mut Page, letter: &str, session: &Session) {
    let kind = match session.kind {
        SessionKind::Live => "this host",
        SessionKind::Recording => "recording",
        SessionKind::Verdict => "verdict document",
    };
    let host = &session.host;
    page.item(
        &format!("  {letter}  "),
        &format!(
            "{} ({kind}): {}, {} in {} windows; {}, {} CPUs, Linux {}",
            session.name,
            status_word(session.status).replace('_', " "),
            duration(session.duration_ns),
            session.nr_windows,
            host.hostname,
            host.nr_cpus_online,
            host.kernel_release,
        ),
    );
    page.item("     ", &session.summary);
}

const fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::BurnPct => "spinning, % of all CPU time",
        Measure::WastePct => "waste, % of busy time",
        Measure::TokensPerBusySec => "progress, tokens per busy second",
        Measure::HandoffGapNs => "gap between hand-offs, top lock",
        Measure::BusyPct => "busy, % of all CPU time",
    }
}

fn value_text(measure: Measure, value: f64) -> String {
    match measure {
        Measure::HandoffGapNs => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates; gaps are not negative"
            )]
            let ns = value as u64;
            duration(ns)
        }
        Measure::TokensPerBusySec => amount(value),
        Measure::BurnPct | Measure::WastePct | Measure::BusyPct => format!("{value:.1}"),
    }
}

fn spread_text(measure: Measure, spread: Option<Spread>) -> String {
    let Some(spread) = spread else {
        return UNKNOWN.to_owned();
    };
    let median = value_text(measure, spread.median);
    spread.quartiles.map_or(median.clone(), |(first, third)| {
        let (first, third) = (value_text(measure, first), value_text(measure, third));
        format!("{median} ({first} - {third})")
    })
}

fn verdict(change: &Change) -> String {
    let word = match change.direction {
        Direction::Better => "better",
        Direction::Worse => "worse",
        Direction::Differs => "differs",
        Direction::NoDifference => "no difference",
        Direction::CannotTell => "cannot tell",
    };
    match (change.p_value, change.effect) {
        (Some(p), Some(effect)) => {
            let p = if p < 0.0001 {
                "< 0.0001".to_owned()
            } else {
                format!("= {p:.4}")
            };
            format!("{word}, p {p}, effect {effect:+.2}")
        }
        _ => word.to_owned(),
    }
}

fn write_names(page: &mut Page, title: &str, names: &NameChanges) {
    if names.appeared.is_empty() && names.vanished.is_empty() {
        return;
    }
    page.heading(title);
    for (word, list) in [
        ("only in B", &names.appeared),
        ("only in A", &names.vanished),
    ] {
        let list: Vec<String> = list.iter().map(name_text).collect();
        if !list.is_empty() {
            page.item(&format!("  {word}: "), &list.join(", "));
        }
    }
}

fn name_text(one: &Appeared) -> String {
    let name = clean(&one.name);
    one.share_pct.map_or_else(
        || format!("{name} (the cause)"),
        |pct| format!("{name} ({pct:.1} %)"),
    )
}
