//! Who waits for whom through several locks.
//!
//! In: chains of a verdict. Out: a list for each, or nothing. Refuses: more than are read; it says how many more there are.

use livelock_core::verdict::{Verdict, WaitChain};
use maud::{Markup, html};

use super::words::sentence;
use crate::render::{chain_links, chain_title};

const MAX_CHAINS: usize = 5;
const MAX_LINKS: usize = 12;

pub(super) fn section(verdict: &Verdict) -> Markup {
    if verdict.chains.is_empty() {
        return html! {};
    }
    let nr_more = verdict.chains.len().saturating_sub(MAX_CHAINS);
    html! {
        section id="chains" {
            h2 { "Chains of locks" }
            @for chain in verdict.chains.iter().take(MAX_CHAINS) { (one(chain)) }
            @if nr_more > 0 {
                p class="faint" { "And " (nr_more) " more, which the verdict document has." }
            }
        }
    }
}

fn one(chain: &WaitChain) -> Markup {
    let links = chain_links(chain);
    html! {
        article class="lock" {
            h3 { (sentence(&chain_title(chain))) }
            ol {
                @for link in links.iter().take(MAX_LINKS) { li { (sentence(link)) } }
                @if links.len() > MAX_LINKS { li class="faint" { "and " (links.len() - MAX_LINKS) " more" } }
            }
        }
    }
}
