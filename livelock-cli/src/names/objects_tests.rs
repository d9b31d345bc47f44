//! Tests of whose a lock is, with the layout of the running kernel and memory of our own.

use std::collections::BTreeMap;

use super::*;
use crate::btf::read_running;

#[derive(Debug, Default)]
struct Fake(BTreeMap<u64, u8>);

impl Memory for Fake {
    fn fill(&self, addr: u64, into: &mut [u8]) -> bool {
        let mut bytes = (addr..).zip(into.iter_mut());
        bytes.all(|(at, byte)| {
            let known = self.0.get(&at);
            known.map(|known| *byte = *known).is_some()
        })
    }
}

const BLOCK: u64 = 0x1_0000;
const ROOT: u64 = 0x2_0000;
const FOLDER: u64 = 0x3_0000;
const FILE: u64 = 0x4_0000;
const INODE: u64 = 0x5_0000;
const TYPE: u64 = 0x6_0000;
const TEXTS: u64 = 0x7_0000;
const OTHER: u64 = 0x8_0000;

struct Kernel {
    objects: Objects<Fake>,
    texts_end: u64,
}

impl Kernel {
    /// An inode that is `folder/file` on a file system that is mounted nowhere; `None`, with a reason, without BTF.
    fn with_file() -> Option<Self> {
        let btf = match read_running() {
            Ok(btf) => Arc::new(btf),
            Err(error) => {
                println!("skipped: failed to {error}");
                return None;
            }
        };
        let mut kernel = Self {
            objects: Objects::new(Fake::default(), btf, Mounts::default()),
            texts_end: TEXTS,
        };
        let kind = kernel.text(b"ext4\0");
        kernel.word(TYPE, "file_system_type", "name", kind);
        kernel.word(BLOCK, "super_block", "s_root", ROOT);
        kernel.word(BLOCK, "super_block", "s_type", TYPE);
        let device: u32 = 8 << 20 | 1;
        kernel.set(BLOCK, "super_block", "s_dev", &device.to_ne_bytes());
        kernel.set(BLOCK, "super_block", "s_id", b"sda1\0");
        kernel.word(ROOT, "dentry", "d_sb", BLOCK);
        kernel.dentry(FOLDER, b"folder", ROOT);
        kernel.dentry(FILE, b"file", FOLDER);
        kernel.word(FILE, "dentry", "d_inode", INODE);
        kernel.word(INODE, "inode", "i_sb", BLOCK);
        kernel.word(INODE, "inode", "i_ino", 12);
        let pages = INODE + kernel.offset("inode", "i_data");
        kernel.word(pages, "address_space", "host", INODE);
        let named = kernel.objects.offset("dentry", "d_u.d_alias");
        let alias = named.unwrap_or_else(|| kernel.offset("dentry", "d_alias"));
        kernel.word(INODE, "inode", "i_dentry.first", FILE + alias);
        Some(kernel)
    }

    fn offset(&self, structure: &'static str, member: &'static str) -> u64 {
        let offset_bytes = self.objects.offset(structure, member);
        offset_bytes.unwrap_or_else(|| panic!("{structure}.{member}"))
    }

    fn put(&mut self, addr: u64, bytes: &[u8]) {
        self.objects
            .memory
            .0
            .extend((addr..).zip(bytes.iter().copied()));
    }

    fn set(&mut self, object: u64, structure: &'static str, member: &'static str, bytes: &[u8]) {
        let at = object + self.offset(structure, member);
        self.put(at, bytes);
    }

    fn word(&mut self, object: u64, structure: &'static str, member: &'static str, value: u64) {
        self.set(object, structure, member, &value.to_ne_bytes());
    }

    fn text(&mut self, bytes: &[u8]) -> u64 {
        let at = self.texts_end;
        self.put(at, bytes);
        self.texts_end += bytes.len() as u64;
        at
    }

    fn dentry(&mut self, dentry: u64, name: &[u8], parent: u64) {
        let at = self.text(name);
        self.word(dentry, "dentry", "d_name.name", at);
        let len = name.len() as u32;
        self.set(dentry, "dentry", "d_name.len", &len.to_ne_bytes());
        self.word(dentry, "dentry", "d_parent", parent);
        self.word(dentry, "dentry", "d_sb", BLOCK);
        self.word(dentry, "dentry", "d_hash.pprev", 1);
    }

    /// Owner of a lock that is this member of an object.
    fn owner(&self, lock: &str, object: u64) -> Option<String> {
        let (_, structure, member) = LOCKS.iter().find(|(name, ..)| *name == lock).unwrap();
        self.objects
            .owner(lock, object + self.offset(structure, member))
    }
}

#[test]
fn all_locks_are_the_dictionarys_and_this_kernels() {
    let known = livelock_core::lock_dictionary::dictionary();
    let names: Vec<&str> = known
        .locks()
        .iter()
        .map(|lock| lock.name.as_str())
        .collect();
    let Some(kernel) = Kernel::with_file() else {
        return;
    };
    for (name, structure, member) in LOCKS {
        let outer = name.strip_suffix(".wait_lock").unwrap_or(name);
        assert!(names.contains(&outer), "{name}");
        let _ = kernel.offset(structure, member);
    }
}

#[test]
fn a_lock_of_a_file_is_told_by_its_path() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let file = |path: &str| Some(format!("{path} (inode 12, ext4 on sda1)"));
    assert_eq!(
        kernel.owner("inode.i_rwsem", INODE),
        file(".../folder/file")
    );
    let own = INODE + kernel.offset("inode", "i_data");
    let pages = "address_space.i_pages.xa_lock";
    assert_eq!(kernel.owner(pages, own), file(".../folder/file"));
    // Of a device's file, somewhere else.
    kernel.word(OTHER, "address_space", "host", INODE);
    kernel.word(INODE, "inode", "i_mapping", OTHER);
    assert_eq!(
        kernel.owner("address_space.i_mmap_rwsem", OTHER),
        file(".../folder/file")
    );
    let system = Some("ext4 on sda1".to_owned());
    assert_eq!(kernel.owner("super_block.s_umount", BLOCK), system);
    let name = Some(".../folder/file (ext4 on sda1)".to_owned());
    assert_eq!(kernel.owner("dentry.d_lockref", FILE), name);
    kernel.word(FOLDER, "dentry", "d_inode", 0);
    let absent = Some(".../folder (no such file, ext4 on sda1)".to_owned());
    assert_eq!(kernel.owner("dentry.d_lockref", FOLDER), absent);
    // Unlinked.
    kernel.word(FILE, "dentry", "d_hash.pprev", 0);
    assert_eq!(
        kernel.owner("inode.i_rwsem", INODE),
        file(".../folder/file (deleted)")
    );
}

#[test]
fn a_path_is_one_that_can_be_typed_if_the_file_system_is_seen() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    kernel.objects.mounts = Mounts::of("29 1 8:1 / /srv rw shared:1 - ext4 /dev/sda1 rw");
    let file = Some("/srv/folder/file (inode 12, ext4 on sda1 at /srv)".to_owned());
    assert_eq!(kernel.owner("inode.i_lock", INODE), file);
    kernel.word(ROOT, "dentry", "d_inode", INODE);
    let root = Some("/srv (ext4 on sda1 at /srv)".to_owned());
    assert_eq!(kernel.owner("dentry.d_lockref", ROOT), root);
    kernel.objects.mounts = Mounts::default();
    let root = Some("its root (ext4 on sda1)".to_owned());
    assert_eq!(kernel.owner("dentry.d_lockref", ROOT), root);
}

#[test]
fn a_file_without_a_path_has_its_number() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let number = Some("inode 12 of ext4 on sda1".to_owned());
    // Another file's by now.
    kernel.word(FILE, "dentry", "d_inode", INODE + 8);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), number);
    kernel.word(FILE, "dentry", "d_inode", INODE);
    // In no folder.
    kernel.word(FILE, "dentry", "d_parent", FILE);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), number);
    // In a circle.
    kernel.word(FILE, "dentry", "d_parent", FOLDER);
    kernel.word(FOLDER, "dentry", "d_parent", FILE);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), number);
    for no_name in [&b"a/b"[..], b"a\0b", b""] {
        kernel.dentry(FILE, no_name, ROOT);
        assert_eq!(kernel.owner("inode.i_rwsem", INODE), number);
    }
    kernel.word(INODE, "inode", "i_dentry.first", 0);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), number);
}

#[test]
fn memory_that_is_no_such_object_says_nothing() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    kernel.word(OTHER, "address_space", "host", INODE);
    kernel.word(INODE, "inode", "i_mapping", OTHER + 8);
    assert_eq!(kernel.owner("address_space.i_mmap_rwsem", OTHER), None);
    // Nothing leads back to the inode, or to the file system.
    let own = INODE + kernel.offset("inode", "i_data");
    kernel.word(own, "address_space", "host", INODE + 8);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), None);
    kernel.word(own, "address_space", "host", INODE);
    assert!(kernel.owner("inode.i_rwsem", INODE).is_some());
    kernel.word(ROOT, "dentry", "d_sb", BLOCK + 8);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), None);
    assert_eq!(kernel.owner("dentry.d_lockref", FILE), None);
    assert_eq!(kernel.owner("inode.i_rwsem", 0x9_0000), None);
    assert_eq!(kernel.objects.owner("inode.i_rwsem", 1), None);
    assert_eq!(kernel.objects.owner("inode.no_such_lock", INODE), None);
}

#[test]
fn an_eventfd_is_told_by_its_id() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let list = OTHER + kernel.offset("eventfd_ctx", "wqh.head");
    kernel.word(list, "list_head", "next", FILE);
    kernel.word(FILE, "list_head", "prev", list);
    kernel.set(OTHER, "eventfd_ctx", "id", &7_u32.to_ne_bytes());
    let id = Some("eventfd-id 7 (/proc/PID/fdinfo)".to_owned());
    assert_eq!(kernel.owner("eventfd_ctx.wqh.lock", OTHER), id);
    kernel.set(OTHER, "eventfd_ctx", "id", &u32::MAX.to_ne_bytes());
    assert_eq!(kernel.owner("eventfd_ctx.wqh.lock", OTHER), None);
    kernel.set(OTHER, "eventfd_ctx", "id", &7_u32.to_ne_bytes());
    kernel.word(FILE, "list_head", "prev", list + 8);
    assert_eq!(kernel.owner("eventfd_ctx.wqh.lock", OTHER), None);
}

#[test]
fn a_socket_is_told_by_its_ends() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let name = kernel.offset("proto", "name");
    kernel.put(TYPE + name, b"TCP\0");
    kernel.word(OTHER, "sock", "__sk_common.skc_prot", TYPE);
    kernel.word(OTHER, "sock", "sk_socket", FILE);
    kernel.word(FILE, "socket", "sk", OTHER);
    for (member, bytes) in [
        ("__sk_common.skc_family", &2_u16.to_ne_bytes()[..]),
        ("__sk_common.skc_rcv_saddr", &[127, 0, 0, 1]),
        ("__sk_common.skc_daddr", &[10, 0, 0, 2]),
        ("__sk_common.skc_num", &8080_u16.to_ne_bytes()),
        ("__sk_common.skc_dport", &50122_u16.to_be_bytes()),
    ] {
        kernel.set(OTHER, "sock", member, bytes);
    }
    let ends = Some("TCP 127.0.0.1:8080 to 10.0.0.2:50122".to_owned());
    assert_eq!(kernel.owner("sock.sk_lock", OTHER), ends);
    // One that lingers.
    kernel.word(OTHER, "sock", "sk_socket", 0);
    assert_eq!(kernel.owner("sock.sk_lock", OTHER), ends);
    kernel.word(OTHER, "sock", "sk_socket", FILE);
    kernel.word(FILE, "socket", "sk", OTHER + 8);
    assert_eq!(kernel.owner("sock.sk_lock", OTHER), None, "another's");
    kernel.word(FILE, "socket", "sk", OTHER);
    kernel.set(OTHER, "sock", "__sk_common.skc_family", &[1, 0]);
    assert_eq!(kernel.owner("sock.sk_lock", OTHER), None, "no ports");
}

#[test]
fn a_socket_of_this_host_is_told_by_its_name_and_inode() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let around = FILE - kernel.offset("socket_alloc", "socket");
    let inode = around + kernel.offset("socket_alloc", "vfs_inode");
    let name = TYPE + kernel.offset("unix_address", "name");
    kernel.set(OTHER, "sock", "__sk_common.skc_family", &[1, 0]);
    kernel.word(OTHER, "sock", "sk_socket", FILE);
    kernel.word(FILE, "socket", "sk", OTHER);
    kernel.word(inode, "inode", "i_ino", 4711);
    kernel.word(OTHER, "unix_sock", "addr", 0);
    let owner = |kernel: &Kernel| {
        let lock = kernel.offset("unix_sock", "lock");
        kernel.objects.owner("unix_sock.lock", OTHER + lock)
    };
    let is = |text: &str| Some(text.to_owned());
    assert_eq!(owner(&kernel), is("unix socket (inode 4711)"));
    kernel.word(OTHER, "unix_sock", "addr", TYPE);
    for (bytes, text) in [
        (
            &b"\x01\0/run/log\0"[..],
            "unix socket /run/log (inode 4711)",
        ),
        (b"\x01\0\0bus", "unix socket @bus (inode 4711)"),
        (b"\x01\0\x1b[2J", "unix socket (inode 4711)"),
    ] {
        let len = u32::try_from(bytes.len()).unwrap();
        kernel.set(TYPE, "unix_address", "len", &len.to_ne_bytes());
        kernel.put(name, bytes);
        assert_eq!(owner(&kernel), is(text));
    }
    kernel.word(FILE, "socket", "sk", OTHER + 8);
    assert_eq!(owner(&kernel), None, "another's");
}
