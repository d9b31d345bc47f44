//! Whose waits, samples and system calls count.
//!
//! In: the current task, forks. Out: whether it belongs to the scope; the processes of the tree. Refuses: hash
//! maps and a capacity. A tree is a bit for every process id there can be, so that no fork is lost, and asking
//! takes no lock.

use core::arch::asm;

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_get_current_ancestor_cgroup_id;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use livelock_common::{ABSENT, scope};

use crate::globals;
use crate::runnable::word;
use crate::state::MEMBERS;

const BIT_MASK: u32 = scope::MEMBERS_PER_WORD as u32 - 1;

/// The word and the bit of process `tgid`; null beyond the map.
#[inline(always)]
fn place(tgid: u32) -> (*mut u64, u64) {
    match MEMBERS.get_ptr_mut(tgid / scope::MEMBERS_PER_WORD as u32) {
        Some(word) => (word, 1u64 << (tgid & BIT_MASK)),
        None => (core::ptr::null_mut(), 0),
    }
}

#[inline(always)]
fn is_member(tgid: u32) -> bool {
    let (word, bit) = place(tgid);
    // SAFETY: a word of the map; others may change other bits of it.
    !word.is_null() && unsafe { core::ptr::read_volatile(word) } & bit != 0
}

/// Whether the current task (the interrupted one in an interrupt) belongs to the scope. Without a scope the rest is
/// dead code: the globals are frozen.
#[inline(always)]
pub fn has_current() -> bool {
    let kind = globals::SCOPE_KIND.load();
    if kind == scope::HOST {
        return true;
    }
    if kind == scope::CGROUP {
        let level = globals::SCOPE_CGROUP_LEVEL.load() as i32;
        // SAFETY: no preconditions; 0 if the task is not that deep, which is no cgroup's id.
        return unsafe { bpf_get_current_ancestor_cgroup_id(level) }
            == globals::SCOPE_CGROUP_ID.load();
    }
    is_member((bpf_get_current_pid_tgid() >> 32) as u32)
}

/// Whether `task`, which need not be current, belongs to the scope. `false` for a cgroup: no helper tells, and then
/// nothing is counted.
#[inline(always)]
pub fn has_task(task: u64) -> bool {
    let kind = globals::SCOPE_KIND.load();
    if kind == scope::HOST {
        return true;
    }
    kind == scope::TREE && is_member(word(task, globals::TASK_TGID.load()))
}

/// Hook: `sched:sched_process_fork(parent, child)`, before the child runs. Kernel: 5.19. Attached for a process tree
/// only. Cost: two reads, one atomic store for each new process. A process whose id was a member's once, and whose
/// parent is none, is taken out, so that ids that come round again are never mistaken.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    let child = ctx.arg::<u64>(1);
    let tgid = word(child, globals::TASK_TGID.load());
    if tgid == ABSENT || word(child, globals::TASK_PID.load()) != tgid {
        // A thread: its process is a member or not already.
        return 0;
    }
    let is_descendant = is_member((bpf_get_current_pid_tgid() >> 32) as u32);
    let (word, bit) = place(tgid);
    if word.is_null() {
        return 0;
    }
    // SAFETY: an aligned word of the map, shared with other CPUs: hence atomic. Assembly, because the target
    // declares no atomic read-modify-write; the instructions exist since Linux 5.12.
    unsafe {
        if is_descendant {
            asm!("lock *(u64 *)({0} + 0) |= {1}", in(reg) word, in(reg) bit, options(nostack));
        } else if core::ptr::read_volatile(word) & bit != 0 {
            asm!("lock *(u64 *)({0} + 0) &= {1}", in(reg) word, in(reg) !bit, options(nostack));
        }
    }
    0
}
