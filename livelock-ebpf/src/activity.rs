//! Probe level 1: what the CPUs are busy with.
//!
//! In: system call exits, interrupts, page faults, dropped packets. Out: counters of this CPU. Refuses:
//! running when nothing is wrong; user space attaches these programs to a suspicious host only, and
//! detaches them when it is quiet.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use livelock_common::{
    ABSENT, CpuActivity, FailureCount, IrqTime, NR_ERRNOS, NR_FAILURE_SLOTS, NR_IRQ_SLOTS,
    NR_SOFTIRQS, NR_SYSCALLS, SyscallResults, group,
};

use crate::globals;
use crate::mask::masked;
use crate::runs::{Run, this};
use crate::scope;

/// Results below are addresses, not errors (`MAX_ERRNO`, include/linux/err.h).
const MAX_ERRNO: i64 = 4095;
const PAGE_SHIFT: u32 = 12;
const SYSCALL_MASK: i32 = NR_SYSCALLS as i32 - 1;
const ERRNO_MASK: i32 = NR_ERRNOS as i32 - 1;
const FAILURE_MASK: i32 = NR_FAILURE_SLOTS as i32 - 1;

/// `errno`s that ask to try again (include/uapi/asm-generic/errno*.h, include/linux/errno.h).
const RETRY_CODES: [i64; 5] = [4, 11, 16, 35, 110];
/// `ERESTARTSYS` and its like, never seen by user space.
const RESTART_CODES: core::ops::RangeInclusive<i64> = 512..=516;

/// Hook: `raw_syscalls:sys_exit(regs, ret)`. Kernel: 5.19. Cost: one counter, and the slow system call
/// path of the kernel while attached. Cannot see: calls that have not returned.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    let offset = globals::REGS_SYSCALL.load();
    if activity.is_null() || offset == ABSENT || !scope::has_current() {
        return 0;
    }
    // SAFETY: this CPU's element.
    let run = unsafe { Run::begin::<{ group::SYSCALLS }>(activity) };
    let regs = ctx.arg::<u64>(0);
    let ret = ctx.arg::<i64>(1);
    let mut number = 0u64;
    // SAFETY: the helper checks the address; this CPU's element, checked indices. An interrupt does not
    // make system calls, so that the counters have one writer.
    unsafe {
        let from = (regs + u64::from(offset)) as *const core::ffi::c_void;
        if bpf_probe_read_kernel((&raw mut number).cast(), 4, from) != 0 {
            return 0;
        }
        let last = NR_SYSCALLS as u64 - 1;
        let index = if number < last { number } else { last };
        let at = (&raw mut (*activity).syscalls)
            .cast::<SyscallResults>()
            .add(masked::<SYSCALL_MASK>(index));
        if !(-MAX_ERRNO..=0).contains(&ret) {
            (*at).nr_positive += 1;
        } else if ret == 0 {
            (*at).nr_zero += 1;
        } else {
            let code = -ret;
            if RETRY_CODES.contains(&code) || RESTART_CODES.contains(&code) {
                (*at).nr_retry += 1;
            } else {
                (*at).nr_failed += 1;
            }
            if (code as u64) < NR_ERRNOS as u64 {
                let at = masked::<ERRNO_MASK>(code as u64);
                *(&raw mut (*activity).errnos).cast::<u64>().add(at) += 1;
                book_failure(activity, index, code as u64);
            }
        }
        run.end();
    }
    0
}

/// Books a failure of a system call under its number and `errno`.
///
/// # Safety
/// `activity` is this CPU's element; both numbers fit into 16 bits.
#[inline(always)]
unsafe fn book_failure(activity: *mut CpuActivity, number: u64, errno: u64) {
    let key = ((number << 16) | errno) as u32;
    // Entry 0 is nobody's. Calls that are told apart have numbers below 512, errnos of them mostly below 64.
    let hash = masked::<FAILURE_MASK>(number.wrapping_mul(7) ^ errno);
    // SAFETY: by contract; a masked index.
    unsafe {
        let slots = (&raw mut (*activity).failures).cast::<FailureCount>();
        let mut at = slots.add(hash);
        if hash == 0 {
            at = slots.add(1);
        }
        let owner = (*at).call_errno;
        if owner == 0 {
            (*at).call_errno = key;
        } else if owner != key {
            at = slots;
        }
        (*at).nr += 1;
    }
}

/// Hook: `irq:softirq_entry(vec_nr)`. Kernel: 5.19.
#[btf_tracepoint(function = "softirq_entry")]
pub fn softirq_entry(_ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    // SAFETY: this CPU's element; soft interrupts do not nest.
    unsafe {
        let run = Run::begin::<{ group::INTERRUPTS }>(activity);
        (*activity).softirq_begin_ns = bpf_ktime_get_ns();
        (*activity).hardirq_before_ns = (*activity).hardirq_ns;
        run.end();
    }
    0
}

/// Hook: `irq:softirq_exit(vec_nr)`. Kernel: 5.19.
#[btf_tracepoint(function = "softirq_exit")]
pub fn softirq_exit(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    let vector = ctx.arg::<u64>(0) as u32;
    if activity.is_null() || vector >= NR_SOFTIRQS as u32 {
        return 0;
    }
    // SAFETY: this CPU's element, checked index; soft interrupts do not nest.
    unsafe {
        let run = Run::begin::<{ group::INTERRUPTS }>(activity);
        let begin_ns = (*activity).softirq_begin_ns;
        (*activity).softirq_begin_ns = 0;
        if begin_ns == 0 {
            return 0;
        }
        let interrupted_ns = (*activity).hardirq_ns - (*activity).hardirq_before_ns;
        let whole_ns = bpf_ktime_get_ns() - begin_ns;
        let own_ns = whole_ns.saturating_sub(interrupted_ns);
        *(&raw mut (*activity).softirq_ns)
            .cast::<u64>()
            .add(vector as usize) += own_ns;
        *(&raw mut (*activity).nr_softirqs)
            .cast::<u64>()
            .add(vector as usize) += 1;
        run.end();
    }
    0
}

/// Hook: `irq:irq_handler_entry(irq, action)`. Kernel: 5.19. Cannot see: the local timer and calls from
/// other CPUs, which have vectors of their own.
#[btf_tracepoint(function = "irq_handler_entry")]
pub fn irq_handler_entry(_ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if !activity.is_null() {
        // SAFETY: this CPU's element; device handlers run with interrupts off.
        unsafe {
            let run = Run::begin::<{ group::INTERRUPTS }>(activity);
            (*activity).hardirq_begin_ns = bpf_ktime_get_ns();
            run.end();
        }
    }
    0
}

/// Hook: `irq:irq_handler_exit(irq, action, ret)`. Kernel: 5.19.
#[btf_tracepoint(function = "irq_handler_exit")]
pub fn irq_handler_exit(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    let line_plus_one = (ctx.arg::<u64>(0) as u32).wrapping_add(1);
    // SAFETY: this CPU's element, masked index; device handlers run with interrupts off.
    unsafe {
        let run = Run::begin::<{ group::INTERRUPTS }>(activity);
        let begin_ns = (*activity).hardirq_begin_ns;
        (*activity).hardirq_begin_ns = 0;
        if begin_ns == 0 {
            return 0;
        }
        let handled_ns = bpf_ktime_get_ns() - begin_ns;
        (*activity).hardirq_ns += handled_ns;
        let slots = (&raw mut (*activity).irqs).cast::<IrqTime>();
        // The first entry is that of lines whose own is another's.
        let mut at = slots.add((line_plus_one as usize & (NR_IRQ_SLOTS - 1)).max(1));
        let owner = (*at).line_plus_one;
        if owner == 0 {
            (*at).line_plus_one = line_plus_one;
        } else if owner != line_plus_one {
            at = slots;
        }
        (*at).nr_handled += 1;
        (*at).handled_ns += handled_ns;
        run.end();
    }
    0
}

/// Counts a page fault, and whether it is the last one over again.
#[inline(always)]
fn fault(address: u64) {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return;
    }
    let page = address >> PAGE_SHIFT;
    let pid = bpf_get_current_pid_tgid() as u32;
    // SAFETY: this CPU's element. A fault in an interrupt is a bug of the kernel's, not of this count.
    unsafe {
        let run = Run::begin::<{ group::FAULTS }>(activity);
        (*activity).nr_faults += 1;
        if (*activity).last_fault_page == page && (*activity).last_fault_pid == pid {
            (*activity).nr_same_faults += 1;
            (*activity).same_fault_pid = pid;
        }
        (*activity).last_fault_page = page;
        (*activity).last_fault_pid = pid;
        run.end();
    }
}

/// Hook: `exceptions:page_fault_user(address, regs, error_code)`. Kernel: 5.19, x86-64.
#[btf_tracepoint(function = "page_fault_user")]
pub fn page_fault_user(ctx: BtfTracePointContext) -> i32 {
    fault(ctx.arg::<u64>(0));
    0
}

/// Hook: `exceptions:page_fault_kernel(address, regs, error_code)`. Kernel: 5.19, x86-64.
#[btf_tracepoint(function = "page_fault_kernel")]
pub fn page_fault_kernel(ctx: BtfTracePointContext) -> i32 {
    fault(ctx.arg::<u64>(0));
    0
}

/// Hook: `skb:kfree_skb(skb, location, …)`, for packets dropped, not for those consumed. Kernel: 5.19.
#[btf_tracepoint(function = "kfree_skb")]
pub fn kfree_skb(_ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if !activity.is_null() {
        // SAFETY: this CPU's element. A drop in an interrupt may interrupt one in a task and get lost: one of
        // thousands.
        unsafe {
            let run = Run::begin::<{ group::PACKETS }>(activity);
            (*activity).nr_packets_dropped += 1;
            run.end();
        }
    }
    0
}
