//! Tests of who holds.

use super::*;
use crate::hold_hist::HoldHistogram;
use crate::names::FunctionName;
use crate::recording::{NameTable, NewNames};

fn stack(frames: &[&str]) -> Vec<String> {
    frames.iter().map(|&frame| frame.to_owned()).collect()
}

#[test]
fn a_sample_is_of_the_path_with_most_callers_in_common() {
    let acquirers = [
        stack(&[
            "_raw_spin_lock+0x25",
            "walk+0x40",
            "sys_a+0x5",
            "entry+0x6e",
        ]),
        stack(&[
            "_raw_spin_lock+0x25",
            "walk+0x40",
            "sys_b+0x5",
            "entry+0x6e",
        ]),
    ];
    let sampled = stack(&["step+0x1", "walk+0x99", "sys_b+0x5", "entry+0x6e"]);
    assert_eq!(acquired_by(&sampled, &acquirers), Some((&acquirers[1], 1)));
    let elsewhere = stack(&["step+0x1", "sys_b+0x9", "entry+0x6e"]);
    assert_eq!(acquired_by(&elsewhere, &acquirers), None);
}

#[test]
fn interrupts_are_told_by_their_entry_and_named_by_what_they_run() {
    let soft = stack(&[
        "nf_hook+0x1",
        "net_rx_action+0x2",
        "handle_softirqs+0x3",
        "asm_sysvec_x+0x4",
    ]);
    assert_eq!(
        interrupt(&soft),
        Some((Hindrance::Softirq, "net_rx_action".to_owned()))
    );
    let hard = stack(&["e1000_intr+0x1", "common_interrupt+0x3"]);
    assert_eq!(
        interrupt(&hard),
        Some((Hindrance::Hardirq, "e1000_intr".to_owned()))
    );
    assert_eq!(interrupt(&stack(&["step+0x1"])), None);
}

#[test]
fn where_hand_over_is_slow_what_is_long_for_a_path_is_doubtful() {
    let mut tally = LockTally::empty(LockKind::Spinlock);
    // Nine holds as ever and a last one.
    for (path, usual_ns, last_ns) in [(1, 10, 910), (2, 60, 60)] {
        let held_ns = 9 * usual_ns + last_ns;
        tally.holders.update(&vec![CodeAddr(path)], |path| {
            path.bounds.record_many(usual_ns, 9);
            path.bounds.record_many(last_ns, 1);
            path.tied_ns = held_ns;
            path.tied_weight = 10;
        });
        tally.held_ns += held_ns;
    }
    let told = |tally: &LockTally| {
        let told = holders(tally, &NameTable::default());
        let sides = told.sides.into_iter();
        let sides: Vec<_> = sides
            .map(|side| (side.stack.concat(), side.share_pct, side.confidence))
            .collect();
        (sides, told.unknown_pct)
    };
    let side = |path: u64, pct: f64, sure| (CodeAddr(path).to_string(), pct, Some(sure));
    tally.gap_ns = tally.held_ns;
    let high = Confidence::High;
    let sides = vec![side(1, 62.5, high), side(2, 37.5, high)];
    assert_eq!(told(&tally), (sides, Some(0.0)));
    tally.gap_ns = 2 * tally.held_ns;
    // The next in line is there after 20 ns at the latest, so that it is path 2 that holds, for 40 ns.
    let medium = Confidence::Medium;
    assert_eq!(told(&tally), (vec![side(2, 25.0, medium)], Some(75.0)));
    // Path 1 takes 24 ns: path 2 is not three times as slow. At 20 ns it is.
    let takes = |tally: &mut LockTally, ns| {
        tally.holders.update(&vec![CodeAddr(1)], |path| {
            path.bounds = HoldHistogram::default();
            path.bounds.record_many(ns, 10);
        });
    };
    takes(&mut tally, 24);
    assert_eq!(told(&tally).0.len(), 2);
    takes(&mut tally, 20);
    assert_eq!(told(&tally).0.len(), 1);
    tally.holders.update(&vec![CodeAddr(1)], |path| {
        path.bounds = HoldHistogram::default();
        path.bounds.record_many(10, 9);
        path.bounds.record_many(910, 1);
    });
    // Those who sleep are woken, and that is another time for each.
    tally.kind = LockKind::Mutex;
    let sides = vec![side(2, 37.5, medium), side(1, 6.875, medium)];
    assert_eq!(told(&tally), (sides, Some(55.625)));
    tally.kind = LockKind::Spinlock;
    // Where all paths take about as long, it may be the hold that takes it.
    tally.holders.update(&vec![CodeAddr(1)], |path| {
        path.bounds = HoldHistogram::default();
        path.bounds.record_many(40, 9);
        path.bounds.record_many(640, 1);
    });
    let sides = vec![side(2, 37.5, medium), side(1, 27.5, medium)];
    assert_eq!(told(&tally), (sides, Some(35.0)));
}

#[test]
fn of_a_spinlock_on_its_way_nobody_sampled_near_it_is_suspected() {
    let frames = vec![CodeAddr(1), CodeAddr(2)];
    let mut names = NameTable::default();
    let name = |name: &str| FunctionName {
        name: name.to_owned(),
        offset_bytes: 1,
    };
    names.learn(&NewNames {
        functions: vec![
            (CodeAddr(1), name("step")),
            (CodeAddr(2), name("walk")),
            (CodeAddr(3), name("_raw_spin_lock")),
        ],
        ..NewNames::default()
    });
    let mut tally = LockTally::empty(LockKind::Spinlock);
    tally
        .waiters
        .update(&vec![CodeAddr(3), CodeAddr(2)], |path| {
            path.untied_weight = 1;
        });
    tally.suspects.update(&frames, |path| {
        path.nr_samples = 1;
        path.tied_ns = 10;
    });
    tally.unseen_ns = 40;
    tally.gap_ns = 100;
    tally.held_ns = 100;
    let told = holders(&tally, &names);
    assert_eq!(told.sides.len(), 1);
    assert_eq!(told.unknown_pct, Some(75.0));
    tally.held_ns = 50;
    let told = holders(&tally, &names);
    assert_eq!(told.sides, []);
    assert_eq!(told.unknown_pct, Some(100.0));
    // Nor is the only one who does not wait.
    tally.alone.update(&vec![CodeAddr(1)], |path| {
        path.nr_samples = 1;
        path.tied_ns = 10;
    });
    assert_eq!(holders(&tally, &names).sides, []);
    tally.held_ns = 100;
    assert_eq!(holders(&tally, &names).sides.len(), 2);
    // Inside the function that acquires it, perhaps.
    tally.held_ns = 50;
    tally.alone.update(&frames, |path| {
        path.nr_samples = 1;
        path.tied_ns = 10;
    });
    let told = holders(&tally, &names).sides;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].confidence, Some(Confidence::Low));
}
