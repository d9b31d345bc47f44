//! Locks that are wanted in a circle, as evidence.
//!
//! In: the chains of a verdict. Out: one signal. Refuses: chains that end, which locks that are nested have as well.

use crate::holder_report::{WaitChain, WantKind};
use crate::verdict::{Evidence, EvidenceSource};

/// The heaviest cycle. `is_watched`: its tries were seen as calls, not in samples.
pub(super) fn evidence(chains: &[WaitChain], is_watched: bool) -> Option<Evidence> {
    let cycle = chains.iter().find(|chain| chain.is_cycle)?;
    let locks: Vec<&str> = cycle.links.iter().map(|link| link.lock.as_str()).collect();
    let first = locks.first()?;
    let way = locks.join(", then ");
    let mut wants = cycle.links.iter().filter_map(|link| link.wants.as_ref());
    let source = if wants.all(|want| want.kind == WantKind::Waits) {
        EvidenceSource::ContentionTracepoints
    } else if is_watched {
        EvidenceSource::Activity
    } else {
        EvidenceSource::Sampler
    };
    Some(Evidence {
        signal: "lock_cycle".to_owned(),
        value: locks.len() as f64,
        unit: "locks".to_owned(),
        threshold: None,
        source,
        text: format!("who has one lock wants the next of a cycle: {way}, and {first} again"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holder_report::{ChainLink, Want};

    fn chain(is_cycle: bool, kind: WantKind) -> WaitChain {
        let link = |lock: &str| ChainLink {
            lock: lock.to_owned(),
            addr: String::new(),
            held_by: None,
            wants: Some(Want {
                kind,
                nr: 2,
                wait_ns: 0,
            }),
        };
        WaitChain {
            is_cycle,
            wait_ns: 0,
            oldest_open_ns: None,
            links: vec![link("left"), link("right")],
        }
    }

    #[test]
    fn a_cycle_is_told_and_a_chain_is_not() {
        let nested = chain(false, WantKind::Waits);
        assert_eq!(evidence(std::slice::from_ref(&nested), true), None);
        let tried = [nested, chain(true, WantKind::Tries)];
        let told = evidence(&tried, true).unwrap();
        assert_eq!(told.source, EvidenceSource::Activity);
        let sampled = evidence(&tried, false).unwrap();
        assert_eq!(sampled.source, EvidenceSource::Sampler);
        assert!(told.text.ends_with("left, then right, and left again"));
        let waits = evidence(&[chain(true, WantKind::Waits)], true).unwrap();
        assert_eq!(waits.source, EvidenceSource::ContentionTracepoints);
    }
}
