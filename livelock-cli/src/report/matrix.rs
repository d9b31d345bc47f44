//! Which CPU handed a lock to which.
//!
//! In: hand-offs of a verdict. Out: a table, shaded, with the numbers in it. Refuses: more CPUs than fit a page.

use livelock_core::verdict::Handoffs;
use maud::{Markup, html};

use super::words::sentence;
use crate::render::units::count;
use crate::render::{HandoffMatrix, handoff_class, handoff_explanation};

/// CPUs of a matrix.
const MAX_CPUS: usize = 16;

pub(super) fn section(seen: &Handoffs) -> Markup {
    let matrix = HandoffMatrix::new(seen, MAX_CPUS);
    let (cpus, most) = (&matrix.cpus, matrix.most);
    // Not worth a line that nothing is known.
    let is_placed = seen.classes.iter().any(|class| class.distance.is_some());
    let is_told = is_placed || seen.bounce_share_pct.is_some();
    let classes: Vec<_> = seen.classes.iter().map(handoff_class).collect();
    html! {
        h4 { "Hand-offs between CPUs" }
        @if !cpus.is_empty() {
            div class="scroll" {
                table class="matrix" {
                    caption { "From the CPU of the row to that of the column; " (count(seen.nr)) " seen, " (count(matrix.nr_left)) " of them not in the table" }
                    thead {
                        tr {
                            th scope="col" { "from \\ to" }
                            @for cpu in cpus { th scope="col" { (cpu.0) } }
                        }
                    }
                    tbody {
                        @for &from in cpus {
                            tr {
                                th scope="row" { (from.0) }
                                @for &to in cpus {
                                    @match matrix.nr(from, to) {
                                        Some(nr) => td class={ "m" (shade(nr, most)) } { (count(nr)) },
                                        None => td class="m0" { "·" },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if is_told { p { "How far: " (sentence(&classes.join(", "))) "." } }
        @if let Some(text) = handoff_explanation(seen).filter(|_| is_told) { p { "In short: " (sentence(&text)) "." } }
    }
}

/// 1 to 5 by fifths of the most.
const fn shade(nr: u64, most: u64) -> u64 {
    if most == 0 {
        return 0;
    }
    match (nr.saturating_mul(5)).div_ceil(most) {
        0 => 1,
        fifths if fifths > 5 => 5,
        fifths => fifths,
    }
}
