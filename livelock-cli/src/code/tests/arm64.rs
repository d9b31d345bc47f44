//! arm64, as LLVM assembles it.
//!
//! In: words. Out: steps and loops. Refuses: nothing.

use livelock_core::code::AtomicOp::{Cmpxchg, Cmpxchg16b, Exclusive, Other, Xadd, Xchg};

use super::super::Isa;
use super::{Program, after, at};

#[test]
fn a_retry_loop_on_cas() {
    let program = Program::arm64(&[
        0xf940_0008, // ldr x8, [x0]
        0x9100_0509, // 1: add x9, x8, #0x1
        0xaa08_03ea, // mov x10, x8
        0xc8ea_fc09, // casal x10, x9, [x0]
        0xeb08_015f, // cmp x10, x8
        0xaa0a_03e8, // mov x8, x10
        0x54ff_ff61, // b.ne 1b
        0xd65f_03c0, // ret
    ]);
    let len = Some(24);
    assert_eq!(
        program.loop_lens(),
        [None, len, len, len, len, len, len, None]
    );
    assert_eq!(program.facts(3).atomic, at(Cmpxchg));
    assert_eq!(program.facts(4).atomic, after(Cmpxchg));
    assert!(program.facts(6).loop_has_atomic && !program.facts(6).loop_has_pause);
}

#[test]
fn a_retry_loop_on_exclusives() {
    let program = Program::arm64(&[
        0x885f_fc01, // 1: ldaxr w1, [x0]
        0x1100_0421, // add w1, w1, #0x1
        0x8802_fc01, // stlxr w2, w1, [x0]
        0x35ff_ffa2, // cbnz w2, 1b
        0xd65f_03c0, // ret
    ]);
    let (hit, skidded) = (at(Exclusive), after(Exclusive));
    assert_eq!(program.atomics(), [hit, skidded, hit, skidded, None]);
    assert_eq!(program.facts(1).loop_len_bytes, Some(16));
}

#[test]
fn a_wait_for_an_event() {
    let program = Program::arm64(&[
        0xd503_20bf, // sevl
        0xd503_205f, // 1: wfe
        0x085f_fc01, // ldaxrb w1, [x0]
        0x3707_ffc1, // tbnz w1, #0x0, 1b
        0xd65f_03c0, // ret
    ]);
    assert_eq!(
        program.loop_lens(),
        [None, Some(12), Some(12), Some(12), None]
    );
    assert!(program.facts(3).loop_has_pause);
}

#[test]
fn single_instructions() {
    let step = |word: u32| Isa::Arm64.step(0x1000, &word.to_le_bytes()).expect("one");
    let atomics = [
        (0xf8e1_0002, Some(Xadd)),       // ldaddal x1, x2, [x0]
        (0xf821_001f, Some(Xadd)),       // stadd x1, [x0]
        (0xb8a1_8002, Some(Xchg)),       // swpa w1, w2, [x0]
        (0xf821_1002, Some(Other)),      // ldclr x1, x2, [x0]
        (0x4862_fc04, Some(Cmpxchg16b)), // caspal x2, x3, x4, x5, [x0]
        (0x48a1_7c02, Some(Cmpxchg)),    // cash w1, w2, [x0]
        (0xc821_0c02, Some(Exclusive)),  // stxp w1, x2, x3, [x0]
        (0xf8bf_c001, None),             // ldapr x1, [x0]
        (0xc8df_fc01, None),             // ldar x1, [x0]
        (0xc8df_7c01, None),             // ldlar x1, [x0]
        (0x889f_7c01, None),             // stllr w1, [x0]
        (0xf862_6801, None),             // ldr x1, [x0, x2]
        (0xd503_3bbf, None),             // dmb ish
    ];
    for (word, atomic) in atomics {
        assert_eq!(step(word).atomic, atomic, "{word:08x}");
        assert!(step(word).falls_through, "{word:08x}");
    }
    // yield, isb, wfet x1
    for word in [0xd503_203f, 0xd503_3fdf, 0xd503_1001] {
        assert!(step(word).is_pause, "{word:08x}");
    }
    // nop, dmb ish
    for word in [0xd503_201f, 0xd503_3bbf] {
        assert!(!step(word).is_pause, "{word:08x}");
    }
    // br x3, ret, retaa, udf #0, brk #0x800
    for word in [
        0xd61f_0060,
        0xd65f_03c0,
        0xd65f_0bff,
        0x0000_0000,
        0xd421_0000,
    ] {
        assert!(!step(word).falls_through, "{word:08x}");
    }
    // blr x3, blraa x1, x2
    for word in [0xd63f_0060, 0xd73f_0822] {
        assert!(step(word).falls_through, "{word:08x}");
    }
    let b = step(0x17ff_ffff); // b .-4
    assert_eq!((b.falls_through, b.jump_to), (false, Some(0xffc)));
    assert_eq!(Isa::Arm64.step(0x1002, &[0; 4]), None, "not aligned");
    assert_eq!(Isa::Arm64.step(0x1000, &[0; 3]), None, "cut off");
}
