//! The locks that burn most.
//!
//! In: the verdict's locks and their histograms. Out: an article for each. Refuses: locks that neither burn nor are
//! waited for, and more than [`MAX_LOCKS`]; it says how many there are besides.

use livelock_core::verdict::{LockReport, Verdict};
use maud::{Markup, html};

use super::document::{Document, Histograms};
use super::words::{plain, sentence};
use super::{histogram, matrix, paths};
use crate::render::units::{count, duration};
use crate::render::{beside_burn_text, filter_text, held, name_source_text};

const MAX_LOCKS: usize = 5;
/// In percent of all CPUs. A lock that burns less, and that nobody waits for, is not why anybody reads this.
const MIN_BURN_PCT: f64 = 0.1;

pub(super) fn section(document: &Document) -> Markup {
    let verdict = &document.verdict;
    let shown: Vec<&LockReport> = verdict
        .locks
        .iter()
        .filter(|lock| lock.spin_pct() >= MIN_BURN_PCT || lock.nr_in_flight > 0)
        .take(MAX_LOCKS)
        .collect();
    let nr_more = verdict.locks.len() - shown.len();
    html! {
        section id="locks" {
            h2 { "Locks" }
            @if let Some(listed) = filter_text(&verdict.filter) {
                p { "Only " (sentence(&listed)) " are listed; what is judged is the whole." }
            }
            @if shown.is_empty() {
                p { "No lock burns " (MIN_BURN_PCT) " % of the CPUs or is waited for." }
            }
            @for (index, lock) in shown.iter().enumerate() {
                (article(index + 1, lock, verdict, &document.histograms))
            }
            @if nr_more > 0 {
                p class="faint" { "And " (nr_more) " more with less burn, which the verdict document has (" code { "--format json" } ")." }
            }
        }
    }
}

fn article(number: usize, lock: &LockReport, verdict: &Verdict, histograms: &Histograms) -> Markup {
    let whole = if verdict.scope.is_of_tasks() {
        "of the CPUs that the scope could use"
    } else {
        "of all CPUs"
    };
    html! {
        article class="lock" {
            h3 { (number) ". " code { (plain(&lock.name)) } " " span class="kind" { (lock.kind.word()) } }
            dl class="facts" {
                dt { "burns" } dd { b { (format!("{:.1} %", lock.burn_pct)) } " " (whole) " (" (format!("{:.2}", lock.burn_cpus)) " CPUs)" (beside_burn_text(lock)) }
                dt { "waits done" } dd {
                    (count(lock.nr_waits))
                    @if let (Some(p50), Some(p99)) = (lock.wait_ns.p50, lock.wait_ns.p99) {
                        ": p50 " (duration(p50)) ", p99 " (duration(p99)) ", longest " (duration(lock.wait_ns.max))
                    }
                }
                dt { "still waiting" } dd {
                    (count(lock.nr_in_flight))
                    @if let Some(ns) = lock.oldest_in_flight_ns { ", the oldest for " (duration(ns)) }
                }
                @if let Some(gap) = &lock.handoff_gap_ns {
                    dt { "handed on" } dd { "every " (duration(gap.p50)) " (p99 " (duration(gap.p99)) ")" }
                }
                @if let Some(held) = held(lock) {
                    dt { "held" } dd { (sentence(&held)) }
                }
                dt { "address" } dd { code { (lock.addr.as_deref().map_or_else(|| "many".to_owned(), plain)) } }
                dt { "name by" } dd {
                    (name_source_text(lock.name_source))
                    @if let Some(which) = &lock.instance { "; of " code { (plain(which)) } }
                }
            }
            @if let Some(histogram) = histograms.get(&lock.addr) {
                h4 { "Completed waits by length" }
                (histogram::chart(histogram, &lock.wait_ns))
            }
            div class="sides" {
                (paths::side("Waiting", &lock.waiters))
                (paths::side("Holding", &lock.holders))
            }
            @if let Some(handoffs) = &lock.handoffs { (matrix::section(handoffs)) }
        }
    }
}
