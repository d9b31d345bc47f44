//! Waiters that stand halted, in words.
//!
//! In: books of a span. Out: evidence, half a sentence, a blind spot. Refuses: to call it burn.

use super::answer::Case;
use super::evidence::signal;
use crate::host::{SamplerSource, SpinlockFlavour};
use crate::ledger::time::{TimeBooks, share};
use crate::thresholds as at;
use crate::verdict::{BlindSpot, Evidence, EvidenceSource};

/// Share of busy time, if it is worth a word.
fn halted(books: &TimeBooks) -> Option<f64> {
    share(books.halted_ns, books.busy_ns()).filter(|&halted| halted >= at::HALTED_SHARE)
}

/// What waiters stood halted for, as a signal.
pub(super) fn evidence(books: &TimeBooks) -> Option<Evidence> {
    let halted = halted(books)?;
    Some(signal(
        "halted_waiters",
        100.0 * halted,
        "%",
        Some(100.0 * at::HALTED_SHARE),
        EvidenceSource::Sampler,
        format!(
            "waiters stand halted for {:.0} % of busy time: paravirtual spinlocks gave their CPUs back to the hypervisor, \
             so that it is waited in vain, but not burned",
            100.0 * halted
        ),
    ))
}

/// `what` became of busy time, with the time that waiters stood halted.
pub(super) fn what(books: &TimeBooks, what: &'static str) -> &'static str {
    match halted(books) {
        Some(_) => "spun away or waited by halted CPUs",
        None => what,
    }
}

/// What to say of `cpus` CPUs of halted waiters beside those that spin.
pub(super) fn beside(books: &TimeBooks, cpus: f64) -> String {
    halted(books).map_or_else(String::new, |_| format!(" and {cpus:.1} stand halted"))
}

/// Steal and lost ticks, of the time that CPUs did not stand halted.
pub(super) fn overcommit(books: &TimeBooks) -> Evidence {
    let wanting_ns = books.capacity_ns.saturating_sub(books.halted_ns);
    let pct = |ns: u64, of_ns: u64| 100.0 * share(ns, of_ns).unwrap_or(0.0).min(1.0);
    let steal_pct = pct(books.steal_ns, wanting_ns);
    let lost_pct = pct(books.lost_ticks_ns, books.capacity_ns);
    let of_what = match halted(books) {
        Some(_) => " of the time that no waiter stood halted",
        None => "",
    };
    signal(
        "overcommit",
        steal_pct.max(lost_pct),
        "%",
        Some(100.0 * at::OVERCOMMIT),
        EvidenceSource::ProcStat,
        format!(
            "steal is {steal_pct:.0} %{of_what} and lost ticks {lost_pct:.0} %: a hypervisor that deschedules lock holders may be \
             behind it"
        ),
    )
}

/// What is not known of waits that may have been halted; `None` where waiters do not halt, or where little is waited.
pub(super) fn blind_spot(case: &Case<'_>) -> Option<BlindSpot> {
    let books = &case.span.books;
    let may_halt = case.host.spinlocks == SpinlockFlavour::Paravirtual;
    if !may_halt || books.capacity_ns == 0 || books.halted_share().is_some() {
        return None;
    }
    let why = match case.host.sampler {
        SamplerSource::PmuNmi => "cycles, which the sampler counts, stop with a halted CPU",
        SamplerSource::None => "there is no sampler",
        SamplerSource::Hrtimer => {
            "too few samples are in these waits, as where interrupts are off or windows are short"
        }
    };
    Some(BlindSpot {
        id: "halted-waiters".to_owned(),
        what: format!(
            "how long waiters for spinlocks stood halted is not known ({why}): all of it counts as spin"
        ),
        mitigation:
            "the CPU time that the hypervisor books for this guest tells spinning from halting"
                .to_owned(),
    })
}
