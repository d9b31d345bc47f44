//! Lists of inodes and of what is to be written back.
//!
//! In: spin on them. Out: a detection. Refuses: I/O that waits for a disk.

use super::Detector;
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::WritebackInode,
    &[
        "bdi_writeback.list_lock", "super_block.s_inode_list_lock", "sb_lock", "inode.i_lock",
        "buffer_head of*", "shmem_sb_info.stat_lock",
    ],
    &[
        "inode_sb_list_add", "inode_sb_list_del", "evict_inodes", "__mark_inode_dirty",
        "inode_io_list_*", "wb_writeback", "writeback_sb_inodes",
        "locked_inode_to_wb_and_lock_list", "recently_deleted", "find_inode_bit",
        "user_get_super", "iterate_supers", "grab_super", "iput", "evict", "find_inode_fast",
        "iget_locked",
    ],
    REMEDIES,
);

const REMEDIES: &[super::Row] = &[
    (
        "spread the files over directories and file systems, create and delete in larger steps",
        "lists of inodes are one per file system, with one lock each",
        "a change of the layout of files",
        "df -i; livelock diagnose",
    ),
    (
        "let writeback begin earlier and in smaller steps (vm.dirty_background_bytes)",
        "long lists are walked under their lock",
        "more writes in all; files that are removed soon are written too",
        "sysctl vm.dirty_background_bytes vm.dirty_bytes",
    ),
];
