//! Single instructions of x86.
//!
//! In: bytes. Out: steps. Refuses: nothing.

use livelock_core::code::AtomicOp::{Cmpxchg16b, Other, Xadd, Xchg};

use super::super::{Isa, Step};

fn step(bytes: &[u8]) -> Step {
    Isa::X86_64.step(0x1000, bytes).expect("an instruction")
}

#[test]
fn atomics_are_locked_ones_and_swaps_with_memory() {
    let cases: &[(&[u8], _)] = &[
        (&[0x48, 0x87, 0xd9], None),                         // xchg %rbx,%rcx
        (&[0x87, 0x07], Some(Xchg)),                         // xchg %eax,(%rdi)
        (&[0x65, 0x48, 0x0f, 0xc7, 0x0e], None),             // cmpxchg16b %gs:(%rsi)
        (&[0xf0, 0x48, 0x0f, 0xc7, 0x0e], Some(Cmpxchg16b)), // lock cmpxchg16b (%rsi)
        (&[0xf0, 0x0f, 0xba, 0x2f, 0x07], Some(Other)),      // lock btsl $0x7,(%rdi)
        (&[0xf0, 0x0f, 0xc1, 0x07], Some(Xadd)),             // lock xadd %eax,(%rdi)
        (&[0x0f, 0xc1, 0x07], None),                         // xadd %eax,(%rdi)
        (&[0x90], None),                                     // nop, once xchg %eax,%eax
    ];
    for (bytes, atomic) in cases {
        assert_eq!(step(bytes).atomic, *atomic, "{bytes:02x?}");
        assert_eq!(usize::from(step(bytes).len_bytes), bytes.len());
    }
}

#[test]
fn control_goes_where_the_processor_goes() {
    let goes = |bytes: &[u8]| (step(bytes).falls_through, step(bytes).jump_to);
    assert_eq!(goes(&[0xeb, 0xfe]), (false, Some(0x1000)), "jmp");
    assert_eq!(goes(&[0x74, 0x10]), (true, Some(0x1012)), "je");
    assert_eq!(goes(&[0xe2, 0xfc]), (true, Some(0xffe)), "loop");
    assert_eq!(goes(&[0xe8, 0, 0, 0, 0]), (true, None), "call");
    assert_eq!(goes(&[0xff, 0xd0]), (true, None), "call *%rax");
    assert_eq!(goes(&[0xff, 0xe0]), (false, None), "jmp *%rax");
    assert_eq!(goes(&[0xc3]), (false, None), "ret");
    assert_eq!(goes(&[0xcc]), (false, None), "int3");
    assert_eq!(goes(&[0xcd, 0x80]), (true, None), "int $0x80");
    assert_eq!(goes(&[0x0f, 0x05]), (true, None), "syscall");
    assert_eq!(goes(&[0x0f, 0x0b]), (false, None), "ud2");
    assert!(step(&[0xf3, 0x90]).is_pause && !step(&[0x90]).is_pause);
}

#[test]
fn processes_of_32_bits_are_decoded_as_such() {
    // inc %eax; dec %eax in 32-bit code, a REX prefix before nop in 64-bit code.
    let bytes = [0x40, 0x48, 0x90];
    let len = |isa: Isa| isa.step(0x1000, &bytes).map(|step| step.len_bytes);
    assert_eq!(len(Isa::X86), Some(1));
    assert_eq!(Isa::of_elf_machine(3), Some(Isa::X86));
    assert_eq!(Isa::of_elf_machine(62), Some(Isa::X86_64));
    assert_eq!(Isa::of_elf_machine(183), Some(Isa::Arm64));
    assert_eq!(Isa::of_elf_machine(8), None);
}

#[test]
fn no_instruction_is_no_step() {
    for bytes in [&[][..], &[0x06], &[0x48], &[0xf0, 0x90], &[0x0f]] {
        assert_eq!(Isa::X86_64.step(0x1000, bytes), None, "{bytes:02x?}");
    }
}
