//! Any bytes as machine code, and as the head of a core file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use livelock_cli::code::{Bytes, Isa, Segments, facts_at};

fuzz_target!(|input: (u8, u64, u16, Option<u64>, &[u8])| {
    let (isa, base_addr, at, start_addr, bytes) = input;
    let isa = [Isa::X86, Isa::X86_64, Isa::Arm64][usize::from(isa % 3)];
    let code = Bytes {
        isa,
        base_addr,
        bytes,
    };
    let addr = base_addr.wrapping_add(u64::from(at));
    if let Some(facts) = facts_at(&code, start_addr, addr) {
        assert_eq!(facts.in_loop, facts.loop_len_bytes.is_some());
    }
    let _ = Segments::head_bytes(bytes);
    if let Ok(segments) = Segments::parse(bytes) {
        let _ = segments.find(addr);
    }
});
