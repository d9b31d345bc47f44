//! Classes that are told from where CPUs work or wait, each beside what only has the names.

use livelock_core::activity::HostCounter;
use livelock_core::verdict::{CauseClass, EvidenceSource, Status, Verdict};

use super::bench::{Place, Second, judge};
use super::expect;

/// Shares of the samples, in the kernel.
fn kernel(places: &[(u32, &'static [&'static str])]) -> Second {
    Second {
        places: places
            .iter()
            .map(|(nr, stack)| Place::kernel(*nr, stack))
            .collect(),
        ..Second::default()
    }
}

#[test]
fn a_console_is_slow_only_where_it_is_written_to() {
    const STORES: &[&str] = &["vprintk_store", "devkmsg_write", "do_syscall_64"];
    const PRINTS: &[&str] = &["serial8250_console_write", "devkmsg_write"];
    let logged = kernel(&[(70, STORES), (25, &["devkmsg_write", "do_syscall_64"])]);
    expect(&judge(&logged), Status::Busy, CauseClass::KernelWork);
    // A driver that keeps interrupts off is seldom sampled.
    let printed = kernel(&[(70, STORES), (6, PRINTS)]);
    expect(&judge(&printed), Status::Busy, CauseClass::Console);
    let hardly = kernel(&[(90, STORES), (4, PRINTS)]);
    expect(&judge(&hardly), Status::Busy, CauseClass::KernelWork);
}

/// What a signal says, in percent, and where it was read.
fn told(verdict: &Verdict, signal: &str) -> Option<(f64, EvidenceSource)> {
    let mut evidence = verdict.evidence.iter();
    let found = evidence.find(|evidence| evidence.signal == signal)?;
    Some((found.value.round(), found.source))
}

#[test]
fn interrupts_are_not_told_as_samples() {
    let storm = |hardirq, in_timers| Second {
        hardirq,
        counters: vec![(HostCounter::TimerInterrupts, 4 * 30_000)],
        ..kernel(&[
            (in_timers, &["hrtimer_interrupt"]),
            (100 - in_timers, &["aes_encrypt"]),
        ])
    };
    let unsampled = judge(&storm(0.4, 0));
    expect(&unsampled, Status::Busy, CauseClass::TimerStorm);
    assert_eq!(told(&unsampled, "sampled_share"), None);
    let ticks = Some((40.0, EvidenceSource::ProcStat));
    assert_eq!(told(&unsampled, "hardirq_share"), ticks);
    let summary = &unsampled.cause.summary;
    assert!(summary.contains("hard interrupts"), "{summary}");
    let both = judge(&storm(0.35, 10));
    let sampled = Some((10.0, EvidenceSource::Sampler));
    assert_eq!(told(&both, "sampled_share"), sampled);
    let unticked = judge(&storm(0.0, 60));
    expect(&unticked, Status::Busy, CauseClass::TimerStorm);
    assert_eq!(told(&unticked, "hardirq_share"), None);
}
