//! Who waits for whom through several locks.
//!
//! Refuses: more than [`MAX_CHAINS`] chains; the JSON has them all.

use livelock_core::verdict::{ChainLink, Verdict, WaitChain, WantKind};

use super::Page;
use crate::render::units::{clean, count, duration};

const MAX_CHAINS: usize = 3;

pub(super) fn write(page: &mut Page, verdict: &Verdict) {
    if verdict.chains.is_empty() {
        return;
    }
    page.heading("Chains");
    for chain in verdict.chains.iter().take(MAX_CHAINS) {
        write_chain(page, chain);
    }
    let nr_more = verdict.chains.len().saturating_sub(MAX_CHAINS);
    if nr_more > 0 {
        page.line(&format!("  and {nr_more} more (see --format json)"));
    }
}

fn write_chain(page: &mut Page, chain: &WaitChain) {
    page.item("  ", &chain_title(chain));
    for link in chain_links(chain) {
        page.item("    ", &link);
    }
}

/// What it is, and how long was waited along it.
pub(crate) fn chain_title(chain: &WaitChain) -> String {
    let kind = if chain.is_cycle { "cycle" } else { "chain" };
    let oldest = chain.oldest_open_ns.map_or_else(String::new, |ns| {
        format!(", the oldest wait still open after {}", duration(ns))
    });
    if chain.wait_ns == 0 && chain.oldest_open_ns.is_none() {
        return format!("{kind}: nobody waits along it");
    }
    format!(
        "{kind}: {} waited along it{oldest}",
        duration(chain.wait_ns)
    )
}

/// Who holds each lock of it, and wants the next.
pub(crate) fn chain_links(chain: &WaitChain) -> Vec<String> {
    let first = chain.links.first();
    let next = |i: usize| chain.links.get(i + 1).or(first.filter(|_| chain.is_cycle));
    let links = chain.links.iter().enumerate();
    links.map(|(i, link)| told(link, next(i))).collect()
}

fn told(link: &ChainLink, next: Option<&ChainLink>) -> String {
    let holder = link.held_by.as_ref();
    let who = holder.map_or_else(
        || "a task that was not seen".to_owned(),
        |task| match &task.comm {
            Some(comm) => format!("{} ({})", clean(comm), task.pid.0),
            None => format!("pid {}", task.pid.0),
        },
    );
    let held = format!("{} is held by {who}", clean(&link.lock));
    let Some((want, next)) = link.wants.as_ref().zip(next) else {
        return held;
    };
    let wants = match want.kind {
        WantKind::Waits => "waits for",
        WantKind::Tries => "tries for",
        WantKind::Takes => "takes",
    };
    format!(
        "{held}, who {wants} {} (seen {} times)",
        clean(&next.lock),
        count(want.nr)
    )
}
