//! Any bytes at all.
//!
//! In: bytes that nobody wrote. Out: no panic, and answers that fit together. Refuses: nothing.

use proptest::prelude::*;

use super::super::error::HeaderFault;
use super::super::{Bytes, Isa, Segments, facts_at};

fn isa() -> impl Strategy<Value = Isa> {
    prop_oneof![Just(Isa::X86), Just(Isa::X86_64), Just(Isa::Arm64)]
}

/// Bytes, many of which jump a short way, lock or pause.
fn code() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => any::<u8>(),
        1 => prop::sample::select(vec![0xf0, 0xf3, 0x90, 0x75, 0xeb, 0x0f, 0xb1, 0x87, 0xfe, 0xe0]),
    ];
    prop::collection::vec(byte, 0..1200)
}

fn core_file(machine: u16, loads: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut file = vec![0; 64];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[18..20].copy_from_slice(&machine.to_le_bytes());
    file[32] = 64;
    file[54] = 56;
    file[56] = u8::try_from(loads.len()).expect("few");
    for &(addr, offset, len) in loads {
        file.extend(1_u64.to_le_bytes()); // PT_LOAD and flags
        for field in [offset, addr, 0, len, len, 0] {
            file.extend(field.to_le_bytes());
        }
    }
    file
}

proptest! {
    #[test]
    fn never_panic(
        isa in isa(),
        bytes in code(),
        base_addr in prop_oneof![Just(0), Just(0x40_1000), Just(u64::MAX - 600), any::<u64>()],
        at in 0_u64..1300,
        back in prop::option::of(0_u64..1300),
    ) {
        let code = Bytes { isa, base_addr, bytes: &bytes };
        let addr = base_addr.wrapping_add(at);
        let start_addr = back.map(|back| addr.wrapping_sub(back));
        if let Some(facts) = facts_at(&code, start_addr, addr) {
            prop_assert_eq!(facts.in_loop, facts.loop_len_bytes.is_some());
            prop_assert!(facts.in_loop || !(facts.loop_has_pause || facts.loop_has_atomic));
            prop_assert!(facts.loop_len_bytes.is_none_or(|len| (1..=1024 + 15).contains(&len)));
        }
    }

    #[test]
    fn any_file_is_refused_or_answers(mut head in prop::collection::vec(any::<u8>(), 0..400), addr: u64, is_elf: bool) {
        if let (true, Some(magic)) = (is_elf, head.first_chunk_mut()) {
            *magic = *b"\x7fELF\x02\x01";
        }
        let _ = Segments::head_bytes(&head);
        if let Ok(segments) = Segments::parse(&head) {
            let _ = segments.find(addr);
        }
    }

    #[test]
    fn addresses_are_found_where_they_are(
        addr in any::<u64>(),
        offset in 0..u64::MAX / 4,
        len in 0..u64::MAX / 4,
        at in any::<u64>(),
    ) {
        let file = core_file(62, &[(addr, offset, len)]);
        prop_assert_eq!(Segments::head_bytes(&file), Ok(file.len()));
        let segments = Segments::parse(&file).expect("a core file");
        let is_inside = at >= addr && at - addr < len;
        let expected = is_inside.then(|| (offset + (at - addr), len - (at - addr)));
        prop_assert_eq!(segments.find(at), expected);
        prop_assert!(segments.find(addr).is_some() == (len > 0));
        prop_assert_eq!(Segments::parse(&file[..file.len() - 1]), Err(HeaderFault::ProgramHeaders));
    }
}

#[test]
fn other_core_files_are_refused() {
    let good = core_file(62, &[(0x1000, 0x2000, 0x10)]);
    assert_eq!(Segments::parse(&good).map(|it| it.isa()), Ok(Isa::X86_64));
    let changed = |at: usize, value| {
        let mut file = good.clone();
        file[at] = value;
        Segments::parse(&file)
    };
    assert_eq!(changed(4, 1), Err(HeaderFault::NotElf), "32 bits");
    assert_eq!(changed(5, 2), Err(HeaderFault::NotElf), "big-endian");
    assert_eq!(changed(18, 22), Err(HeaderFault::Machine { machine: 22 }));
    assert_eq!(changed(54, 64), Err(HeaderFault::ProgramHeaders));
    assert_eq!(changed(57, 0xff), Err(HeaderFault::ProgramHeaders));
}
