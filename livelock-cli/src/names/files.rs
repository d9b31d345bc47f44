//! Files and file systems in the kernel's memory.
//!
//! In: addresses of inodes, dentries, page caches and super blocks. Out: paths with numbers and file systems. Refuses: what does not
//! lead back to where it was reached from, and names that are none.

use std::path::PathBuf;

use super::objects::{Memory, Objects};

/// Folders between a file and the root of its file system that are followed.
const MAX_DEPTH: usize = 64;
/// `NAME_MAX` (`include/uapi/linux/limits.h`).
const MAX_NAME_BYTES: usize = 255;
/// `super_block.s_id` (`include/linux/fs.h`, v6.1; `include/linux/fs/super_types.h`, v7.3).
const MAX_ID_BYTES: usize = 32;
/// Bytes of `file_system_type.name` that are read; the longest of the kernel has 15.
const MAX_TYPE_BYTES: usize = 32;
/// `MINORBITS` (`include/linux/kdev_t.h`).
const MINOR_BITS: u32 = 20;

/// A file system.
#[derive(Debug)]
pub(super) struct FileSystem {
    block: u64,
    /// Its root dentry.
    root: u64,
    device: (u32, u32),
    kind: String,
    /// Its device, or its type once more.
    id: String,
    mount: Option<PathBuf>,
}

impl std::fmt::Display for FileSystem {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}", self.kind)?;
        if self.id != self.kind {
            write!(to, " on {}", self.id)?;
        }
        match &self.mount {
            Some(mount) => write!(to, " at {}", mount.display()),
            None => Ok(()),
        }
    }
}

/// The file system of the super block at `block`, whose root has to know it.
pub(super) fn file_system<M: Memory>(objects: &Objects<M>, block: u64) -> Option<FileSystem> {
    let root = objects.word(block, "super_block", "s_root")?;
    if objects.word(root, "dentry", "d_sb")? != block {
        return None;
    }
    let device = objects.int(block, "super_block", "s_dev")?;
    let device = (device >> MINOR_BITS, device & ((1 << MINOR_BITS) - 1));
    let kind = objects.word(block, "super_block", "s_type")?;
    let kind = objects.word(kind, "file_system_type", "name")?;
    let id = block + objects.offset("super_block", "s_id")?;
    Some(FileSystem {
        block,
        root,
        device,
        kind: objects.text(kind, MAX_TYPE_BYTES)?,
        id: objects.text(id, MAX_ID_BYTES)?,
        mount: objects.mounts.whole(device),
    })
}

/// The file of an inode, whose own page cache has to know it, by one of its names.
pub(super) fn inode<M: Memory>(objects: &Objects<M>, inode: u64) -> Option<String> {
    let pages = inode.checked_add(objects.offset("inode", "i_data")?)?;
    if objects.word(pages, "address_space", "host")? != inode {
        return None;
    }
    let system = file_system(objects, objects.word(inode, "inode", "i_sb")?)?;
    let in_dentry = objects
        .offset("dentry", "d_u.d_alias")
        .or_else(|| objects.offset("dentry", "d_alias"))?;
    let alias = objects.word(inode, "inode", "i_dentry.first")?;
    let dentry = alias.checked_sub(in_dentry).filter(|_| alias != 0);
    let mine = dentry.filter(|&dentry| {
        objects.word(dentry, "dentry", "d_inode") == Some(inode)
            && objects.word(dentry, "dentry", "d_sb") == Some(system.block)
    });
    let number = objects.word(inode, "inode", "i_ino")?;
    Some(
        match mine.and_then(|dentry| path(objects, dentry, &system)) {
            Some(path) => format!("{path} (inode {number}, {system})"),
            None => format!("inode {number} of {system}"),
        },
    )
}

/// The file whose pages an address space holds.
pub(super) fn page_cache<M: Memory>(objects: &Objects<M>, mapping: u64) -> Option<String> {
    let host = objects.word(mapping, "address_space", "host")?;
    let own = host.checked_add(objects.offset("inode", "i_data")?);
    let is_mine = own == Some(mapping) || objects.word(host, "inode", "i_mapping") == Some(mapping);
    is_mine.then(|| inode(objects, host))?
}

/// The name that a dentry is.
pub(super) fn dentry<M: Memory>(objects: &Objects<M>, dentry: u64) -> Option<String> {
    let system = file_system(objects, objects.word(dentry, "dentry", "d_sb")?)?;
    let path = path(objects, dentry, &system)?;
    Some(match objects.word(dentry, "dentry", "d_inode")? {
        0 => format!("{path} (no such file, {system})"),
        _ => format!("{path} ({system})"),
    })
}

/// The path of a name, as this process would type it if it can see the file system.
fn path<M: Memory>(objects: &Objects<M>, leaf: u64, system: &FileSystem) -> Option<String> {
    let mut names = Vec::new();
    let mut dentry = leaf;
    while dentry != system.root {
        if names.len() == MAX_DEPTH {
            return None;
        }
        names.push(name(objects, dentry)?);
        let parent = objects.word(dentry, "dentry", "d_parent")?;
        // Of a file that is in no folder, like a pipe.
        if parent == dentry {
            return None;
        }
        dentry = parent;
    }
    names.reverse();
    let below = format!("/{}", names.join("/"));
    let path = match objects.mounts.path(system.device, &below) {
        Some(path) => path.display().to_string(),
        None if leaf == system.root => "its root".to_owned(),
        None => format!("...{below}"),
    };
    // Who was taken out of the hash of names has none any more.
    let is_gone = leaf != system.root && objects.word(leaf, "dentry", "d_hash.pprev")? == 0;
    Some(if is_gone { path + " (deleted)" } else { path })
}

fn name<M: Memory>(objects: &Objects<M>, dentry: u64) -> Option<String> {
    let at = objects.word(dentry, "dentry", "d_name.name")?;
    let len = usize::try_from(objects.int(dentry, "dentry", "d_name.len")?).ok()?;
    if !(1..=MAX_NAME_BYTES).contains(&len) {
        return None;
    }
    let bytes = objects.bytes(at, len)?;
    let is_name = !bytes.iter().any(|byte| matches!(byte, 0 | b'/'));
    is_name.then(|| String::from_utf8_lossy(&bytes).into_owned())
}
