//! Names from text and from this host.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Instant;

use livelock_core::event::{ObjectKind, ObjectPlace};
use livelock_core::ids::{CgroupId, CodeAddr, CpuId, LockAddr};
use livelock_core::names::{Names, ObjectOrigin};
use proptest::prelude::*;

use super::functions::without_suffix;
use super::*;
use crate::btf::{Btf, PER_CPU_SECTION, read_running};

const TEXT: &str = "ffffffff81000000 T _stext\n\
    ffffffff81000000 t start_kernel\n\
    ffffffff81000ff0 t __pfx_do_dup2\n\
    ffffffff81001000 t do_dup2\n\
    ffffffff81001200 t do_dup2.cold\n\
    ffffffff81002000 T __memcpy\n\
    ffffffff81002000 T memcpy\n\
    0000000000018000 A runqueues\n\
    ffffffffc0000000 t nf_hook\t[nf_tables]\n";

fn with_data() -> KernelSymbols {
    let mut text = TEXT.to_owned();
    for index in 0..1000_u64 {
        let addr = 0xffff_ffff_8200_0000 + index * 64;
        text.push_str(&format!("{addr:x} b table_{index}\n"));
    }
    text.push_str("ffffffff82010000 r __BTF_ID__struct__task_struct__7\n");
    KernelSymbols::read(text.as_bytes()).expect("text with addresses")
}

#[test]
fn functions_are_found_by_address() {
    let symbols = with_data();
    let function = |addr| symbols.function(addr);
    let at = |name: &str, offset_bytes| {
        Some(Function {
            name: name.to_owned(),
            offset_bytes,
        })
    };
    assert_eq!(function(0xffff_ffff_8100_0004), at("start_kernel", 4));
    assert_eq!(function(0xffff_ffff_8100_1040), at("do_dup2", 0x40));
    assert_eq!(function(0xffff_ffff_8100_1204), at("do_dup2", 4));
    assert_eq!(function(0xffff_ffff_8100_2000), at("memcpy", 0));
    assert_eq!(function(0xffff_ffff_c000_0010), at("nf_hook", 16));
    assert_eq!(function(0xffff_ffff_c020_0000), None, "in a gap");
    assert_eq!(function(0x1000), None, "before all");
    assert!(!symbols.has_pv_spinlocks());
    let at_once = with_data();
    let addrs = [
        0xffff_ffff_8100_1040,
        0x1000,
        0xffff_ffff_8100_0004,
        0xffff_ffff_8100_1040,
        0xffff_ffff_c020_0000,
    ];
    at_once.learn(addrs.into_iter());
    for addr in addrs {
        assert_eq!(at_once.function(addr), function(addr), "{addr:#x} of many");
    }
}

#[test]
fn data_is_found_only_where_the_kernel_shows_data() {
    let names = LiveNames::new(Some(with_data()), None, None);
    let symbol = |addr| names.data_symbol(LockAddr(addr));
    assert_eq!(symbol(0xffff_ffff_8200_0040).as_deref(), Some("table_1"));
    assert_eq!(
        symbol(0xffff_ffff_8200_0048).as_deref(),
        Some("table_1+0x8")
    );
    assert_eq!(symbol(0xffff_ffff_8100_1000), None);
    assert_eq!(symbol(0xffff_ffff_8201_fa00), None, "far from any object");
    let without = KernelSymbols::read(TEXT.as_bytes()).expect("text with addresses");
    assert!(!without.has_data());
}

#[test]
fn hidden_addresses_are_told_from_none() {
    let hidden = KernelSymbols::read(b"0000000000000000 T a\n".as_slice());
    assert!(matches!(hidden, Err(SymbolsError::Hidden)));
    let empty = KernelSymbols::read(b"".as_slice());
    assert!(matches!(empty, Err(SymbolsError::Empty)));
}

#[test]
fn compiler_suffixes_are_cut() {
    assert_eq!(without_suffix("do_dup2.isra.0.cold"), "do_dup2");
    assert_eq!(without_suffix("futex_wake"), "futex_wake");
    assert_eq!(without_suffix(".hidden"), ".hidden");
}

#[test]
fn the_cgroup_mount_is_found() {
    let hybrid = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
        41 31 0:38 / /sys/fs/cgroup/unified\\040x rw shared:9 - cgroup2 cgroup2 rw\n";
    let mount = cgroup2_mount(hybrid).expect("a cgroup2 mount");
    assert_eq!(mount.to_str(), Some("/sys/fs/cgroup/unified x"));
    assert_eq!(cgroup2_mount("1 2 3\n"), None);
}

#[test]
fn a_walk_finds_what_a_handle_finds() {
    let Some(mut cgroups) = CgroupPaths::of_this_host() else {
        println!("skipped: no cgroup v2 mount");
        return;
    };
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let mount = cgroup2_mount(&mountinfo).expect("found above");
    let root_id = fs::metadata(&mount).expect("mount point").ino();
    assert_eq!(cgroups.path(root_id).as_deref(), Some("/"));
    let mut walked = CgroupPaths::below(mount.clone());
    walked.walk().expect("walk");
    let child = fs::read_dir(&mount).expect("mount point").flatten();
    let Some(child) = child.into_iter().find(|e| e.path().is_dir()) else {
        println!("skipped: no cgroup but the root");
        return;
    };
    let id = child.metadata().expect("child").ino();
    let path = cgroups.path(id);
    assert_eq!(path, walked.path(id));
    assert!(path.is_some_and(|path| path.starts_with('/')));
    assert_eq!(cgroups.path(u64::MAX), None);
}

#[test]
fn this_kernel_is_named() {
    let began = Instant::now();
    let symbols = match KernelSymbols::load() {
        Ok(symbols) => symbols,
        Err(error) => {
            println!("skipped: failed to {error}");
            return;
        }
    };
    println!("symbols read in {:?}", began.elapsed());
    let line = fs::read_to_string("/proc/kallsyms").expect("read above");
    let line = line.lines().find(|line| line.ends_with(" T schedule"));
    let addr = line.and_then(|line| u64::from_str_radix(&line[..16], 16).ok());
    let btf: Option<Arc<Btf>> = read_running().ok().map(Arc::new);
    let names = LiveNames::new(Some(symbols), btf.clone(), None);
    if let Some(addr) = addr {
        let function = names.function(CodeAddr(addr + 5)).expect("schedule");
        assert_eq!(
            (function.name.as_str(), function.offset_bytes),
            ("schedule", 5)
        );
    }
    let offset = btf.and_then(|btf| btf.member_offset("files_struct", "file_lock"));
    if let Some(offset_bytes) = offset {
        let place = ObjectPlace {
            object: ObjectKind::FilesStruct,
            offset_bytes,
        };
        for _ in 0..2 {
            let member = names.member(place);
            assert_eq!(member.as_deref(), Some("files_struct.file_lock"));
        }
    }
    assert_eq!(names.cgroup_path(CgroupId(1)), None);
}

#[test]
fn a_cpu_s_own_variables_are_named_by_member_and_cpu() {
    let Ok(btf) = read_running().map(Arc::new) else {
        println!("skipped: no BTF");
        return;
    };
    let variables = btf.variables(PER_CPU_SECTION);
    let Some(runqueues) = variables
        .as_ref()
        .and_then(|all| all.iter().find(|v| v.name == "runqueues"))
    else {
        println!("skipped: BTF describes no run queues");
        return;
    };
    let lock_bytes = u64::from(btf.member_offset("rq", "__lock").expect("rq.__lock"));
    let names = LiveNames::new(None, Some(Arc::clone(&btf)), None);
    let addr = |cpu: u64| 0xffff_8880_0000_0000 + cpu * 0x10_0000;
    let rq = |cpu| addr(cpu) + u64::from(runqueues.offset_bytes);
    assert_eq!(names.object(LockAddr(rq(3) + lock_bytes)), None);
    for cpu in [0, 3] {
        names.learn_runqueue(CpuId(cpu), LockAddr(rq(u64::from(cpu))));
    }
    let object = names.object(LockAddr(rq(3) + lock_bytes)).expect("known");
    assert_eq!(object.name, "rq.__lock");
    assert_eq!(object.instance.as_deref(), Some("runqueues of CPU 3"));
    assert_eq!(object.origin, ObjectOrigin::PerCpu);
    let beyond = addr(3) + 0x8_0000_0000;
    assert_eq!(names.object(LockAddr(beyond)), None);
}

#[test]
fn missing_sources_are_told_with_the_reason() {
    assert_eq!(
        missing_sources(None, None),
        ["everything but functions (no BTF)"]
    );
    let Ok(btf) = read_running() else {
        println!("skipped: no BTF");
        return;
    };
    let missing = missing_sources(Some(&btf), None);
    println!("{missing:?}");
    assert!(
        missing
            .contains(&"memory nodes and zones (the kernel shows no symbols of data)".to_owned())
    );
    assert!(!missing.iter().any(|m| m.starts_with("files_struct")));
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "(([0-9a-f]{0,17}|\\PC{0,8}) [tTbA?]? ?\\PC{0,20}\n){0,12}", addr: u64) {
        if let Ok(symbols) = KernelSymbols::read(text.as_bytes()) {
            let _ = symbols.function(addr);
            let _ = symbols.data(addr);
        }
        let _ = cgroup2_mount(&text);
    }
}
