//! Hand-made BTF, the running kernel's, and bytes that are neither.

use proptest::prelude::*;

use super::build::Builder;
use super::{Btf, BtfError, read_running};

const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const CONST: u32 = 10;
const FUNC: u32 = 12;

/// `files_struct` and a structure with what is awkward: anonymous members, arrays, a lock in a lock.
fn sample() -> Vec<u8> {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    let raw = b.composite(STRUCT, "raw_spinlock", 4, &[("val", int, 0)]);
    let raw_t = b.reference(TYPEDEF, "raw_spinlock_t", raw);
    let anon = b.composite(UNION, "", 4, &[("rlock", raw, 0)]);
    let spinlock = b.composite(STRUCT, "spinlock", 4, &[("", anon, 0)]);
    let spinlock_t = b.reference(TYPEDEF, "spinlock_t", spinlock);
    let rwsem = b.composite(
        STRUCT,
        "rw_semaphore",
        12,
        &[
            ("count", int, 0),
            ("owner", int, 4),
            ("wait_lock", raw_t, 8),
        ],
    );
    let files = &[("count", int, 0), ("file_lock", spinlock_t, 64)];
    let files_id = b.composite(STRUCT, "files_struct", 72, files);
    let bucket = b.composite(
        STRUCT,
        "bucket",
        8,
        &[("head", int, 0), ("lock", spinlock_t, 4)],
    );
    let table = b.array(bucket, 4);
    let inner = b.composite(
        STRUCT,
        "",
        16,
        &[("mm_users", int, 0), ("mmap_lock", rwsem, 4)],
    );
    let const_inner = b.reference(CONST, "", inner);
    let members = &[("", const_inner, 8), ("hash", table, 24), ("tail", int, 56)];
    b.composite(STRUCT, "mm_struct", 60, members);
    let proto = b.raw("", 13 << 24, 0, &[]);
    let bases = b.array(bucket, 2);
    let first = b.raw("files", 14 << 24, files_id, &[0]);
    let second = b.raw("bases", 14 << 24, bases, &[0]);
    let third = b.raw("alone", 14 << 24, spinlock_t, &[0]);
    let items = [second, 128, 16, first, 8, 72, third, 192, 4];
    b.raw(".data..percpu", 15 << 24 | 3, 256, &items);
    b.reference(FUNC, "kvm_wait", proto);
    b.reference(TYPEDEF, "btf_trace_contention_begin", proto);
    b.finish(&[])
}

fn parsed(bytes: &[u8]) -> Btf {
    Btf::parse(bytes).expect("hand-made BTF")
}

#[test]
fn offsets_are_found_by_name() {
    let btf = parsed(&sample());
    assert_eq!(btf.member_offset("files_struct", "file_lock"), Some(64));
    assert_eq!(btf.member_offset("mm_struct", "mmap_lock"), Some(12));
    assert_eq!(
        btf.member_offset("mm_struct", "mmap_lock.wait_lock"),
        Some(20)
    );
    assert_eq!(btf.member_offset("mm_struct", "nothing"), None);
    assert_eq!(btf.member_offset("nothing", "mmap_lock"), None);
    let id = btf.struct_by_name("mm_struct").expect("it is there");
    assert_eq!(btf.struct_size_bytes(id), Some(60));
}

#[test]
fn members_are_found_by_offset() {
    let btf = parsed(&sample());
    let at = |structure, offset| btf.member_at(structure, offset);
    assert_eq!(at("files_struct", 64).as_deref(), Some("file_lock"));
    assert_eq!(at("files_struct", 66).as_deref(), Some("file_lock"));
    assert_eq!(at("files_struct", 32), None, "padding");
    assert_eq!(at("files_struct", 4096), None, "past the end");
    assert_eq!(at("mm_struct", 12).as_deref(), Some("mmap_lock"));
    assert_eq!(at("mm_struct", 16).as_deref(), Some("mmap_lock"));
    assert_eq!(at("mm_struct", 20).as_deref(), Some("mmap_lock.wait_lock"));
    assert_eq!(at("mm_struct", 44).as_deref(), Some("hash[2].lock"));
    assert_eq!(at("mm_struct", 40).as_deref(), Some("hash[2].head"));
}

#[test]
fn variables_are_found_by_section_and_place() {
    let btf = parsed(&sample());
    let variables = btf.variables(".data..percpu").expect("the section");
    let names: Vec<_> = variables.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["files", "bases", "alone"]);
    let place = |index: usize, offset| {
        let place = btf.place_in(&variables[index], offset);
        (place.name, place.index)
    };
    assert_eq!(place(0, 64), ("files_struct.file_lock".to_owned(), None));
    assert_eq!(place(1, 12), ("bucket.lock".to_owned(), Some(1)));
    assert_eq!(place(2, 0), ("alone".to_owned(), None));
    assert_eq!(place(0, 32), ("files".to_owned(), None), "padding");
    assert!(btf.variables(".bss").is_none());
}

#[test]
fn existence_is_by_kind() {
    let btf = parsed(&sample());
    assert!(btf.has_tracepoint("contention_begin"));
    assert!(!btf.has_tracepoint("contended_release"));
    assert!(btf.has_func("kvm_wait") && !btf.has_typedef("kvm_wait"));
    assert!(btf.has_struct("bucket") && !btf.has_func("bucket"));
    assert!(!btf.has_struct(""));
    let type_name = btf.member_type_name("rw_semaphore", "wait_lock");
    assert_eq!(type_name, Some("raw_spinlock_t"));
}

#[test]
fn the_other_byte_order_is_refused_by_name() {
    let mut bytes = sample();
    bytes.swap(0, 1);
    assert!(matches!(Btf::parse(&bytes), Err(BtfError::ForeignEndian)));
}

#[test]
fn damage_is_named() {
    let good = sample();
    assert!(matches!(Btf::parse(&[]), Err(BtfError::TooShort { .. })));
    assert!(matches!(Btf::parse(b"ELF!"), Err(BtfError::Magic { .. })));
    let cut = &good[..good.len() - 1];
    assert!(matches!(
        Btf::parse(cut),
        Err(BtfError::Section { section: "string" })
    ));
    let mut b = Builder::new();
    b.raw("", STRUCT << 24 | 100, 4, &[]);
    let overrun = Btf::parse(&b.finish(&[]));
    assert!(matches!(overrun, Err(BtfError::Truncated { type_id: 1 })));
}

#[test]
fn a_newer_kind_is_skipped_by_the_layout_section() {
    let newer = |layout: &[(u8, u8)]| {
        let mut b = Builder::new();
        b.raw("", 21 << 24 | 2, 0, &[7, 8, 9]);
        b.composite(STRUCT, "after", 4, &[]);
        Btf::parse(&b.finish(layout))
    };
    let unknown = newer(&[]);
    assert!(matches!(
        unknown,
        Err(BtfError::UnknownKind {
            type_id: 1,
            kind: 21
        })
    ));
    let mut layout = vec![(0, 0); 22];
    layout[21] = (4, 4);
    assert!(newer(&layout).expect("skipped").has_struct("after"));
}

#[test]
fn loops_in_types_end() {
    let mut b = Builder::new();
    b.reference(TYPEDEF, "a", 2);
    b.reference(TYPEDEF, "b", 1);
    b.composite(STRUCT, "s", 8, &[("x", 1, 0), ("", 3, 0), ("", 3, 0)]);
    let btf = parsed(&b.finish(&[]));
    assert_eq!(btf.member_offset("s", "y"), None);
    assert_eq!(btf.member_at("s", 0), None);
    assert_eq!(btf.member_type_name("s", "x"), Some("a"));
}

#[test]
fn the_running_kernel_is_read() {
    let began = std::time::Instant::now();
    let btf = match read_running() {
        Ok(btf) => btf,
        Err(BtfError::Read { path, source }) => {
            println!("skipped: cannot read {path}: {source}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    println!("{} types in {:?}", btf.nr_types(), began.elapsed());
    for (structure, member) in [
        ("mm_struct", "mmap_lock"),
        ("files_struct", "file_lock"),
        ("sighand_struct", "siglock"),
        ("task_struct", "pi_lock"),
        ("task_struct", "alloc_lock"),
    ] {
        let offset = btf.member_offset(structure, member).expect(member);
        assert_eq!(btf.member_at(structure, offset).as_deref(), Some(member));
    }
    // 6.18 turned the lock of `fs_struct` into a seqlock.
    let of_fs = ["lock", "seq.lock"]
        .into_iter()
        .find_map(|path| Some((path, btf.member_offset("fs_struct", path)?)));
    let (path, offset) = of_fs.expect("a lock in fs_struct");
    assert_eq!(btf.member_at("fs_struct", offset).as_deref(), Some(path));
    for member in [
        "mm", "files", "fs", "sighand", "signal", "pid", "tgid", "comm",
    ] {
        assert!(
            btf.member_offset("task_struct", member).is_some(),
            "{member}"
        );
    }
    assert_eq!(btf.member_at("mm_struct", u32::MAX), None);
    assert!(btf.member_type_name("bpf_ringbuf", "spinlock").is_some());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        ask(&bytes);
    }

    #[test]
    fn damaged_btf_never_panics(edits in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..24)) {
        let mut bytes = sample();
        for (at, value) in edits {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        ask(&bytes);
    }

    #[test]
    fn types_of_any_words_never_panic(words in proptest::collection::vec(0_u32..40, 0..200)) {
        let mut b = Builder::new();
        for chunk in words.chunks(4) {
            if let &[kind, to, member, offset] = chunk {
                b.composite(4 + kind % 2, "mm_struct", to * 8, &[("", member, offset), ("lock", to, 0)]);
                b.array(member, offset);
                b.reference(8 + kind % 4, "", to);
            }
        }
        ask(&b.finish(&[]));
    }
}

fn ask(bytes: &[u8]) {
    let Ok(btf) = Btf::parse(bytes) else { return };
    for offset in [0, 4, 12, 44, 1000] {
        let _ = btf.member_at("mm_struct", offset);
    }
    let _ = btf.member_offset("mm_struct", "mmap_lock.wait_lock");
    let _ = btf.member_type_name("mm_struct", "lock");
    let _ = btf.has_func("kvm_wait");
    for variable in btf.variables(".data..percpu").unwrap_or_default() {
        let _ = btf.place_in(&variable, 12);
    }
}

#[test]
fn a_skeleton_keeps_the_ids_of_what_it_names() {
    let mut builder = Builder::new();
    let int = builder.int("int", 4);
    builder.composite(4, "task_struct", 8, &[("pid", int, 0)]);
    let wanted = builder.reference(8, "btf_trace_contention_begin", int);
    builder.reference(8, "another", int);
    let whole = Btf::from_vec(builder.finish(&[])).unwrap();
    let skeleton = whole.skeleton(&["btf_trace_contention_begin", "btf_trace_absent"]);
    let read = Btf::from_vec(skeleton).unwrap();
    let id = |btf: &Btf, name| btf.find(name, |_| true);
    assert_eq!(id(&read, "btf_trace_contention_begin"), Some(wanted));
    assert_eq!(id(&read, "btf_trace_absent"), None);
    assert_eq!(id(&read, "another"), None);
}
