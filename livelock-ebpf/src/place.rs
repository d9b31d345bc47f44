//! Where a lock lies: in a structure that the current task leads to, or in a CPU's own variables.
//!
//! In: the address of a lock; frozen offsets. Out: structure and offset; the run queue of a CPU, from which user
//! space knows where its variables are. Refuses: to look where a stack was not taken, or more than once; each
//! step costs a checked read of 20 to 40 ns.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel};
use livelock_common::{ABSENT, CpuState, object};

use crate::globals;

/// Which structure ([`object`]), and the offset in it.
#[inline(always)]
pub fn of(lock_addr: u64) -> (u32, u32) {
    // SAFETY: no preconditions; the value is only compared and read through a checked helper.
    let task = unsafe { bpf_get_current_task() };
    macro_rules! look {
        ($base:expr, $size:ident, $kind:ident) => {
            let offset = lock_addr.wrapping_sub($base);
            let size = globals::$size.load();
            if size != ABSENT && $base != 0 && offset < u64::from(size) {
                return (object::$kind, offset as u32);
            }
        };
    }
    look!(task, TASK_SIZE, TASK);
    let files = pointer(task, globals::TASK_FILES.load());
    look!(files, FILES_SIZE, FILES);
    let mm = pointer(task, globals::TASK_MM.load());
    look!(mm, MM_SIZE, MM);
    let sighand = pointer(task, globals::TASK_SIGHAND.load());
    look!(sighand, SIGHAND_SIZE, SIGHAND);
    let signal = pointer(task, globals::TASK_SIGNAL.load());
    look!(signal, SIGNAL_SIZE, SIGNAL);
    let fs = pointer(task, globals::TASK_FS.load());
    look!(fs, FS_SIZE, FS);
    // What a process that ends tells its parent.
    let parent = pointer(task, globals::TASK_PARENT.load());
    let parent_sighand = pointer(parent, globals::TASK_SIGHAND.load());
    look!(parent_sighand, SIGHAND_SIZE, PARENT_SIGHAND);
    let parent_signal = pointer(parent, globals::TASK_SIGNAL.load());
    look!(parent_signal, SIGNAL_SIZE, PARENT_SIGNAL);
    let tty = pointer(signal, globals::SIGNAL_TTY.load());
    look!(tty, TTY_SIZE, TTY);
    let uring = pointer(task, globals::TASK_IO_URING.load());
    let ring = pointer(uring, globals::IO_URING_LAST.load());
    look!(ring, IO_RING_SIZE, IO_RING);
    let nsproxy = pointer(task, globals::TASK_NSPROXY.load());
    let ipc = pointer(nsproxy, globals::NSPROXY_IPC.load());
    look!(ipc, IPC_SIZE, IPC);
    let net = pointer(nsproxy, globals::NSPROXY_NET.load());
    look!(net, NET_SIZE, NET);
    (object::NONE, 0)
}

/// Notes the run queue of this CPU, once.
///
/// # Safety
/// The caller is inside on `state`, the element of `cpu`.
#[inline(always)]
pub unsafe fn note_runqueue(state: *mut CpuState, cpu: u32) {
    // SAFETY: by contract.
    unsafe {
        if (*state).runqueue_addr == 0 {
            (*state).runqueue_addr = runqueue(cpu);
        }
    }
}

/// The run queue of `cpu`, by way of the task that runs there; 0 if that does not lead to it.
#[inline(always)]
fn runqueue(cpu: u32) -> u64 {
    // SAFETY: no preconditions; as above.
    let task = unsafe { bpf_get_current_task() };
    let cfs_rq = pointer(task, globals::TASK_CFS_RQ.load());
    let rq = pointer(cfs_rq, globals::CFS_RQ_RQ.load());
    let at = globals::RQ_CPU.load();
    if rq == 0 || at == ABSENT {
        return 0;
    }
    let mut found = ABSENT;
    // SAFETY: the helper checks the address; `found` is ours.
    let failed = unsafe {
        bpf_probe_read_kernel(
            (&raw mut found).cast(),
            4,
            (rq + u64::from(at)) as *const c_void,
        )
    };
    if failed == 0 && found == cpu { rq } else { 0 }
}

/// The pointer at `base + member`; 0 if there is none or this kernel has no such member.
#[inline(always)]
fn pointer(base: u64, member: u32) -> u64 {
    if base == 0 || member == ABSENT {
        return 0;
    }
    let mut found = 0u64;
    // SAFETY: the helper checks the address; `found` is ours.
    let failed = unsafe {
        bpf_probe_read_kernel(
            (&raw mut found).cast(),
            8,
            (base + u64::from(member)) as *const c_void,
        )
    };
    if failed == 0 { found } else { 0 }
}
