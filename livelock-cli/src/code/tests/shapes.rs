//! Shapes of waiting and of work on x86-64.
//!
//! In: the code of a few lines of C, in binutils' words. Out: loops and what is in them. Refuses: nothing.

use livelock_core::code::AtomicOp::{Cmpxchg, Other, Xadd, Xchg};
use livelock_core::code::CodeFacts;

use super::{Program, after, at};

#[test]
fn a_retry_loop_on_cmpxchg() {
    let program = Program::x86(&[
        &[0x48, 0x8b, 0x07],             // mov (%rdi),%rax
        &[0x48, 0x8d, 0x50, 0x01],       // 1: lea 0x1(%rax),%rdx
        &[0xf0, 0x48, 0x0f, 0xb1, 0x17], // lock cmpxchg %rdx,(%rdi)
        &[0x75, 0xf5],                   // jne 1b
        &[0xc3],                         // ret
    ]);
    let inside = CodeFacts {
        atomic: None,
        in_loop: true,
        loop_has_pause: false,
        loop_has_atomic: true,
        loop_len_bytes: Some(11),
    };
    assert_eq!(program.facts(0), CodeFacts::default());
    assert_eq!(program.facts(1), inside);
    let hit = |atomic| CodeFacts { atomic, ..inside };
    assert_eq!(program.facts(2), hit(at(Cmpxchg)));
    assert_eq!(program.facts(3), hit(after(Cmpxchg)));
    assert_eq!(program.facts(4), CodeFacts::default());
}

#[test]
fn a_waiter_in_the_queue_of_a_spinlock() {
    let program = Program::x86(&[
        &[0x85, 0xc0],                   // test %eax,%eax
        &[0x75, 0x09],                   // jne 2f
        &[0xf3, 0x90],                   // 1: pause
        &[0x8b, 0x42, 0x08],             // mov 0x8(%rdx),%eax
        &[0x85, 0xc0],                   // test %eax,%eax
        &[0x74, 0xf7],                   // je 1b
        &[0x48, 0x8b, 0x0a],             // 2: mov (%rdx),%rcx
        &[0xe9, 0x00, 0x40, 0x00, 0x00], // jmp __x86_return_thunk
    ]);
    let inside = CodeFacts {
        atomic: None,
        in_loop: true,
        loop_has_pause: true,
        loop_has_atomic: false,
        loop_len_bytes: Some(9),
    };
    for nr in 0..8 {
        let expected = if (2..6).contains(&nr) {
            inside
        } else {
            CodeFacts::default()
        };
        assert_eq!(program.facts(nr), expected, "{nr}");
    }
}

#[test]
fn a_jump_behind_the_prefix_hides_it_not() {
    let program = Program::x86(&[
        &[0x31, 0xc0],             // 1: xor %eax,%eax
        &[0x85, 0xf6],             // test %esi,%esi
        &[0x74, 0x01],             // je 2f
        &[0xf0, 0x0f, 0xb1, 0x17], // lock; 2: cmpxchg %edx,(%rdi)
        &[0x75, 0xf4],             // jne 1b
        &[0xc3],                   // ret
    ]);
    assert_eq!(program.facts(3).atomic, at(Cmpxchg));
    assert_eq!(program.facts(4).atomic, after(Cmpxchg));
    assert_eq!(program.facts(4).loop_len_bytes, Some(12));
}

#[test]
fn a_copy_is_neither_a_loop_nor_atomic() {
    let program = Program::x86(&[
        &[0x48, 0x89, 0xd1], // mov %rdx,%rcx
        &[0xf3, 0xa4],       // rep movsb
        &[0xc3],             // ret
    ]);
    for nr in 0..3 {
        assert_eq!(program.facts(nr), CodeFacts::default());
    }
}

#[test]
fn a_sum_is_a_loop_and_nothing_else() {
    let program = Program::x86(&[
        &[0x31, 0xc0],             // xor %eax,%eax
        &[0x03, 0x07],             // 1: add (%rdi),%eax
        &[0x48, 0x83, 0xc7, 0x04], // add $0x4,%rdi
        &[0xff, 0xce],             // dec %esi
        &[0x75, 0xf6],             // jne 1b
        &[0xc3],                   // ret
    ]);
    let inside = CodeFacts {
        in_loop: true,
        loop_len_bytes: Some(10),
        ..CodeFacts::default()
    };
    for nr in 1..5 {
        assert_eq!(program.facts(nr), inside, "{nr}");
    }
}

#[test]
fn a_counter_is_hit_and_skidded_past() {
    let program = Program::x86(&[
        &[0x48, 0x8b, 0x47, 0x18], // mov 0x18(%rdi),%rax
        &[0xf0, 0xff, 0x40, 0x34], // lock incl 0x34(%rax)
        &[0x48, 0x8b, 0x50, 0x20], // mov 0x20(%rax),%rdx
        &[0xc3],                   // ret
    ]);
    assert_eq!(program.atomics(), [None, at(Other), after(Other), None]);
    assert_eq!(program.loop_lens(), [None; 4]);
}

#[test]
fn what_stands_before_a_loop_is_not_what_the_loop_waits_for() {
    let program = Program::x86(&[
        &[0xb8, 0x01, 0x00, 0x00, 0x00], // mov $0x1,%eax
        &[0x66, 0xf0, 0x0f, 0xc1, 0x07], // lock xadd %ax,(%rdi)
        &[0x66, 0x39, 0x47, 0x02],       // 1: cmp %ax,0x2(%rdi)
        &[0x74, 0x04],                   // je 2f
        &[0xf3, 0x90],                   // pause
        &[0xeb, 0xf6],                   // jmp 1b
        &[0xc3],                         // 2: ret
    ]);
    assert_eq!(
        program.atomics(),
        [None, at(Xadd), None, None, None, None, None]
    );
    let ticket = Some(10);
    assert_eq!(
        program.loop_lens(),
        [None, None, ticket, ticket, ticket, ticket, None]
    );
    assert!(program.facts(2).loop_has_pause);
    assert!(!program.facts(2).loop_has_atomic);
}

#[test]
fn a_slow_path_behind_the_return_belongs_to_the_loop() {
    let program = Program::x86(&[
        &[0x8b, 0x07],                   // mov (%rdi),%eax
        &[0x8d, 0x50, 0x01],             // 1: lea 0x1(%rax),%edx
        &[0xf0, 0x0f, 0xb1, 0x17],       // lock cmpxchg %edx,(%rdi)
        &[0x75, 0x02],                   // jne 3f
        &[0xc3],                         // ret
        &[0xcc],                         // int3
        &[0xe8, 0x00, 0x40, 0x00, 0x00], // 3: call cpu_relax_or_so
        &[0xf3, 0x90],                   // pause
        &[0xeb, 0xec],                   // jmp 1b
    ]);
    let len = Some(20);
    assert_eq!(
        program.loop_lens(),
        [None, len, len, len, None, None, len, len, len]
    );
    let facts = program.facts(3);
    assert_eq!(facts.atomic, after(Cmpxchg));
    assert!(facts.loop_has_pause && facts.loop_has_atomic);
}

#[test]
fn the_inner_of_two_loops_counts() {
    // A spinlock of user space: test and set, and read only while it is taken.
    let program = Program::x86(&[
        &[0xb8, 0x01, 0x00, 0x00, 0x00], // 1: mov $0x1,%eax
        &[0x87, 0x07],                   // xchg %eax,(%rdi)
        &[0x85, 0xc0],                   // test %eax,%eax
        &[0x74, 0x09],                   // je 3f
        &[0xf3, 0x90],                   // 2: pause
        &[0x83, 0x3f, 0x00],             // cmpl $0x0,(%rdi)
        &[0x75, 0xf9],                   // jne 2b
        &[0xeb, 0xec],                   // jmp 1b
        &[0xc3],                         // 3: ret
    ]);
    let (outer, inner) = (Some(20), Some(7));
    assert_eq!(
        program.loop_lens(),
        [outer, outer, outer, outer, inner, inner, inner, outer, None]
    );
    assert_eq!(program.facts(1).atomic, at(Xchg));
    assert_eq!(program.facts(2).atomic, after(Xchg));
    assert!(program.facts(2).loop_has_pause, "by its inner loop");
    assert!(!program.facts(5).loop_has_atomic, "only the outer has it");
}

#[test]
fn a_jump_back_to_the_way_out_makes_no_loop() {
    // How the C library unlocks: the fast path ends in code that stands before it.
    let program = Program::x86(&[
        &[0x31, 0xc0],                   // 1: xor %eax,%eax
        &[0xc3],                         // ret
        &[0x31, 0xc0],                   // xor %eax,%eax
        &[0x87, 0x07],                   // xchg %eax,(%rdi)
        &[0x83, 0xf8, 0x01],             // cmp $0x1,%eax
        &[0x7e, 0xf4],                   // jle 1b
        &[0xe9, 0x00, 0x40, 0x00, 0x00], // jmp wake
    ]);
    assert_eq!(program.loop_lens(), [None; 7]);
    let (hit, skidded) = (at(Xchg), after(Xchg));
    let expected = [None, None, None, hit, skidded, None, None];
    assert_eq!(program.atomics(), expected);
}

#[test]
fn a_function_behind_that_jumps_back_makes_no_loop() {
    let program = Program::x86(&[
        &[0x8b, 0x07], // one: mov (%rdi),%eax
        &[0xc3],       // ret
        &[0x90],       // nop
        &[0x01, 0xf0], // two: add %esi,%eax
        &[0x75, 0xf8], // jne one
        &[0xc3],       // ret
    ]);
    assert_eq!(program.loop_lens()[..2], [None, None]);
}

#[test]
fn a_loop_too_long_to_be_a_retry_loop_is_none() {
    let nop = [0x90_u8];
    let mut steps: Vec<&[u8]> = vec![&nop; 520];
    let back = (-526_i32).to_le_bytes();
    let jump = [&[0x0f, 0x85], &back[..]].concat(); // jne to the first nop
    steps.push(&jump);
    let program = Program::x86(&steps);
    assert!(!program.facts(0).in_loop);
    assert!(program.facts(260).in_loop);
    assert_eq!(program.facts(260).loop_len_bytes, Some(526));
}
