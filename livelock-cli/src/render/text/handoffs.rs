//! How a lock travels between CPUs, in two lines.
//!
//! In: hand-offs of a lock. Out: how far it goes, and what of the wait that explains. Refuses: the matrix, for which
//! a text has no room, and lines that only say that nothing is known.

use livelock_core::topology::Distance;
use livelock_core::verdict::{HandoffClass, Handoffs};

use super::Page;
use crate::render::units::count;

pub(super) fn write(page: &mut Page, seen: &Handoffs) {
    let is_placed = seen.classes.iter().any(|class| class.distance.is_some());
    if !is_placed && seen.bounce_share_pct.is_none() {
        return;
    }
    let classes: Vec<_> = seen.classes.iter().map(class).collect();
    page.item(
        "     ",
        &format!(
            "{} hand-offs followed: {}",
            count(seen.nr),
            classes.join(", ")
        ),
    );
    if let Some(text) = explanation(seen) {
        page.item("     ", &text);
    }
}

/// `77 % within one L3 cache (54 ns a cache line)`.
pub(crate) fn class(class: &HandoffClass) -> String {
    let how_far = class.distance.map_or("unknown distance", word);
    let share_pct = class.share_pct;
    match class.transfer_ns {
        Some(ns) if class.distance != Some(Distance::SameCpu) => {
            format!("{share_pct:.0} % {how_far} ({ns:.0} ns a cache line)")
        }
        _ => format!("{share_pct:.0} % {how_far}"),
    }
}

/// What of the wait the way between CPUs explains, if anything is known of that.
pub(crate) fn explanation(seen: &Handoffs) -> Option<String> {
    match (
        seen.bounce_share_pct,
        seen.is_hold_time(),
        seen.not_measured,
    ) {
        (Some(share_pct), Some(true), _) => Some(format!(
            "the way between CPUs explains about {share_pct:.0} % of the wait: the problem is for how long it is held"
        )),
        (Some(share_pct), ..) => Some(format!(
            "the way between CPUs explains about {share_pct:.0} % of the wait (estimated; cache-miss events that would \
             confirm it could not be seen)"
        )),
        (None, _, Some(why)) => Some(format!(
            "what the way between CPUs costs was not measured: {}",
            why.text()
        )),
        (None, _, None) => None,
    }
}

const fn word(distance: Distance) -> &'static str {
    match distance {
        Distance::SameCpu => "on the same CPU",
        Distance::SmtSibling => "to the other thread of a core",
        Distance::SharedL3 => "within one L3 cache",
        Distance::SamePackage => "within one package",
        Distance::SameNode => "to another package",
        Distance::OtherNode => "to another NUMA node",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use livelock_core::topology::NotMeasured;

    fn seen(bounce_share_pct: Option<f64>, not_measured: Option<NotMeasured>) -> Handoffs {
        Handoffs {
            nr: 40,
            pairs: Vec::new(),
            nr_unlisted: 40,
            classes: Vec::new(),
            bounce_share_pct,
            not_measured,
        }
    }

    #[test]
    fn what_is_said_follows_from_what_is_known() {
        let text = |share, why| explanation(&seen(share, why)).unwrap_or_default();
        assert!(text(Some(19.9), None).contains("for how long it is held"));
        assert!(text(Some(20.0), None).contains("could not be seen"));
        assert!(text(None, Some(NotMeasured::UnderLoad)).contains("the host was under load"));
        assert_eq!(text(None, None), "");
    }
}
