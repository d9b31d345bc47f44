//! Why to believe it, why not, and what to do.
//!
//! In: the verdict. Out: tables. Refuses: to leave out what speaks against it.

use std::collections::BTreeMap;

use livelock_core::declared::DeclaredState;
use livelock_core::verdict::{Evidence, Verdict};
use maud::{Markup, html};

use super::words::{measured, plain, progress, sentence, source};
use crate::render::units::amount;
use crate::render::{Style, activity_text};

pub(super) fn evidence(verdict: &Verdict) -> Markup {
    html! {
        section id="evidence" {
            h2 { "Evidence" }
            h3 { "For this" }
            (table(&verdict.evidence, "Nothing speaks for it."))
            h3 { "Against this" }
            (table(&verdict.against, "Nothing was seen that speaks against it."))
            h3 { "Ruled out" }
            @if verdict.ruled_out.is_empty() { p { "Nothing." } } @else {
                ul {
                    @for ruled_out in &verdict.ruled_out {
                        li { b { (sentence(&ruled_out.candidate)) } ": " (sentence(&ruled_out.reason)) }
                    }
                }
            }
            h3 { "Not visible on this host" }
            @if verdict.blind_spots.is_empty() { p { "No blind spot is known." } } @else {
                ul {
                    @for spot in &verdict.blind_spots {
                        li { code { (plain(&spot.id)) } ": " (sentence(&spot.what)) " (" (sentence(&spot.mitigation)) ")" }
                    }
                }
            }
        }
    }
}

fn table(evidence: &[Evidence], none: &str) -> Markup {
    if evidence.is_empty() {
        return html! { p { (none) } };
    }
    html! {
        div class="scroll" {
            table class="evidence" {
                thead { tr { th scope="col" { "signal" } th scope="col" { "value" } th scope="col" { "threshold" } th scope="col" { "from" } th scope="col" { "what it says" } } }
                tbody {
                    @for item in evidence {
                        tr {
                            td { code { (plain(&item.signal)) } }
                            td class="number" { (measured(item.value, &item.unit)) }
                            td class="number" { @if let Some(threshold) = item.threshold { (measured(threshold, &item.unit)) } @else { "none" } }
                            td { (source(item.source)) }
                            td { (sentence(&item.text)) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn progress_section(verdict: &Verdict) -> Markup {
    let ledger = &verdict.progress;
    html! {
        section id="progress" {
            h2 { "Progress" }
            p { b { (progress(ledger.state)) } ": " (sentence(&ledger.reason)) }
            @if let Some(tokens) = ledger.tokens_per_busy_sec {
                p {
                    (amount(tokens)) " tokens per busy CPU-second; "
                    @match ledger.baseline_tokens_per_busy_sec {
                        Some(usual) => { "usual on this host: " (amount(usual)) },
                        None => "no quiet time was seen to compare with",
                    }
                }
            }
            @if !ledger.declared.is_empty() {
                h3 { "Declared by the user" }
                ul {
                    @for one in &ledger.declared {
                        li {
                            code { (plain(&one.name)) } " " b { (pace(one.state)) }
                            @if let Some(rate) = one.rate_per_sec { ", " (amount(rate)) "/s" }
                            @if let Some(rule) = &one.expectation { ", expected " code { (plain(&rule.to_string())) } }
                            "; " (sentence(&one.reason))
                        }
                    }
                }
            }
            (rates("A second: ", &ledger.tokens_per_sec))
            (rates("Besides, not among the tokens: ", &ledger.besides_per_sec))
        }
    }
}

fn rates(what: &str, rates: &BTreeMap<String, f64>) -> Markup {
    html! {
        @if !rates.is_empty() {
            p {
                (what)
                @for (index, (name, rate)) in rates.iter().enumerate() {
                    @if index > 0 { ", " }
                    (plain(name)) " " (amount(*rate))
                }
                "."
            }
        }
    }
}

/// What probe level 1 saw, in the words of the text.
pub(super) fn activity(verdict: &Verdict) -> Markup {
    // A sentence is a line, however long: the browser wraps it.
    let style = Style::new(false, None).with_columns(usize::MAX >> 1);
    let text = activity_text(verdict, style);
    let lines: Vec<&str> = text.trim().lines().skip(1).collect();
    if lines.is_empty() {
        return html! {};
    }
    html! {
        section id="activity" {
            h2 { "Activity" }
            ul { @for line in lines { li { (sentence(line)) } } }
        }
    }
}

const fn pace(state: DeclaredState) -> &'static str {
    match state {
        DeclaredState::KeepsPace => "keeps pace",
        DeclaredState::Collapsed => "collapsed",
        DeclaredState::Stalled => "stalled",
        DeclaredState::Unknown => "unknown",
    }
}

pub(super) fn remedies(verdict: &Verdict) -> Markup {
    if verdict.remedies.is_empty() {
        return html! {};
    }
    html! {
        section id="remedies" {
            h2 { "What to do" }
            ol class="remedies" {
                @for remedy in &verdict.remedies {
                    li {
                        p { b { (sentence(&remedy.action)) } }
                        dl class="facts" {
                            dt { "why" } dd { (sentence(&remedy.reason)) }
                            @if let Some(cost) = &remedy.cost { dt { "costs" } dd { (sentence(cost)) } }
                            @if !remedy.confirm.is_empty() { dt { "confirm" } dd { code { (plain(&remedy.confirm)) } } }
                        }
                    }
                }
            }
        }
    }
}
