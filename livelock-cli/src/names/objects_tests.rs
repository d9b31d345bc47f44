//! Tests of whose a lock is, with the layout of the running kernel and memory of our own.

use std::collections::BTreeMap;

use super::*;
use crate::btf::read_running;

#[derive(Debug, Default)]
struct Fake(BTreeMap<u64, u8>);

impl Memory for Fake {
    fn fill(&self, addr: u64, into: &mut [u8]) -> bool {
        let bytes = (addr..).zip(into.iter_mut());
        bytes.into_iter().all(|(at, byte)| {
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
                eprintln!("skipped: failed to {error}");
                return None;
            }
        };
        let mut kernel = Self {
            objects: Objects {
                memory: Fake::default(),
                btf,
            },
            texts_end: TEXTS,
        };
        let kind = kernel.text(b"tmpfs\0");
        kernel.word(TYPE, "file_system_type", "name", kind);
        kernel.word(BLOCK, "super_block", "s_root", ROOT);
        kernel.word(BLOCK, "super_block", "s_type", TYPE);
        // Nobody has a device with this number.
        kernel.set(BLOCK, "super_block", "s_dev", &0xfff_ffff_u32.to_ne_bytes());
        kernel.set(BLOCK, "super_block", "s_id", b"mem7\0");
        kernel.word(ROOT, "dentry", "d_sb", BLOCK);
        kernel.dentry(FOLDER, b"folder", ROOT);
        kernel.dentry(FILE, b"file", FOLDER);
        kernel.word(FILE, "dentry", "d_inode", INODE);
        kernel.word(INODE, "inode", "i_sb", BLOCK);
        kernel.word(INODE, "inode", "i_ino", 12);
        let alias = kernel.offset("dentry", "d_u.d_alias");
        kernel.word(INODE, "inode", "i_dentry.first", FILE + alias);
        Some(kernel)
    }

    fn offset(&self, structure: &str, member: &str) -> u64 {
        let offset_bytes = self.objects.btf.member_offset(structure, member);
        u64::from(offset_bytes.unwrap_or_else(|| panic!("{structure}.{member}")))
    }

    fn put(&mut self, addr: u64, bytes: &[u8]) {
        self.objects
            .memory
            .0
            .extend((addr..).zip(bytes.iter().copied()));
    }

    fn set(&mut self, object: u64, structure: &str, member: &str, bytes: &[u8]) {
        let at = object + self.offset(structure, member);
        self.put(at, bytes);
    }

    fn word(&mut self, object: u64, structure: &str, member: &str, value: u64) {
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
    }

    fn owner(&self, lock: &str, object: u64) -> Option<String> {
        let (structure, member) = lock.split_once('.').unwrap();
        let addr = object + self.offset(structure, member);
        self.objects.owner(lock, addr)
    }
}

#[test]
fn a_lock_of_a_file_is_told_by_its_path() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let file = Some("folder/file (inode 12, tmpfs on mem7)".to_owned());
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), file);
    assert_eq!(kernel.owner("dentry.d_lockref", FILE), file);
    let mapping = 0x8_0000;
    kernel.word(mapping, "address_space", "host", INODE);
    assert_eq!(kernel.owner("address_space.i_mmap_rwsem", mapping), file);
    let system = Some("tmpfs on mem7".to_owned());
    assert_eq!(kernel.owner("super_block.s_umount", BLOCK), system);
    assert_eq!(kernel.owner("task_struct.pi_lock", INODE), None);
}

#[test]
fn a_file_without_a_path_has_its_number() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let number = Some("inode 12 of tmpfs on mem7".to_owned());
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
    // Not a name.
    kernel.dentry(FILE, b"a/b", FOLDER);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), number);
    kernel.word(INODE, "inode", "i_dentry.first", 0);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), number);
}

#[test]
fn memory_that_is_no_such_object_says_nothing() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    // Nothing leads back to the file system.
    kernel.word(ROOT, "dentry", "d_sb", BLOCK + 8);
    assert_eq!(kernel.owner("inode.i_rwsem", INODE), None);
    assert_eq!(kernel.owner("inode.i_rwsem", 0x9_0000), None);
    assert_eq!(kernel.objects.owner("inode.i_rwsem", 1), None);
    assert_eq!(kernel.objects.owner("inode.no_such_lock", INODE), None);
}

#[test]
fn a_socket_is_told_by_its_ends() {
    let Some(mut kernel) = Kernel::with_file() else {
        return;
    };
    let sock = 0xa_0000;
    let common = |member: &str| format!("__sk_common.{member}");
    kernel.set(sock, "sock", &common("skc_family"), &2_u16.to_ne_bytes());
    kernel.set(sock, "sock", &common("skc_rcv_saddr"), &[127, 0, 0, 1]);
    kernel.set(sock, "sock", &common("skc_daddr"), &[10, 0, 0, 2]);
    kernel.set(sock, "sock", &common("skc_num"), &8080_u16.to_ne_bytes());
    kernel.set(sock, "sock", &common("skc_dport"), &50122_u16.to_be_bytes());
    kernel.set(sock, "sock", "sk_protocol", &6_u16.to_ne_bytes());
    let ends = Some("TCP 127.0.0.1:8080 to 10.0.0.2:50122".to_owned());
    assert_eq!(kernel.owner("sock.sk_lock", sock), ends);
    kernel.set(sock, "sock", &common("skc_family"), &1_u16.to_ne_bytes());
    assert_eq!(kernel.owner("sock.sk_lock", sock), None);
}
