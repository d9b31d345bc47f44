//! How long a lock is held, and what is known of its holders.
//!
//! Refuses: to call a holder's path what nobody saw.

use livelock_core::verdict::{
    Confidence, Hindrance, HoldBound, HoldTimes, HolderSource, LockReport, LockSide, NotRunning,
};

use crate::render::units::{clean, count, duration};

/// Digits of a container's id, as its runtimes print it.
const SHORT_ID: usize = 12;
/// Least share of gaps, or of waits, that is worth a word.
const MIN_TOLD_PCT: f64 = 10.0;

/// A range of the 99th percentile whose ends differ by less says no more than the percentile does.
const SURE_RATIO: f64 = 1.25;

/// How long it is held, and what else the waiters wait for.
pub(crate) fn held(lock: &LockReport) -> Option<String> {
    let mut parts: Vec<String> = lock.hold_ns.as_ref().and_then(times).into_iter().collect();
    let told = |pct: Option<f64>| pct.filter(|pct| *pct >= MIN_TOLD_PCT);
    if let Some(pct) = told(lock.handover_pct) {
        parts.push(format!(
            "in {pct:.0} % of the time between two acquisitions it was free already, and the next in line did not take it"
        ));
    }
    if let Some(pct) = told(lock.unknown_holder_pct) {
        parts.push(format!(
            "who held it for {pct:.0} % of the time could not be seen"
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn times(hold: &HoldTimes) -> Option<String> {
    let at_most = match hold.bound {
        HoldBound::Exact => "",
        HoldBound::Upper => "at most ",
    };
    let told = |known: &[(&str, Option<u64>)]| -> Vec<String> {
        let told = known
            .iter()
            .filter_map(|&(word, ns)| Some(format!("{word} {}", duration(ns?))));
        told.collect()
    };
    let mut percentiles = told(&[("p50", hold.p50), ("p99", hold.p99)]);
    if let (Some(last), Some(_)) = (percentiles.last_mut(), hold.p99) {
        last.push_str(&doubt(hold).unwrap_or_default());
    }
    let mut parts = vec![percentiles.join(", ")];
    if let (Some(pct), Some(part)) = (
        hold.traced_pct,
        parts.first_mut().filter(|it| !it.is_empty()),
    ) {
        part.push_str(&format!(
            " ({pct:.0} % of the holds after a wait: those with others in line all along)"
        ));
    }
    parts.extend(told(&[("longest", hold.max)]));
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then(|| format!("held for {at_most}{}", parts.join(", ")))
}

/// How far the 99th percentile may be off, if that is worth a word.
fn doubt(hold: &HoldTimes) -> Option<String> {
    let least = hold.p99_at_least?;
    let nr = count(hold.nr_holds?);
    match hold.p99_at_most {
        Some(most) if most as f64 <= SURE_RATIO * least as f64 => None,
        Some(most) => Some(format!(
            ", with 95 % confidence {} to {} by {nr} holds",
            duration(least),
            duration(most)
        )),
        None => Some(format!(
            ", with 95 % confidence {} or more by {nr} holds",
            duration(least)
        )),
    }
}

/// How a holder is known beyond its acquisition, what it did and what kept it.
pub(crate) fn known(side: &LockSide) -> Vec<String> {
    let nr = |source: HolderSource| {
        let of_source = side.known_by.iter().find(|known| known.source == source);
        of_source.map(|known| known.nr)
    };
    let mut lines = Vec::new();
    if let Some(container) = &side.container_id {
        let id: String = clean(container).chars().take(SHORT_ID).collect();
        let pod = side
            .pod_uid
            .as_deref()
            .map_or_else(String::new, |pod| format!(", pod {}", clean(pod)));
        lines.push(format!("container {id}{pod}"));
    }
    if let Some(nr) = nr(HolderSource::ContendedRelease) {
        lines.push(format!("seen to let go {nr} times"));
    }
    if let Some(nr) = nr(HolderSource::OwnerWord) {
        lines.push(format!("named by the lock {nr} times"));
    }
    if let Some(nr) = nr(HolderSource::SampledOnCpu) {
        let place = side.doing.as_ref().map_or_else(String::new, |function| {
            format!(", most in {}", clean(function))
        });
        lines.push(format!("sampled holding it {nr} times{place}"));
    }
    if let Some(nr) = nr(HolderSource::LastAcquirer) {
        lines.push(format!("acquired it last, others waiting, {nr} times"));
    }
    lines.extend(side.not_running.as_ref().map(not_running));
    lines.extend(side.confidence.map(|confidence| {
        let how_sure = match confidence {
            Confidence::High => "sure",
            Confidence::Medium => "likely",
            Confidence::Low => "may be",
        };
        format!("the holder: {how_sure}")
    }));
    lines
}

fn not_running(not: &NotRunning) -> String {
    let why = match not.why {
        Hindrance::Preempted => "not running, though runnable,",
        Hindrance::Asleep => "asleep",
        Hindrance::Hardirq => "interrupted",
        Hindrance::Softirq => "interrupted by softirq",
    };
    let instead = not.instead.as_ref().map_or_else(String::new, |instead| {
        format!(": {} ran instead", clean(instead))
    });
    format!("{why} in {:.0} % of them{instead}", not.share_pct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_times_say_of_which_holds_they_are() {
        let hold = HoldTimes {
            p50: Some(102_000),
            p99: Some(4_200_000),
            p99_at_least: Some(4_000_000),
            p99_at_most: Some(4_500_000),
            nr_holds: Some(12_300),
            max: Some(9_000_000),
            bound: HoldBound::Exact,
            traced_pct: Some(62.6),
        };
        let told = |hold: HoldTimes| times(&hold).unwrap();
        assert_eq!(
            told(hold),
            "held for p50 102 us, p99 4.2 ms (63 % of the holds after a wait: those with others in line all along), longest 9.0 ms"
        );
        let all = HoldTimes {
            traced_pct: None,
            ..hold
        };
        assert_eq!(told(all), "held for p50 102 us, p99 4.2 ms, longest 9.0 ms");
        let unsure = HoldTimes {
            p99_at_least: Some(1_400_000),
            ..all
        };
        assert_eq!(
            told(unsure),
            "held for p50 102 us, p99 4.2 ms, with 95 % confidence 1.4 ms to 4.5 ms by 12,300 holds, longest 9.0 ms"
        );
        let few = HoldTimes {
            p99_at_most: None,
            nr_holds: Some(70),
            traced_pct: Some(62.6),
            ..unsure
        };
        assert_eq!(
            told(few),
            "held for p50 102 us, p99 4.2 ms, with 95 % confidence 1.4 ms or more by 70 holds (63 % of the holds after a wait: those with others in line all along), longest 9.0 ms"
        );
        let longest = HoldTimes {
            p50: None,
            p99: None,
            ..hold
        };
        assert_eq!(told(longest), "held for longest 9.0 ms");
        let nothing = HoldTimes {
            max: None,
            ..longest
        };
        assert_eq!(times(&nothing), None);
    }
}
