//! Places of verdicts, by lock or caller and by both. In: made-up observations. Out: right, wrong or not judged. Refuses: nothing.

use livelock_core::verdict::{CauseClass, Status};

use super::super::score::tests::{edit, observation};
use super::*;

/// A verdict on `scenario` that names nothing.
fn seen(scenario: &str, status: Status) -> Observation {
    let mut seen = observation(Kind::Positive, Status::Livelock, status);
    seen.scenario = scenario.to_owned();
    let measured = edit(&mut seen);
    measured.lock = None;
    measured.callers = Vec::new();
    seen
}

/// A verdict on `scenario` whose first lock and waiter these are.
fn placed(scenario: &str, lock: &str, callers: &[&str]) -> Observation {
    let mut seen = seen(scenario, Status::Livelock);
    let measured = edit(&mut seen);
    measured.lock = Some(lock.to_owned());
    measured.callers = owned(callers);
    seen
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_name_or_a_caller_is_enough() {
    let right = |scenario, lock, callers: &[&str]| is_right(&placed(scenario, lock, callers));
    assert_eq!(is_right(&seen("compute", Status::Livelock)), None);
    assert_eq!(is_right(&seen("fd-table", Status::Livelock)), Some(false));
    assert_eq!(is_right(&seen("fd-table", Status::Busy)), None);
    assert_eq!(right("fd-table", "files_struct.file_lock", &[]), Some(true));
    let unnamed = "lock in eventfd_read";
    assert_eq!(right("eventfd-shared", unnamed, &[]), Some(false));
    let callers = ["_raw_spin_lock_irq", "eventfd_read"];
    assert_eq!(right("eventfd-shared", unnamed, &callers), Some(true));
}

#[test]
fn a_mode_has_its_lock_or_what_is_inside_of_it() {
    let right = |scenario, lock, callers: &[&str]| is_right(&placed(scenario, lock, callers));
    assert_eq!(
        is_right(&seen("truth:rwlock", Status::Livelock)),
        Some(false)
    );
    assert_eq!(
        right("truth:rwlock", "truth_storm_rwlock+0x4", &[]),
        Some(true)
    );
    let callers = ["truth_hot_path"];
    assert_eq!(right("truth:spin-hot", "rq.__lock", &callers), Some(true));
    assert_eq!(right("truth:seqcount", "rq.__lock", &[]), None);
}

#[test]
fn strictly_it_is_the_name_and_a_caller() {
    let strict =
        |scenario, lock, callers: &[&str]| is_strictly_right(&placed(scenario, lock, callers));
    let lock = "files_struct.file_lock";
    assert_eq!(strict("fd-table", lock, &["close_fd"]), Some(true));
    assert_eq!(strict("fd-table", lock, &["do_exit"]), Some(false));
    assert_eq!(strict("fd-table", "rq.__lock", &["close_fd"]), Some(false));
    assert_eq!(
        strict(
            "truth:rwlock",
            "truth_storm_rwlock+0x4",
            &["queued_write_lock_slowpath", "truth_rwlock_writer_path"]
        ),
        Some(true)
    );
    assert_eq!(
        strict("truth:rwlock", "truth_storm_rwlock", &[]),
        Some(false)
    );
    // The name of the lab's is not that of what is inside of it.
    assert_eq!(
        strict("fd-table", "files_struct.file_lock+0x4", &["close_fd"]),
        Some(false)
    );
}

#[test]
fn whatever_the_status_a_place_is_to_be_told() {
    let mut busy = seen("fd-table", Status::Busy);
    assert_eq!(is_strictly_right(&busy), None);
    assert_eq!(is_strictly_right_of_all(&busy), Some(false));
    busy.is_control = true;
    assert_eq!(is_strictly_right_of_all(&busy), None);
    busy.is_control = false;
    busy.kind = Kind::LookAlike;
    edit(&mut busy).status = Status::Livelock;
    assert_eq!(is_strictly_right(&busy), None);
    busy.outcome = super::super::observation::Outcome::NotMeasured {
        reason: "the guest died".to_owned(),
    };
    assert_eq!(is_strictly_right_of_all(&busy), None);
}

#[test]
fn without_a_lock_a_path_is_named_for_the_cause() {
    let hallway = || seen("truth:trylock-hallway", Status::Livelock);
    let judged = is_strictly_right_of_all;
    let mut by_summary = hallway();
    assert_eq!(judged(&by_summary), Some(false));
    edit(&mut by_summary).summary =
        "1.8 CPUs retry in truth_hallway_left_path: 5 trylocks".to_owned();
    assert_eq!(judged(&by_summary), Some(true));
    // Older reports do not hold the evidence: what they lack is not known.
    edit(&mut by_summary).evidence = None;
    assert_eq!(judged(&by_summary), None);

    let mut by_evidence = hallway();
    edit(&mut by_evidence).evidence = Some(owned(&[
        "the CPUs are 100 % busy, by clock",
        "53 % of 1581 samples of busy CPUs are in truth_hallway_right_path, whose trylocks fail",
    ]));
    assert_eq!(judged(&by_evidence), Some(true));

    let mut by_caller = hallway();
    edit(&mut by_caller).callers = owned(&["_raw_spin_lock", "truth_hallway_left_path"]);
    assert_eq!(judged(&by_caller), Some(true));

    let mut by_another = hallway();
    edit(&mut by_another).evidence = Some(owned(&["samples are in my_truth_hallway_left_path_2"]));
    assert_eq!(judged(&by_another), Some(false));
}

#[test]
fn two_cpus_on_one_lock_are_found_by_their_path() {
    let mut two = seen("truth:spin-hot-two", Status::Busy);
    two.kind = Kind::Boundary;
    two.class = CauseClass::LockContention;
    assert_eq!(is_right(&two), None);
    assert_eq!(is_strictly_right_of_all(&two), Some(false));
    edit(&mut two).evidence = Some(owned(&["48 % of samples are in truth_hot_path"]));
    assert_eq!(is_strictly_right_of_all(&two), Some(true));
}

#[test]
fn the_first_holder_is_on_the_path_that_holds() {
    let held_by = |holder: Option<&[&str]>| {
        let mut seen = placed(
            "truth:named-holder",
            "truth_named_lock",
            &["truth_waiter_path"],
        );
        edit(&mut seen).holder = holder.map(owned);
        is_holder_right(&seen)
    };
    assert_eq!(
        held_by(Some(&["_raw_spin_lock", "truth_holder_path"])),
        Some(true)
    );
    assert_eq!(
        held_by(Some(&["_raw_spin_lock", "truth_waiter_path"])),
        Some(false)
    );
    assert_eq!(held_by(Some(&[])), Some(false));
    assert_eq!(held_by(None), None);
    // Whoever holds it does the same.
    assert_eq!(
        is_holder_right(&seen("truth:spin-hot", Status::Livelock)),
        None
    );
    assert_eq!(is_holder_right(&seen("fd-table", Status::Livelock)), None);
    assert_eq!(
        is_holder_right(&seen("truth:long-hold", Status::Busy)),
        Some(false)
    );
}

#[test]
fn no_scenario_has_two_places() {
    let mut names: Vec<_> = PLACES.iter().flat_map(|place| place.scenarios).collect();
    let nr_names = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), nr_names);
}

/// Both are asked for, so that a place without one would be right by the other alone.
#[test]
fn each_place_of_the_lab_has_a_lock_and_a_caller() {
    for place in PLACES {
        assert!(!place.locks.is_empty(), "{:?}", place.scenarios);
        assert!(!place.callers.is_empty(), "{:?}", place.scenarios);
    }
}
