//! The answer: status, cause, what to do, and the numbers behind it.

use livelock_core::verdict::Verdict;
use maud::{Markup, html};

use super::document::Document;
use super::words::{confidence, meaning, plain, progress, sentence, tone};
use crate::render::no_remedy;
use crate::render::units::{duration, pct};
use crate::screen::status_title;

/// Other classes worth a line; the document has them all.
const MAX_ALSO: usize = 3;

pub(super) fn section(document: &Document) -> Markup {
    let verdict = &document.verdict;
    html! {
        header class={ "verdict " (tone(verdict)) } {
            p class="where" { (place(verdict)) }
            h1 { (status_title(verdict.status)) }
            p class="meaning" {
                (meaning(verdict)) "; " b { (confidence(verdict.confidence)) " confidence" }
            }
            p class="cause" { (sentence(&verdict.cause.summary)) }
            p {
                b { "Now: " }
                @match verdict.remedies.first() {
                    Some(remedy) => (sentence(&remedy.action)),
                    None => (no_remedy(verdict)),
                }
            }
            @for also in verdict.cause.also.iter().take(MAX_ALSO) {
                p class="also" { "Also: " (sentence(&also.summary)) " (" (format!("{:.0} %", also.share_pct)) " of busy time)" }
            }
        }
        ul class="figures" {
            (figure("busy", &pct(verdict.busy_pct), "of all CPU time"))
            (figure("spinning", &pct(verdict.burn_pct), "of all CPU time"))
            (figure("wasted", &pct(verdict.omega.map(|omega| omega * 100.0)), "of busy time"))
            (figure("user code", &pct(verdict.user_pct), "of busy time"))
            (figure("progress", progress(verdict.progress.state), "see below"))
            (figure("without progress", &format!("{} of {}", verdict.window.nr_no_progress, verdict.window.nr_windows), "windows"))
            @if let Some(ns) = verdict.window.first_verdict_ns {
                (figure("first seen", &duration(ns), "after the begin"))
            }
        }
    }
}

fn figure(name: &str, value: &str, of: &str) -> Markup {
    html! { li { span { (name) } b { (value) } small { (of) } } }
}

/// Where, on what, and of which part.
fn place(verdict: &Verdict) -> String {
    let host = &verdict.host;
    let mut parts = vec![
        plain(&host.hostname),
        match &verdict.scope.cpus {
            Some(cpus) => format!("{} of its {} CPUs", cpus.len(), host.nr_cpus_online),
            None => format!("{} CPUs", host.nr_cpus_online),
        },
        format!(
            "Linux {} {}",
            plain(&host.kernel_release),
            plain(&host.arch)
        ),
    ];
    if verdict.scope.is_of_tasks() {
        parts.push(format!("only {}", plain(&verdict.scope.to_string())));
    }
    parts.join(", ")
}
