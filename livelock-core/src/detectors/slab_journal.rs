//! The slab allocator's lists, and the journals, bitmaps and caches of file systems.
//!
//! In: spin on them. Out: a detection. Refuses: allocations that find what they need on their own CPU.

use super::Detector;
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::SlabJournal,
    &[
        "kmem_cache_node.list_lock", "journal_s.*", "xlog*", "ext4 block group lock",
        "ext4_sb_info.*", "ext4_es_tree lock",
    ],
    &[
        "get_partial_node*", "free_to_partial_list", "get_any_partial", "__unfreeze_partials",
        "put_partials", "___slab_alloc", "jbd2_*", "start_this_handle",
        "add_transaction_credits", "xlog_grant*", "xfs_log_reserve", "btrfs_tree_lock*",
        "btrfs_tree_read_lock*", "__ext4_journal_*",
    ],
    REMEDIES,
);

const REMEDIES: &[super::Row] = &[
    (
        "batch what is committed: fewer fsyncs, larger transactions, a larger journal",
        "every handle and every commit takes the journal's lock",
        "more is lost in a crash",
        "perf trace -s -e fsync,fdatasync; livelock diagnose",
    ),
    (
        "free objects on the CPU that allocated them; upgrade to 6.18 or newer (sheaves)",
        "frees from elsewhere take the list lock of the node",
        "a change of the program, or a reboot for the upgrade",
        "slabtop -o | head -20",
    ),
];
