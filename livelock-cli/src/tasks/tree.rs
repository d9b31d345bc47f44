//! A process and its descendants as the scope.
//!
//! In: what was typed, `/proc`. Out: who is a descendant now; later ones the kernel side adds. Refuses: threads that
//! are not the first of their process, and ids of another PID namespace.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use livelock_core::ids::Tgid;

use super::ScopeError;
use super::process::{ProcessStat, parse_process_stat};
use crate::capture::Members;

/// `PROC_PID_INIT_INO`, include/linux/proc_ns.h, v6.18.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Whether processes have other ids here than kernel programs see.
pub(crate) fn has_other_ids() -> bool {
    let namespace = fs::metadata("/proc/self/ns/pid").map(|found| found.ino());
    namespace.is_ok_and(|inode| inode != INITIAL_PID_NAMESPACE)
}

/// Whether process `typed` can be followed.
pub(super) fn find(typed: Tgid) -> Result<(), ScopeError> {
    let pid = typed.0;
    if has_other_ids() {
        return Err(ScopeError::PidNamespace { pid });
    }
    let (Some(stat), Some(tgid)) = (stat(pid), tgid_of(pid)) else {
        return Err(ScopeError::NoProcess { pid });
    };
    if tgid != pid {
        return Err(ScopeError::Thread { pid, tgid });
    }
    if stat.is_zombie {
        let parent = stat.parent;
        return Err(ScopeError::Zombie { pid, parent });
    }
    Ok(())
}

/// What `/proc/PID/stat` says now; `None`: it is gone.
pub(super) fn stat(pid: u32) -> Option<ProcessStat> {
    parse_process_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Threads of a process.
pub(super) fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"));
    ids(entries.into_iter().flatten().flatten())
}

fn tgid_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

fn ids(entries: impl Iterator<Item = fs::DirEntry>) -> Vec<u32> {
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.filter_map(id).collect()
}

/// Makes `root` and its living descendants members. Forks are followed already, so it is enough to look until a
/// look finds nobody new: who was forked by a member since is one.
pub(super) fn seed(root: Tgid, members: &Members) {
    members.add(root);
    loop {
        let entries = fs::read_dir("/proc");
        let processes = ids(entries.into_iter().flatten().flatten());
        let parents: HashMap<u32, u32> = processes
            .into_iter()
            .filter_map(|pid| Some((pid, stat(pid)?.parent)))
            .collect();
        let mut nr_new = 0;
        for &pid in parents.keys() {
            if descends(pid, root.0, &parents) && members.add(Tgid(pid)) {
                nr_new += 1;
            }
        }
        if nr_new == 0 {
            return;
        }
    }
}

/// Whether `pid` has `root` among its parents.
fn descends(pid: u32, root: u32, parents: &HashMap<u32, u32>) -> bool {
    let mut at = pid;
    for _ in 0..=parents.len() {
        match parents.get(&at) {
            Some(&parent) if parent == root => return true,
            Some(&parent) => at = parent,
            None => return false,
        }
    }
    false
}

/// The members that live. One that has ended loses its membership, so that its id can be given away; if that
/// happened meanwhile, to a child of a member, it is one again.
///
/// `None`: more than `nr_max` live.
pub(super) fn living(members: &Members, nr_max: usize) -> Option<HashMap<u32, ProcessStat>> {
    let mut living = HashMap::new();
    for member in members.all() {
        if living.len() > nr_max {
            return None;
        }
        if let Some(found) = stat(member.0) {
            living.insert(member.0, found);
            continue;
        }
        members.remove(member);
        if let Some(found) = stat(member.0)
            && members.has(Tgid(found.parent))
        {
            members.add(member);
            living.insert(member.0, found);
        }
    }
    (living.len() <= nr_max).then_some(living)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descent_ends_at_the_root_and_survives_circles() {
        let parents = HashMap::from([(1, 0), (5, 1), (6, 5), (7, 6), (8, 1), (9, 10), (10, 9)]);
        assert!(descends(6, 5, &parents) && descends(7, 5, &parents));
        assert!(
            !descends(5, 5, &parents) && !descends(8, 5, &parents) && !descends(9, 5, &parents)
        );
    }
}
