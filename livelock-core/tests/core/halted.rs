//! Guests whose waiters for spinlocks give their CPU back to the hypervisor.

use crate::scenario::{Load, Samples, Sim, Table, books, compute, fd_collapse, host};
use crate::scenarios::has_evidence;
use livelock_core::host::{HostFacts, SamplerSource, SpinlockFlavour};
use livelock_core::verdict::{CauseClass, Status, TimeLedger, Verdict};

fn guest(sampler: SamplerSource) -> HostFacts {
    HostFacts {
        hypervisor: Some("KVM".to_owned()),
        spinlocks: SpinlockFlavour::Paravirtual,
        sampler,
        ..host(8)
    }
}

/// A collapse in a guest; of 95 samples in waits, so many are of halted CPUs. Nothing is stolen from those, hence little of all.
fn preempted(nr_halted: u32) -> Load {
    let collapse = fd_collapse();
    Load {
        kernel: 0.956,
        steal: 0.04,
        ticks_lost: 0.0,
        samples: Samples {
            spin_traced: 95 - nr_halted,
            halted: nr_halted,
            ..collapse.samples
        },
        ..collapse
    }
}

fn verdict(sampler: SamplerSource, load: Load) -> Verdict {
    let mut sim = Sim::on(guest(sampler));
    sim.run(10, load).judge.verdict(&Table)
}

fn sum_pct(time: &TimeLedger) -> f64 {
    let parts = [
        time.idle_pct,
        time.user_pct,
        time.kernel_pct,
        time.traced_spin_pct,
        time.untraced_spin_pct,
        time.vain_fault_pct,
        time.vain_retry_pct,
        time.vain_reclaim_pct,
        time.vain_receive_pct,
        time.hardirq_pct,
        time.softirq_pct,
        time.steal_pct,
        time.own_pct,
    ];
    parts.iter().flatten().sum()
}

#[test]
fn a_halted_waiter_idles_and_each_nanosecond_is_booked_once() {
    let verdict = verdict(SamplerSource::Hrtimer, preempted(70));
    let time = verdict.time;
    let (idle, halted) = (time.idle_pct.unwrap(), time.halted_waiters_pct.unwrap());
    assert!((sum_pct(&time) - 100.0).abs() < 1e-6, "{time:?}");
    assert!((65.0..75.0).contains(&halted), "{halted}");
    assert!(halted <= idle && idle < halted + 1.0, "{time:?}");
    let (burn, traced) = (verdict.burn_pct.unwrap(), time.traced_spin_pct.unwrap());
    assert!((20.0..30.0).contains(&traced), "{traced}");
    assert!((burn - traced).abs() < 1e-6, "{burn}");
    assert!(verdict.busy_pct.unwrap() < 30.0);
    let of_locks: f64 = verdict.locks.iter().map(|lock| lock.burn_pct).sum();
    assert!(
        of_locks <= traced + 1e-6 && of_locks > 0.9 * traced,
        "{of_locks} {traced}"
    );
    let of_lock = verdict.locks[0].halted_pct.unwrap();
    assert!((of_lock - halted).abs() < 2.0, "{of_lock}");
}

#[test]
fn a_preempted_holder_is_told_however_its_waiters_wait() {
    let told = verdict(SamplerSource::Hrtimer, preempted(70));
    assert_eq!(told.status, Status::Livelock);
    assert_eq!(told.cause.class, CauseClass::HolderPreemption);
    assert!(told.omega.unwrap() > 0.9, "nobody can do anything else");
    assert!(has_evidence(&told, "halted_waiters"));
    assert!(
        told.cause.summary.contains("wait for"),
        "{}",
        told.cause.summary
    );
    assert!(
        told.blind_spots
            .iter()
            .all(|spot| spot.id != "halted-waiters")
    );
    let spinning = verdict(SamplerSource::Hrtimer, preempted(0));
    assert_eq!(spinning.status, Status::Livelock);
    assert_ne!(
        spinning.cause.class,
        CauseClass::HolderPreemption,
        "a host whose CPUs all want to run has little of its time stolen"
    );
}

#[test]
fn who_neither_halts_nor_waits_is_not_touched() {
    let spinning = verdict(SamplerSource::Hrtimer, preempted(0));
    assert_eq!(spinning.time.halted_waiters_pct, Some(0.0));
    assert!(spinning.time.traced_spin_pct.unwrap() > 90.0);
    assert!(!has_evidence(&spinning, "halted_waiters"));
    let computing = verdict(SamplerSource::Hrtimer, compute());
    assert_eq!(computing.status, Status::Busy);
    assert_eq!(computing.time.halted_waiters_pct, Some(0.0));
}

#[test]
fn what_samples_cannot_see_stays_spin_and_is_said() {
    let few = Samples {
        spin_traced: 1,
        ..Samples::default()
    };
    for (sampler, samples) in [
        (SamplerSource::PmuNmi, preempted(70).samples),
        (SamplerSource::Hrtimer, few),
    ] {
        let load = Load {
            samples,
            ..preempted(0)
        };
        let verdict = verdict(sampler, load);
        assert_eq!(verdict.status, Status::Livelock);
        assert_eq!(verdict.time.halted_waiters_pct, None);
        assert!(verdict.locks[0].halted_pct.is_none());
        assert!(verdict.burn_pct.unwrap() > 90.0);
        let is_said = |spot: &livelock_core::verdict::BlindSpot| spot.id == "halted-waiters";
        assert!(verdict.blind_spots.iter().any(is_said));
    }
}

#[test]
fn the_ledgers_of_the_cpus_tell_them_as_well() {
    let mut sim = Sim::on(guest(SamplerSource::Hrtimer));
    sim.run(4, preempted(70));
    for seen in sim.seen.iter().skip(1) {
        assert!(seen.halted.unwrap() > 0.6);
        assert!(seen.burn().unwrap() < 0.35, "{:?}", seen.burn());
        for time in seen.cpus.values() {
            assert!(time.halted_waiters_pct.unwrap() > 60.0, "{time:?}");
            assert!((sum_pct(time) - 100.0).abs() < 1e-6, "{time:?}");
        }
    }
    for window in &sim.windows {
        let books = books(window).expect("books");
        let waited_ns = window.traced_spin_ns.expect("counters");
        assert!(books.traced_ns() <= waited_ns);
    }
}
