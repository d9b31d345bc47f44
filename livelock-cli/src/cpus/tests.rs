//! What is told of CPUs, who is not waited for, and one reading of this host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use livelock_core::event::{Event, ProgressCounters};
use livelock_core::ids::CpuId;

use super::events::{Counts, Events};
use super::reader::{CpuReader, events, lacking};

const fn counts(cpu: u32, nr: u64) -> Counts {
    Counts {
        cpu: CpuId(cpu),
        nr_context_switches: nr,
        nr_page_faults: nr + 1,
    }
}

fn told(of: &Event) -> (u32, ProgressCounters) {
    match of {
        Event::CpuProgress { cpu, progress } => (cpu.0, *progress),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_cpus_of_the_scope_are_told_of_and_only_what_is_known() {
    let cpus = BTreeSet::from([CpuId(1), CpuId(2), CpuId(3)]);
    let packets = BTreeMap::from([(CpuId(0), 70), (CpuId(1), 71), (CpuId(2), 72)]);
    let all = events(&cpus, &[counts(0, 10), counts(1, 11)], &packets);
    let all: Vec<_> = all.iter().map(told).collect();
    let packets_only = ProgressCounters {
        nr_packets: Some(72),
        ..ProgressCounters::default()
    };
    let both = ProgressCounters {
        nr_context_switches: Some(11),
        nr_page_faults: Some(12),
        nr_packets: Some(71),
        ..ProgressCounters::default()
    };
    assert_eq!(all, [(1, both), (2, packets_only)]);
}

#[test]
fn a_refusal_says_what_it_takes() {
    let error = |code| std::io::Error::from_raw_os_error(code);
    assert!(lacking(&error(libc::EACCES)).contains("CAP_PERFMON"));
    assert!(lacking(&error(libc::EMFILE)).contains("ulimit -n"));
    assert!(!lacking(&error(libc::ENODEV)).contains("CAP_PERFMON"));
}

/// Counters that answer when they are told to.
fn gated() -> (Events, Sender<u64>) {
    let (gate, opened): (Sender<u64>, Receiver<u64>) = channel();
    let read = move || opened.recv().map(|nr| counts(0, nr)).into_iter().collect();
    (Events::of(read).expect("a thread"), gate)
}

#[test]
fn who_does_not_answer_is_not_waited_for_and_a_late_answer_is_not_taken_for_a_new_one() {
    let (mut events, gate) = gated();
    gate.send(1).expect("it reads");
    events.ask();
    assert_eq!(events.answer(), [counts(0, 1)]);
    assert_eq!(events.answer(), [], "nobody asked");

    let begun = Instant::now();
    events.ask();
    assert_eq!(events.answer(), []);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Nor is it asked a second time.
    events.ask();
    assert_eq!(events.answer(), []);

    gate.send(2).expect("it reads");
    gate.send(3).expect("it reads");
    let until = Instant::now() + Duration::from_secs(10);
    let answer = loop {
        events.ask();
        let answer = events.answer();
        if !answer.is_empty() || Instant::now() > until {
            break answer;
        }
    };
    assert_eq!(answer, [counts(0, 3)]);
}

#[test]
fn this_host_is_counted_or_says_why_not() {
    // SAFETY: takes no pointer.
    let here = unsafe { libc::sched_getcpu() };
    let cpu = CpuId(u32::try_from(here).expect("a CPU"));
    let mut reader = CpuReader::begin(BTreeSet::from([cpu]));
    if let Some(why) = reader.uncounted() {
        eprintln!("skipped: counting on CPU {}: {why}", cpu.0);
        return;
    }
    let mut read = || {
        reader.ask();
        let all = reader.read();
        all.first().map(told).map(|(_, progress)| progress)
    };
    let Some(before) = read() else {
        return eprintln!("skipped: CPU {} does not answer", cpu.0);
    };
    std::thread::sleep(Duration::from_millis(20));
    if let Some(after) = read() {
        assert!(after.nr_context_switches >= before.nr_context_switches);
        assert_eq!(after.nr_forks, None);
        assert_eq!(after.nr_block_completions, None);
    }
}
