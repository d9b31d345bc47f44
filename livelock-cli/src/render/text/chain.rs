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
    let kind = if chain.is_cycle { "cycle" } else { "chain" };
    let oldest = chain.oldest_open_ns.map_or_else(String::new, |ns| {
        format!(", the oldest wait still open after {}", duration(ns))
    });
    page.item(
        "  ",
        &format!(
            "{kind}: {} waited along it{oldest}",
            duration(chain.wait_ns)
        ),
    );
    let first = chain.links.first();
    for (i, link) in chain.links.iter().enumerate() {
        let next = chain.links.get(i + 1).or(first.filter(|_| chain.is_cycle));
        page.item("    ", &told(link, next));
    }
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
