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

/// Nearly all samples in `stack`.
fn all_in(stack: &'static [&'static str]) -> Verdict {
    judge(&kernel(&[(95, stack)]))
}

/// Nearly all samples spin where no tracepoint sees it, below `stack`.
macro_rules! spin_below {
    ($($function:literal),+) => {
        all_in(&["native_queued_spin_lock_slowpath", "_raw_spin_lock", $($function),+])
    };
}

#[test]
fn spin_has_the_class_of_who_wants_the_lock() {
    for (verdict, class) in [
        (spin_below!("lockref_get_not_dead"), CauseClass::Lockref),
        (spin_below!("evict_inodes"), CauseClass::WritebackInode),
        (
            spin_below!("cgroup_rstat_flush_locked"),
            CauseClass::CgroupRstat,
        ),
        (spin_below!("rcu_exp_wait_wake"), CauseClass::Rcu),
        (spin_below!("nf_conntrack_in"), CauseClass::Conntrack),
        (spin_below!("memory_stat_format"), CauseClass::UntracedSpin),
        (spin_below!("nft_do_chain"), CauseClass::UntracedSpin),
    ] {
        expect(&verdict, Status::Contended, class);
    }
}

#[test]
fn who_drops_references_or_inodes_without_waiting_just_works() {
    for stack in [&["dput"], &["evict_inodes"]] {
        expect(&all_in(stack), Status::Busy, CauseClass::KernelWork);
    }
}

#[test]
fn work_has_the_class_of_its_functions_from_a_third_of_the_samples_on() {
    let busy_with = |nr, stack| judge(&kernel(&[(nr, stack), (95 - nr, &["aes_encrypt"])]));
    let classes: [(&[&str], CauseClass); 5] = [
        (&["rcu_do_batch"], CauseClass::Rcu),
        (&["nf_conntrack_in"], CauseClass::Conntrack),
        (&["cgroup_rstat_flush_locked"], CauseClass::CgroupRstat),
        (&["__ww_mutex_wound"], CauseClass::TransactionRestart),
        (&["read_hpet", "ktime_get"], CauseClass::SlowClock),
    ];
    for (stack, class) in classes {
        expect(&busy_with(33, stack), Status::Busy, class);
        let little = busy_with(25, stack);
        expect(&little, Status::Busy, CauseClass::KernelWork);
    }
}

#[test]
fn neighbours_of_such_work_are_not_taken_for_it() {
    let neighbours: [&[&str]; 4] = [
        &["nft_do_chain"],
        &["memory_stat_format"],
        &["__bch2_trans_commit"],
        &["read_tsc", "ktime_get"],
    ];
    for stack in neighbours {
        expect(&all_in(stack), Status::Busy, CauseClass::KernelWork);
    }
}

#[test]
fn interrupts_are_a_storm_from_half_of_the_time_on() {
    let interrupted = |softirq| {
        judge(&Second {
            softirq,
            ..kernel(&[(95, &["aes_encrypt"])])
        })
    };
    expect(&interrupted(0.55), Status::Busy, CauseClass::InterruptStorm);
    expect(&interrupted(0.45), Status::Busy, CauseClass::KernelWork);
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
