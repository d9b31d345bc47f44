//! Any bytes as BTF: an error or odd answers, never a panic, never a hang.

#![no_main]

use libfuzzer_sys::fuzz_target;
use livelock_cli::btf::Btf;

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes) else { return };
    for structure in ["task_struct", "mm_struct", "files_struct", "s"] {
        for offset_bytes in [0, 1, 8, 64, 4096] {
            let _ = btf.member_at(structure, offset_bytes);
        }
        let _ = btf.member_offset(structure, "mmap_lock.wait_lock");
        let _ = btf.member_type_name(structure, "spinlock");
    }
    let _ = btf.has_tracepoint("contention_begin");
    let _ = btf.has_func("kvm_wait");
});
