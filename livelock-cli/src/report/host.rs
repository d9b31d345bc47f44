//! The host, the books, and how to see the same again.

use livelock_core::host::{SamplerSource, SpinlockFlavour};
use livelock_core::verdict::{Accounting, SelfCost, Verdict};
use maud::{Markup, html};

use super::document::Document;
use super::words::plain;
use crate::record::date_time;
use crate::render::units::{amount, count, duration};

pub(super) fn section(document: &Document) -> Markup {
    html! {
        section id="books" {
            h2 { "Accounting" }
            (books(&document.verdict.accounting))
            (cost(&document.verdict.self_cost))
        }
        section id="host" {
            h2 { "Host" }
            (facts(&document.verdict))
        }
        section id="reproduce" {
            h2 { "How to reproduce" }
            (reproduce(document))
        }
    }
}

fn books(books: &Accounting) -> Markup {
    let nr_lost: u64 = books.lost.values().sum();
    html! {
        p {
            (count(books.nr_begun)) " waits begun = " (count(books.nr_completed)) " completed + "
            (count(books.nr_in_flight)) " in flight + " (count(nr_lost)) " lost; "
            @if books.unaccounted == 0 { "none unaccounted for." } @else { b { (books.unaccounted) " unaccounted for." } }
        }
        @for (title, lost) in [("Waits lost", &books.lost), ("Details lost", &books.detail_lost)] {
            @let causes: Vec<_> = lost.iter().filter(|&(_, &nr)| nr > 0).collect();
            p {
                (title) ": "
                @if causes.is_empty() { "none" }
                @for (index, (cause, nr)) in causes.iter().enumerate() {
                    @if index > 0 { ", " }
                    code { (plain(cause)) } " " (count(**nr))
                }
                "."
            }
        }
    }
}

fn cost(cost: &SelfCost) -> Markup {
    html! {
        p {
            "The tool itself took " (two_digits(cost.cpu_pct)) " of all CPUs (programs " (two_digits(cost.bpf_cpu_pct))
            ", process " (two_digits(cost.user_cpu_pct)) ") at probe level " (cost.level)
            @if let Some(steady) = cost.steady_cpu_pct { "; " (two_digits(steady)) " after its start-up" }
            "; " (count(cost.stack_sampling.nr_stacks)) " stacks"
            @if let Some(one_in) = cost.stack_sampling.one_in { ", one in " (amount(one_in)) " waits" }
            "."
        }
    }
}

fn two_digits(pct: f64) -> String {
    format!("{pct:.2} %")
}

fn facts(verdict: &Verdict) -> Markup {
    let host = &verdict.host;
    html! {
        dl class="facts" {
            dt { "name" } dd { (plain(&host.hostname)) }
            dt { "kernel" } dd { (plain(&host.kernel_release)) " " (plain(&host.arch)) }
            dt { "kernel's build id" } dd { code { (host.kernel_build_id.as_deref().map_or_else(|| "unknown".to_owned(), plain)) } }
            dt { "CPUs" } dd { (host.nr_cpus_online) " online, " (host.nr_cpus_possible) " possible" }
            dt { "hypervisor" } dd { (host.hypervisor.as_deref().map_or_else(|| "none known".to_owned(), plain)) }
            dt { "spinlocks" } dd { (spinlocks(host.spinlocks)) }
            dt { "sampler" } dd { (sampler(host.sampler)) }
            dt { "traced releases" } dd { @if host.has_lockdep { "all (lockdep)" } @else if host.has_contended_release { "yes" } @else { "no (needs lock:contended_release)" } }
            dt { "load average" } dd { (host.load_1m.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.1}"))) }
        }
    }
}

const fn spinlocks(flavour: SpinlockFlavour) -> &'static str {
    match flavour {
        SpinlockFlavour::Native => "native queued spinlocks",
        SpinlockFlavour::Paravirtual => "paravirtual queued spinlocks",
        SpinlockFlavour::TestAndSet => "test-and-set, which no tracepoint sees",
        SpinlockFlavour::Rt => "sleeping (RT kernel)",
        SpinlockFlavour::Unknown => "unknown",
    }
}

const fn sampler(source: SamplerSource) -> &'static str {
    match source {
        SamplerSource::PmuNmi => "hardware cycles, by NMI",
        SamplerSource::Hrtimer => "a timer, blind while interrupts are off",
        SamplerSource::None => "none",
    }
}

fn reproduce(document: &Document) -> Markup {
    let origin = &document.origin;
    let page_version = env!("CARGO_PKG_VERSION");
    html! {
        dl class="facts" {
            dt { "observed" } dd {
                "from " (date_time(origin.began_unix_ms)) " for " (duration(document.verdict.window.duration_ns)) ", "
                (document.verdict.window.nr_windows) " windows of " (duration(origin.window_ns)) " by plan"
            }
            dt { "by" } dd { "livelock " (plain(&origin.tool_version)) }
            @if let Some(name) = &origin.recording { dt { "recording" } dd { code { (plain(name)) } } }
            dt { "this page" } dd { code { (plain(&origin.command)) } " (livelock " (page_version) ")" }
            dt { "the same again" } dd { code { (plain(&origin.again)) } }
            dt { "to look closer later" } dd { code { "sudo livelock record -o host.llrec -d 1m" } " keeps all that was seen" }
        }
        p class="faint" { "This page holds names of tasks, cgroups, the host, files and sockets: share it as you would share a profile." }
    }
}
