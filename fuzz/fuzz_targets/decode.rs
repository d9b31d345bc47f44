//! Any bytes as a record of the kernel programs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use livelock_cli::decode::decode;
use livelock_cli::raw::RawRecord;
use livelock_core::ids::MonotonicNs;

fuzz_target!(|input: (u8, u32, u64, &[u8])| {
    let (kind, cpu, at, bytes) = input;
    if let Some(raw) = RawRecord::of_bytes(kind % RawRecord::NR_KINDS, cpu, bytes) {
        let mut events = Vec::new();
        let _ = decode(&raw, MonotonicNs(at), &mut events);
    }
});
