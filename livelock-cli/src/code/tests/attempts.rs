//! Attempts, as gcc 12 compiles them for the kernel.
//!
//! In: the code of a few lines of C, in binutils' words. Out: sites. Refuses: nothing.

use livelock_core::attempts::{AttemptKind, AttemptSite, FoundSite};
use livelock_core::ids::CodeAddr;
use livelock_core::lock_call::{LockCallKind, LockCallSite};

use super::{BASE_ADDR, Program};
use crate::code::Bytes;
use crate::code::attempts::attempts;

/// Where the calls below with the distance 0x1000 of their instruction's end go is found by it.
const CALL: &[u8] = &[0xe8, 0x00, 0x10, 0x00, 0x00];

/// Sites of `program`, if the calls of instructions `trylocks` are of trylocks.
fn sites(program: &Program, trylocks: &[usize]) -> Vec<AttemptSite> {
    let trylocks = trylocks.iter().map(|&nr| (nr, LockCallKind::Trylock));
    let found = found(program, &trylocks.collect::<Vec<_>>());
    found.into_iter().map(|found| found.site).collect()
}

/// The same with the calls around them, if the instructions of `calls` call functions of these kinds.
fn found(program: &Program, calls: &[(usize, LockCallKind)]) -> Vec<FoundSite> {
    let bytes = program.steps.concat();
    let code = Bytes {
        isa: program.isa,
        base_addr: BASE_ADDR,
        bytes: &bytes,
    };
    let kind_of = |addr: u64| {
        let mut calls = calls.iter();
        let call = calls.find(|&&(nr, _)| program.addr(nr + 1) + 0x1000 == addr);
        call.map(|&(_, kind)| kind)
    };
    attempts(
        &code,
        (BASE_ADDR, program.addr(program.steps.len())),
        &kind_of,
    )
}

/// A reader whose loop the compiler has turned round: the load that begins the first attempt stands before it.
fn reader(test: &'static [u8], compare: &'static [u8], branch: &'static [u8]) -> Program {
    Program::x86(&[
        &[0x8b, 0x1d, 0x00, 0x02, 0x00, 0x00], // 1: mov 0x200(%rip),%ebx
        test,                                  // test $0x1,%bl
        &[0x75, 0x24],                         // jne 3f
        CALL,                                  // 2: call sched_clock
        CALL,                                  // call burn
        &[0x8b, 0x05, 0xeb, 0x01, 0x00, 0x00], // mov 0x1eb(%rip),%eax
        compare,                               // cmp %ebx,%eax
        branch,                                // je 4f
        CALL,                                  // call cond_resched
        &[0x8b, 0x1d, 0xdc, 0x01, 0x00, 0x00], // mov 0x1dc(%rip),%ebx
        test,                                  // test $0x1,%bl
        &[0x74, 0xdc],                         // je 2b
        &[0xf3, 0x90],                         // 3: pause
        &[0xeb, 0xcd],                         // jmp 1b
        &[0xc3],                               // 4: ret
    ])
}

const IS_ODD: &[u8] = &[0xf6, 0xc3, 0x01];
const COMPARE: &[u8] = &[0x39, 0xd8];
const JE_OUT: &[u8] = &[0x74, 0x14];

#[test]
fn a_guarded_read() {
    let program = reader(IS_ODD, COMPARE, JE_OUT);
    assert_eq!(
        program.addr(5) + 6 + 0x1eb,
        program.addr(1) + 0x200,
        "one word"
    );
    assert_eq!(
        program.addr(9) + 6 + 0x1dc,
        program.addr(1) + 0x200,
        "one word"
    );
    let found = sites(&program, &[]);
    let expected = AttemptSite {
        kind: AttemptKind::SeqRead,
        tried_at: CodeAddr(program.addr(6)),
        succeeded_at: CodeAddr(program.addr(14)),
        begin: CodeAddr(program.addr(3)),
        end: CodeAddr(program.addr(12)),
    };
    assert_eq!(found, [expected]);
    // What it calls is part of it.
    assert!(expected.covers(CodeAddr(program.addr(4))));
    assert!(expected.covers(CodeAddr(program.addr(5))));
}

#[test]
fn a_guarded_read_whose_branch_is_turned_round() {
    // jne 1b; the way on is behind it.
    let program = Program::x86(&[
        &[0x8b, 0x47, 0x08], // 1: mov 0x8(%rdi),%eax
        &[0xa8, 0x01],       // test $0x1,%al
        &[0x75, 0x09],       // jne 2f
        &[0x48, 0x8b, 0x17], // mov (%rdi),%rdx
        &[0x39, 0x47, 0x08], // cmp %eax,0x8(%rdi)
        &[0x75, 0xf1],       // jne 1b
        &[0xc3],             // ret
        &[0xf3, 0x90],       // 2: pause
        &[0xeb, 0xec],       // jmp 1b
    ]);
    let found = sites(&program, &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, AttemptKind::SeqRead);
    assert_eq!(found[0].tried_at, CodeAddr(program.addr(4)));
    assert_eq!(found[0].succeeded_at, CodeAddr(program.addr(6)));
}

#[test]
fn a_guarded_read_whose_rare_paths_are_far_away() {
    // As bounds checks between them move the pause and the next attempt to the end of the function.
    let program = Program::x86(&[
        &[0x8b, 0x47, 0x08],                   // 1: mov 0x8(%rdi),%eax
        &[0xa8, 0x01],                         // test $0x1,%al
        &[0x0f, 0x85, 0x65, 0x02, 0x00, 0x00], // jne 2f
        &[0x48, 0x8b, 0x17],                   // mov (%rdi),%rdx
        &[0x39, 0x47, 0x08],                   // cmp %eax,0x8(%rdi)
        &[0x0f, 0x85, 0x60, 0x02, 0x00, 0x00], // jne 3f
        &[0xc3],                               // ret
        &[0x90; 600],                          // nop ...
        &[0xf3, 0x90],                         // 2: pause
        &[0xe9, 0x89, 0xfd, 0xff, 0xff],       // jmp 1b
        CALL,                                  // 3: call cond_resched
        &[0xe9, 0x7f, 0xfd, 0xff, 0xff],       // jmp 1b
    ]);
    let site = AttemptSite {
        kind: AttemptKind::SeqRead,
        tried_at: CodeAddr(program.addr(4)),
        succeeded_at: CodeAddr(program.addr(6)),
        begin: CodeAddr(BASE_ADDR),
        // What stands between the loop and its rare paths is not of it.
        end: CodeAddr(program.addr(6)),
    };
    assert_eq!(sites(&program, &[]), [site]);
}

#[test]
fn loops_that_only_look_like_guarded_reads() {
    // Nobody asks whether the word is odd.
    let tests_two: &[u8] = &[0xf6, 0xc3, 0x02];
    assert_eq!(sites(&reader(tests_two, COMPARE, JE_OUT), &[]), []);
    // What is compared comes from nowhere near.
    let other: &[u8] = &[0x39, 0xd1];
    assert_eq!(sites(&reader(IS_ODD, other, JE_OUT), &[]), []);
    // It goes on while the word changes.
    let jne_out: &[u8] = &[0x75, 0x14];
    assert_eq!(sites(&reader(IS_ODD, COMPARE, jne_out), &[]), []);
    // It goes on while there is less.
    let jb_out: &[u8] = &[0x72, 0x14];
    assert_eq!(sites(&reader(IS_ODD, COMPARE, jb_out), &[]), []);
}

/// The result of a call decides a branch.
fn tries(test: &'static [u8], branch: &'static [u8]) -> Program {
    Program::x86(&[
        CALL,                                        // call spin_lock
        &[0x48, 0xc7, 0xc7, 0x00, 0x10, 0x00, 0x82], // mov $lock,%rdi
        CALL,                                        // call _raw_spin_trylock
        test,                                        // test %eax,%eax
        branch,                                      // je 1f
        CALL,                                        // call spin_unlock
        &[0xc3],                                     // ret
        &[0xb8, 0x01, 0x00, 0x00, 0x00],             // 1: mov $1,%eax
        &[0xc3],                                     // ret
    ])
}

#[test]
fn a_trylock() {
    let test: &[u8] = &[0x85, 0xc0];
    let lost_if_taken = tries(test, &[0x74, 0x06]);
    let site = |program: &Program, succeeded: usize| AttemptSite {
        kind: AttemptKind::Trylock,
        tried_at: CodeAddr(program.addr(3)),
        succeeded_at: CodeAddr(program.addr(succeeded)),
        begin: CodeAddr(BASE_ADDR),
        end: CodeAddr(program.addr(9)),
    };
    assert_eq!(sites(&lost_if_taken, &[2]), [site(&lost_if_taken, 5)]);
    let got_if_taken = tries(test, &[0x75, 0x06]);
    assert_eq!(sites(&got_if_taken, &[2]), [site(&got_if_taken, 7)]);
    // Moved first, and a byte of it looked at.
    let moved: &[u8] = &[0x89, 0xc3, 0x84, 0xdb];
    let kept = tries(moved, &[0x74, 0x06]);
    assert_eq!(sites(&kept, &[2]), [site(&kept, 5)]);
}

#[test]
fn calls_that_only_look_like_trylocks() {
    let test: &[u8] = &[0x85, 0xc0];
    let program = tries(test, &[0x74, 0x06]);
    // Another function, and a trylock whose result nobody looks at.
    assert_eq!(sites(&program, &[]), []);
    assert_eq!(sites(&program, &[0]), []);
    // Another number is looked at.
    let other: &[u8] = &[0x85, 0xf6];
    assert_eq!(sites(&tries(other, &[0x74, 0x06]), &[2]), []);
    // The result is overwritten.
    let overwritten: &[u8] = &[0x31, 0xc0, 0x85, 0xc0];
    assert_eq!(sites(&tries(overwritten, &[0x74, 0x06]), &[2]), []);
}

#[test]
fn the_calls_around_a_trylock() {
    use LockCallKind::{Lock, Trylock, Unlock};
    let test: &[u8] = &[0x85, 0xc0];
    let program = tries(test, &[0x74, 0x06]);
    let around = |calls: &[(usize, LockCallKind)]| {
        let found = found(&program, calls);
        assert_eq!(found.len(), 1);
        found[0].calls.clone()
    };
    let call = |nr, kind| LockCallSite {
        at: CodeAddr(program.addr(nr)),
        kind,
    };
    assert_eq!(
        around(&[(0, Lock), (2, Trylock), (5, Unlock)]),
        [call(2, Trylock), call(0, Lock), call(5, Unlock)]
    );
    // Moved to the other side by a compiler.
    assert_eq!(
        around(&[(0, Unlock), (2, Trylock), (5, Lock)]),
        [call(2, Trylock), call(0, Unlock), call(5, Lock)]
    );
    assert_eq!(around(&[(0, Lock), (2, Trylock)]), []);
    assert_eq!(around(&[(2, Trylock), (5, Unlock)]), []);
}

#[test]
fn a_jump_behind_the_last_instruction_is_a_call() {
    use LockCallKind::{Lock, Trylock, Unlock};
    let program = Program::x86(&[
        CALL,                            // call _raw_spin_lock
        CALL,                            // call _raw_spin_trylock
        &[0x85, 0xc0],                   // test %eax,%eax
        &[0x74, 0x05],                   // je 1f
        CALL,                            // call _raw_spin_unlock
        &[0xe9, 0x00, 0x10, 0x00, 0x00], // 1: jmp _raw_spin_unlock
    ]);
    let calls = [(0, Lock), (1, Trylock), (4, Unlock), (5, Unlock)];
    let found = found(&program, &calls);
    let kinds: Vec<_> = found[0].calls.iter().map(|call| call.kind).collect();
    assert_eq!(kinds, [Trylock, Lock, Unlock, Unlock]);
    assert_eq!(found[0].calls[3].at, CodeAddr(program.addr(5)));
}

#[test]
fn a_lock_that_is_let_go_before_is_not_held() {
    use LockCallKind::{Lock, Trylock, Unlock};
    // Lock A, unlock A, trylock B, lock A, unlock both: who fails starts with A free.
    let program = Program::x86(&[
        CALL,          // call _raw_spin_lock
        CALL,          // call _raw_spin_unlock
        CALL,          // call _raw_spin_trylock
        &[0x85, 0xc0], // test %eax,%eax
        &[0x74, 0x05], // je 1f
        CALL,          // call _raw_spin_unlock
        &[0xc3],       // 1: ret
    ]);
    let calls_around = |calls: &[(usize, LockCallKind)]| found(&program, calls)[0].calls.clone();
    let dance = [(0, Lock), (1, Unlock), (2, Trylock), (5, Unlock)];
    assert_eq!(calls_around(&dance), []);
    let held = [(0, Lock), (2, Trylock), (5, Unlock)];
    assert_eq!(calls_around(&held).len(), 3);
}

#[test]
fn more_calls_than_a_cpu_has_registers_for_are_not_watched() {
    use LockCallKind::{Lock, Trylock, Unlock};
    let program = Program::x86(&[
        CALL,          // call _raw_spin_lock
        CALL,          // call _raw_spin_trylock
        &[0x85, 0xc0], // test %eax,%eax
        &[0x74, 0x05], // je 1f
        CALL,          // call _raw_spin_unlock
        CALL,          // 1: call _raw_spin_unlock
        CALL,          // call _raw_spin_unlock
        &[0xc3],       // ret
    ]);
    let nr_calls = |calls: &[(usize, LockCallKind)]| found(&program, calls)[0].calls.len();
    let four = [(0, Lock), (1, Trylock), (4, Unlock), (5, Unlock)];
    assert_eq!(nr_calls(&four), 4);
    let five = [
        (0, Lock),
        (1, Trylock),
        (4, Unlock),
        (5, Unlock),
        (6, Unlock),
    ];
    assert_eq!(nr_calls(&five), 0);
}
