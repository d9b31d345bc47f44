//! A comparison, for people and as JSON.
//!
//! In: a [`Comparison`]. Out: text whose first line is the answer, or the document. Refuses: a number without the spread
//! that it is judged by.

use livelock_core::compare::{
    Appeared, Change, Comparison, Direction, Measure, NameChanges, Outcome, Session, SessionKind,
    Spread,
};

use livelock_core::thresholds::{COMPARE_MAX_P, COMPARE_MIN_EFFECT, COMPARE_MIN_WINDOWS};

use super::text::Page;
use super::units::{UNKNOWN, amount, clean, duration};
use super::{RenderError, Style, Tint, status_word};

/// Columns between two of a table.
const GAP: usize = 2;

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
    measures(&mut page, &comparison.changes, style.width_columns());
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

/// A line each, or two where the answer has no room beside the values.
fn measures(page: &mut Page, changes: &[Change], width_columns: usize) {
    let mut rows = vec![["", "A", "B", ""].map(str::to_owned)];
    rows.extend(changes.iter().map(|change| {
        let value = |spread: Option<Spread>| spread_text(change.measure, spread);
        [
            measure_name(change.measure).to_owned(),
            value(change.a),
            value(change.b),
            answer(change),
        ]
    }));
    let widest = |of: fn(&[String; 4]) -> &str| {
        let cells = rows.iter().map(|row| of(row).chars().count());
        cells.max().unwrap_or_default()
    };
    let (name, a, b) = (
        widest(|row| &row[0]) + GAP,
        widest(|row| &row[1]) + GAP,
        widest(|row| &row[2]) + GAP,
    );
    let fits = GAP + name + a + b + widest(|row| &row[3]) <= width_columns;
    for [of, first, second, answer] in &rows {
        let values = format!("  {of:<name$}{first:<a$}{second:<b$}");
        if fits {
            page.line(format!("{values}{answer}").trim_end());
            continue;
        }
        page.line(values.trim_end());
        if !answer.is_empty() {
            page.item("    ", answer);
        }
    }
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
        Measure::BurnPct => "spinning, % of CPU time",
        Measure::WastePct => "waste, % of busy time",
        Measure::TokensPerBusySec => "progress, tokens a busy s",
        Measure::HandoffGapNs => "gap between hand-offs",
        Measure::BusyPct => "busy, % of CPU time",
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

fn answer(change: &Change) -> String {
    let word = match change.direction {
        Direction::Better => "better",
        Direction::Worse => "worse",
        Direction::Differs => "differs",
        Direction::NoDifference if is_clear(change) => "too small to matter",
        Direction::NoDifference => "no difference",
        Direction::CannotTell => return format!("cannot tell: {}", why_not(change)),
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

/// Whether chance is no explanation, so that its size was.
fn is_clear(change: &Change) -> bool {
    let is_rare = change.p_value.is_some_and(|p| p <= COMPARE_MAX_P);
    let is_strong = |effect: f64| effect.abs() >= COMPARE_MIN_EFFECT;
    is_rare && change.effect.is_some_and(is_strong)
}

/// What is missing.
fn why_not(change: &Change) -> String {
    let few =
        |spread: Spread| spread.quartiles.is_some() && spread.nr_windows < COMPARE_MIN_WINDOWS;
    match (change.a, change.b) {
        (None, None) => "not seen".to_owned(),
        (None, _) => "not seen in A".to_owned(),
        (_, None) => "not seen in B".to_owned(),
        (Some(a), Some(b)) => {
            let short = [(a, "A"), (b, "B")]
                .into_iter()
                .find(|(side, _)| few(*side));
            match short {
                Some((side, letter)) => format!(
                    "{} windows in {letter}, {COMPARE_MIN_WINDOWS} needed",
                    side.nr_windows
                ),
                None if change.measure == Measure::HandoffGapNs => "of two locks".to_owned(),
                None => "too little is known".to_owned(),
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn change(measure: Measure, direction: Direction, nr_windows: usize, p: Option<f64>) -> Change {
        let side = Spread {
            median: 5.0,
            quartiles: Some((4.0, 6.0)),
            nr_windows,
        };
        Change {
            measure,
            direction,
            a: Some(side),
            b: Some(side),
            p_value: p,
            effect: p.map(|_| 1.0),
        }
    }

    #[test]
    fn an_answer_says_why() {
        use Direction::{CannotTell, NoDifference};
        let of = |measure, direction, nr, p| answer(&change(measure, direction, nr, p));
        assert_eq!(
            of(Measure::BurnPct, CannotTell, 4, None),
            "cannot tell: 4 windows in A, 5 needed"
        );
        assert_eq!(
            of(Measure::HandoffGapNs, CannotTell, 15, None),
            "cannot tell: of two locks"
        );
        assert_eq!(
            of(Measure::BurnPct, NoDifference, 15, Some(0.0012)),
            "too small to matter, p = 0.0012, effect +1.00"
        );
        assert_eq!(
            of(Measure::BurnPct, NoDifference, 15, Some(0.2)),
            "no difference, p = 0.2000, effect +1.00"
        );
        let unseen = Change {
            b: None,
            ..change(Measure::BurnPct, CannotTell, 15, None)
        };
        assert_eq!(answer(&unseen), "cannot tell: not seen in B");
    }

    #[test]
    fn the_table_keeps_to_the_width() {
        let changes = Measure::ALL.map(|measure| {
            let mut change = change(measure, Direction::Worse, 15, Some(0.0));
            let widest = match measure {
                Measure::HandoffGapNs => 661_000.0,
                _ => 100.0,
            };
            let side = Spread {
                median: widest,
                quartiles: Some((widest, widest)),
                nr_windows: 15,
            };
            (change.a, change.b) = (Some(side), Some(side));
            change
        });
        for (width, nr_lines) in [(80, 11), (200, 6)] {
            let mut page = Page::new(Style::new(false, None).with_columns(width));
            measures(&mut page, &changes, width);
            let text = page.finish();
            assert_eq!(text.lines().count(), nr_lines, "{text}");
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{widest:?} of {width}:\n{text}");
        }
    }
}
