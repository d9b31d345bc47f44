//! `lock:lock_acquired`, `lock:lock_acquire` and `lock:lock_release` of kernels with lockdep: every hold of the locks that somebody
//! waits for.
//!
//! In: the tracepoints (`CONFIG_LOCK_STAT`), and the locks that `contention_begin` saw. Out: holds from end to end, also of those who
//! never waited, with the function that took the lock. Refuses: stack walks, and locks that nobody was seen to wait for. The
//! holder is inside each time.
//!
//! The tracepoints name a lock by the `lockdep_map` inside of it. `lock_acquired` follows every acquisition but those of a trylock,
//! which `lock_acquire` follows; `lock_release` comes just before the release (kernel/locking/lockdep.c and include/linux/lockdep.h,
//! v6.1 to v7.3).
//!
//! Of a mutex `contention_end` comes after `lock_acquired`, of others before it: `release::note` ties the one, [`waited`] the others.
//!
//! Blind: whether a reader or a writer holds; the hold before the first wait that is seen; per-CPU rw-semaphores (no `lock_acquired`)
//! and the locks of RT kernels. With lockdep a mutex has no fast path, and each acquisition of it looks like a wait.
//! Cost: a helper, two look-ups and a count for every operation on every lock of a kernel that is several times slower for its own
//! book-keeping.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use livelock_common::{ABSENT, CpuState, MAX_DONE, WATCHED_LOCKS, lcb};

use crate::fold::{done, slot};
use crate::globals;
use crate::release::{self, GOLDEN};
use crate::runs::Run;
use crate::scope;
use crate::state::{CPU_STATE, WATCHED, count_nested, enter, leave, this_cpu};

/// The low bits of a word of [`WATCHED`], which those of a `lockdep_map`'s address are not needed for: the family of the lock.
const FAMILY: u64 = 7;

/// Time from `contention_end` to `lock_acquired`, which follow one another, unless something interrupts.
const JUST_NOW_NS: u64 = 1_000_000;

/// Bytes from a lock of a family to its `lockdep_map`.
#[inline(always)]
fn offset(family: u64) -> u32 {
    match family {
        0 => globals::DEP_MAP_SPINLOCK.load(),
        1 => globals::DEP_MAP_RWLOCK.load(),
        2 => globals::DEP_MAP_MUTEX.load(),
        3 => globals::DEP_MAP_RWSEM.load(),
        _ => ABSENT,
    }
}

/// The family of a lock that is waited for with `flags`; one without an offset if it is not known.
#[inline(always)]
const fn family(flags: u32) -> u64 {
    let is_shared = flags & (lcb::READ | lcb::WRITE) != 0;
    if flags & (lcb::RT | lcb::PERCPU) != 0 {
        FAMILY
    } else if flags & lcb::MUTEX != 0 {
        2
    } else if is_shared && flags & lcb::SPIN != 0 {
        1
    } else if is_shared {
        3
    } else if flags & lcb::SPIN != 0 {
        0
    } else {
        // A mutex on its way to sleep, before 6.0.
        2
    }
}

#[inline(always)]
fn place(map_addr: u64) -> Option<*mut u64> {
    let home = map_addr.wrapping_mul(GOLDEN) >> (64 - WATCHED_LOCKS.trailing_zeros());
    WATCHED.get_ptr_mut(home as u32)
}

/// From now on the holds of this lock are told, in `contention_begin`: one store for a lock that is new.
#[inline(always)]
pub fn watch(lock_addr: u64, flags: u32) {
    if globals::HAS_LOCKDEP.load() == ABSENT {
        return;
    }
    let family = family(flags);
    let offset = offset(family);
    if offset == ABSENT {
        return;
    }
    let map_addr = lock_addr + u64::from(offset);
    let Some(at) = place(map_addr) else {
        return;
    };
    let word = map_addr | family;
    // SAFETY: a word of the map. Who comes second to a place takes it.
    unsafe {
        if core::ptr::read_volatile(at) != word {
            core::ptr::write_volatile(at, word);
        }
    }
}

/// The lock around a `lockdep_map`, if it is watched.
#[inline(always)]
fn watched(map_addr: u64) -> Option<u64> {
    let at = place(map_addr)?;
    // SAFETY: a word of the map.
    let word = unsafe { core::ptr::read_volatile(at) };
    let family = word & FAMILY;
    if word & !FAMILY != map_addr {
        return None;
    }
    let offset = offset(family);
    (offset != ABSENT).then(|| map_addr - u64::from(offset))
}

/// The first argument as a number: the verifier lets nobody reckon with a pointer of a type that it knows.
#[inline(always)]
fn map_addr(ctx: &BtfTracePointContext) -> u64 {
    let mut addr = 0u64;
    // SAFETY: `addr` has eight bytes; the helper checks the address.
    let _ = unsafe { bpf_probe_read_kernel((&raw mut addr).cast(), 8, ctx.as_ptr()) };
    addr
}

/// Hook: `lock:lock_acquired(map, ip)`. Kernel: `CONFIG_LOCK_STAT`.
#[btf_tracepoint(function = "lock_acquired")]
pub fn lock_acquired(ctx: BtfTracePointContext) -> i32 {
    counted(|| {
        if let Some(lock_addr) = watched(map_addr(&ctx)) {
            acquired(lock_addr, ctx.arg::<u64>(1));
        }
    })
}

/// Hook: `lock:lock_acquire(map, subclass, trylock, read, check, next, ip)`: before the wait, or after a trylock that got the lock.
/// Kernel: `CONFIG_LOCKDEP`.
#[btf_tracepoint(function = "lock_acquire")]
pub fn lock_acquire(ctx: BtfTracePointContext) -> i32 {
    counted(|| {
        if ctx.arg::<u64>(2) as u32 == 0 {
            return;
        }
        if let Some(lock_addr) = watched(map_addr(&ctx)) {
            acquired(lock_addr, ctx.arg::<u64>(6));
        }
    })
}

/// Hook: `lock:lock_release(map, ip)`. Kernel: `CONFIG_LOCKDEP`.
#[btf_tracepoint(function = "lock_release")]
pub fn lock_release(ctx: BtfTracePointContext) -> i32 {
    counted(|| {
        if let Some(lock_addr) = watched(map_addr(&ctx)) {
            release::traced(lock_addr);
        }
    })
}

/// Does what one of these programs does, counted as a run of theirs.
#[inline(always)]
fn counted(work: impl FnOnce()) -> i32 {
    let Some(state) = CPU_STATE.get_ptr_mut(this_cpu()) else {
        return 0;
    };
    // SAFETY: this CPU's element.
    let run = unsafe { Run::of(&raw mut (*state).lockdep) };
    work();
    // SAFETY: programs stay on their CPU.
    unsafe { run.end() };
    0
}

#[inline(always)]
fn acquired(lock_addr: u64, ip: u64) {
    if !scope::has_current() {
        return;
    }
    // SAFETY: no preconditions.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    let pid = bpf_get_current_pid_tgid() as u32;
    let Some(state) = CPU_STATE.get_ptr_mut(this_cpu()) else {
        return;
    };
    let Some(hold) = release::place(pid, lock_addr) else {
        return;
    };
    // SAFETY: this CPU's element; `enter` keeps other programs of ours out. Of the hold as in `release::note`.
    unsafe {
        if !enter(state) {
            count_nested(&raw mut (*state).nr_release_refused);
            return;
        }
        let (end_ns, stack_id, stack_cpu) = waited(state, pid, lock_addr);
        // A wait that ended before an earlier hold of this task began, or as it began, is not how it got this one.
        let is_fresh =
            end_ns + JUST_NOW_NS > now_ns && ((*hold).pid != pid || (*hold).acquired_ns < end_ns);
        (*hold).lock_addr = 0;
        (*hold).pid = pid;
        (*hold).ip = ip;
        if is_fresh {
            (*hold).acquired_ns = end_ns;
            (*hold).stack_id = stack_id;
            (*hold).stack_cpu = stack_cpu;
        } else {
            (*hold).acquired_ns = now_ns;
            (*hold).stack_id = 0;
            (*hold).stack_cpu = 0;
        }
        core::ptr::write_volatile(&raw mut (*hold).lock_addr, lock_addr);
        leave(state);
    }
}

/// The end, and the stack of the begin, of the wait that this CPU completed last, if it was this task's for this lock; 0 if not.
#[inline(always)]
unsafe fn waited(state: *mut CpuState, pid: u32, lock_addr: u64) -> (u64, u32, u32) {
    // SAFETY: the caller is inside on `state`.
    unsafe {
        let depth = (*state).depth;
        if (*state).high > depth {
            let last = slot(state, depth);
            if (*last).lock_addr == lock_addr && (*last).pid == pid {
                return ((*last).end_ns, (*last).stack_id, this_cpu());
            }
        }
        let nr_done = (*state).nr_done;
        if nr_done != 0 && nr_done <= MAX_DONE as u32 {
            let last = done(state, nr_done - 1);
            if (*last).lock_addr == lock_addr && (*last).pid == pid {
                return ((*last).end_ns, (*last).stack_id, (*last).stack_cpu);
            }
        }
    }
    (0, 0, 0)
}
