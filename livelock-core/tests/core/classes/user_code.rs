//! Loops that wait and loops that retry, in user space and beside it in the kernel.

use livelock_core::code::{AtomicNear, AtomicOp, AtomicPlace, CodeFacts};
use livelock_core::verdict::{CauseClass, Status, Verdict};

use super::bench::{Place, Second, USER_STEP, judge};
use super::{PAUSING, expect, syscalls};

/// A tight loop around an atomic instruction.
const RETRYING: CodeFacts = CodeFacts {
    atomic: None,
    in_loop: true,
    loop_has_pause: false,
    loop_has_atomic: true,
    loop_len_bytes: Some(12),
};

/// That instruction, or the one behind it.
const fn exchange(place: AtomicPlace) -> CodeFacts {
    let op = AtomicOp::Cmpxchg;
    CodeFacts {
        atomic: Some(AtomicNear { place, op }),
        ..RETRYING
    }
}

const AT: CodeFacts = exchange(AtomicPlace::At);

const fn at(nr: u32, code: CodeFacts) -> Place {
    Place {
        code: Some(code),
        ..Place::user(nr)
    }
}

/// All of it is user time.
fn user(places: Vec<Place>) -> Verdict {
    judge(&Second {
        places,
        user: 1.0,
        ..Second::default()
    })
}

#[test]
fn user_space_spinning_is_told_and_not_accused() {
    let spin = Second {
        places: vec![Place {
            code: Some(PAUSING),
            ..Place::user(97)
        }],
        user: 1.0,
        ..Second::default()
    };
    expect(&judge(&spin), Status::Busy, CauseClass::UserSpin);
    let compute = Second {
        places: vec![Place {
            code: Some(CodeFacts {
                loop_has_pause: false,
                ..PAUSING
            }),
            ..Place::user(97)
        }],
        user: 1.0,
        ..Second::default()
    };
    expect(&judge(&compute), Status::Busy, CauseClass::UserCompute);
}

#[test]
fn one_atomic_instruction_for_all_is_a_hot_line() {
    let atomic = CodeFacts {
        atomic: Some(AtomicNear {
            place: AtomicPlace::After,
            op: AtomicOp::Xadd,
        }),
        ..CodeFacts::default()
    };
    let of = |shared| Second {
        places: vec![Place {
            code: Some(atomic),
            shared,
            ..Place::kernel(90, &["do_syscall_64"])
        }],
        activity: Some(syscalls(900_000, 0)),
        ..Second::default()
    };
    expect(&judge(&of(true)), Status::Busy, CauseClass::AtomicHotLine);
    expect(&judge(&of(false)), Status::Busy, CauseClass::KernelWork);
}

#[test]
fn an_exchange_that_is_tried_again_at_once_is_a_hot_line() {
    let verdict = user(vec![at(60, AT), at(37, RETRYING)]);
    expect(&verdict, Status::Busy, CauseClass::AtomicHotLine);
    // It spins as well, in a way.
    let also: Vec<CauseClass> = verdict.cause.also.iter().map(|also| also.class).collect();
    assert_eq!(also, [CauseClass::UserSpin]);
}

#[test]
fn who_pauses_between_two_exchanges_waits_for_a_lock() {
    let pausing = |code| CodeFacts {
        loop_has_pause: true,
        ..code
    };
    let verdict = user(vec![at(60, pausing(AT)), at(37, pausing(RETRYING))]);
    expect(&verdict, Status::Busy, CauseClass::UserSpin);
    // Whatever else the process does.
    let verdict = user(vec![at(60, AT), at(37, PAUSING)]);
    expect(&verdict, Status::Busy, CauseClass::UserSpin);
}

#[test]
fn an_exchange_that_is_a_small_part_of_the_loops_is_not_what_they_are_about() {
    let verdict = user(vec![at(40, AT), at(57, RETRYING)]);
    expect(&verdict, Status::Busy, CauseClass::UserSpin);
}

#[test]
fn samples_skid_onto_the_instruction_behind() {
    let behind = Place {
        nearer: USER_STEP - 8,
        ..at(30, exchange(AtomicPlace::After))
    };
    let here = at(25, AT);
    let verdict = user(vec![here, behind, at(40, RETRYING)]);
    expect(&verdict, Status::Busy, CauseClass::AtomicHotLine);
    let elsewhere = Place {
        nearer: 0,
        ..behind
    };
    let verdict = user(vec![here, elsewhere, at(40, RETRYING)]);
    expect(&verdict, Status::Busy, CauseClass::UserSpin);
}

#[test]
fn a_long_loop_with_an_atomic_in_it_works() {
    let of_bytes = |len| CodeFacts {
        loop_len_bytes: len,
        ..RETRYING
    };
    expect(
        &user(vec![at(97, of_bytes(Some(128)))]),
        Status::Busy,
        CauseClass::UserSpin,
    );
    for len in [Some(129), None] {
        let verdict = user(vec![at(97, of_bytes(len))]);
        expect(&verdict, Status::Busy, CauseClass::UserCompute);
    }
    // One that pauses waits, however long it is.
    let pausing = CodeFacts {
        loop_len_bytes: Some(400),
        ..PAUSING
    };
    expect(
        &user(vec![at(97, pausing)]),
        Status::Busy,
        CauseClass::UserSpin,
    );
}

#[test]
fn forked_processes_that_spin_at_one_place_are_counted_together() {
    let forked = Place {
        forked: true,
        comm: "postgres",
        ..at(97, PAUSING)
    };
    let verdict = user(vec![forked]);
    expect(&verdict, Status::Busy, CauseClass::UserSpin);
    let summary = &verdict.cause.summary;
    assert!(summary.contains("4 processes (postgres)"), "{summary}");
    // With another layout each they are programs of their own.
    let alone = Place {
        shared: false,
        ..forked
    };
    let verdict = user(vec![alone]);
    expect(&verdict, Status::Busy, CauseClass::UserCompute);
}

#[test]
fn forked_processes_that_exchange_one_word_share_its_line() {
    let forked = Place {
        forked: true,
        ..at(90, AT)
    };
    let verdict = user(vec![forked]);
    expect(&verdict, Status::Busy, CauseClass::AtomicHotLine);
    let summary = &verdict.cause.summary;
    assert!(summary.contains("4 processes (worker)"), "{summary}");
    // An atomic instruction on the way, without a loop, may be on memory of their own.
    let passing = Place {
        code: Some(CodeFacts {
            atomic: AT.atomic,
            ..CodeFacts::default()
        }),
        ..forked
    };
    let verdict = user(vec![passing]);
    expect(&verdict, Status::Busy, CauseClass::UserCompute);
}

#[test]
fn so_is_an_exchange_of_the_kernel_that_gets_done() {
    let exchanges = |code| Second {
        places: vec![Place {
            code: Some(code),
            ..Place::kernel(95, &["hallway_trylock"])
        }],
        activity: Some(syscalls(2_000_000, 0)),
        ..Second::default()
    };
    let verdict = judge(&exchanges(AT));
    expect(&verdict, Status::Busy, CauseClass::AtomicHotLine);
    let pausing = CodeFacts {
        loop_has_pause: true,
        ..AT
    };
    let verdict = judge(&exchanges(pausing));
    expect(&verdict, Status::Busy, CauseClass::TrylockRetry);
}
