//! What programs of probe level 1 have in common: their cost, pairs of begin and end, sums by function.
//!
//! In: this CPU's counters. Out: the same, added to. Refuses: pairs across CPUs; those are counted, not guessed.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use livelock_common::{
    CpuActivity, FunctionTime, GroupRuns, NR_FUNCTION_SLOTS, NR_OPEN_PAIRS, OpenPair, PairTimes,
};

use crate::mask::masked;
use crate::state::{ACTIVITY, this_cpu};

/// One run in this many is timed, to know what a group costs. A power of two.
const TIMED_ONE_IN: u64 = 64;
/// The longest that a program without a stack walk can run: several hundred times what it takes. What took longer had its CPU
/// taken away meanwhile, by a hypervisor or a system management interrupt, and that was not its doing.
pub const MOST_RUN_NS: u64 = 100_000;
/// The same of one with a walk: two hundred times what it takes.
pub const MOST_WALK_NS: u64 = 1_000_000;
const PAIR_MASK: i32 = NR_OPEN_PAIRS as i32 - 1;
const FUNCTION_MASK: i32 = NR_FUNCTION_SLOTS as i32 - 1;

/// This CPU's element, or null.
#[inline(always)]
pub fn this() -> *mut CpuActivity {
    match ACTIVITY.get_ptr_mut(this_cpu()) {
        Some(activity) => activity,
        None => core::ptr::null_mut(),
    }
}

/// The time from `started_ns` to `now_ns`, as far as it can be that of a program.
#[inline(always)]
pub const fn ran_ns(started_ns: u64, now_ns: u64, most_ns: u64) -> u64 {
    let ns = now_ns.wrapping_sub(started_ns);
    if ns < most_ns { ns } else { most_ns }
}

/// A run of a program, begun.
pub struct Run {
    runs: *mut GroupRuns,
    /// 0: not timed.
    started_ns: u64,
}

impl Run {
    /// Counts a run of a program of `GROUP`.
    ///
    /// # Safety
    /// `activity` is this CPU's element.
    #[inline(always)]
    pub unsafe fn begin<const GROUP: usize>(activity: *mut CpuActivity) -> Self {
        // SAFETY: by contract; the index is constant and inside.
        unsafe { Self::of((&raw mut (*activity).runs).cast::<GroupRuns>().add(GROUP)) }
    }

    /// Counts a run in `runs`. A program that interrupts another of its group may undo its count: one of thousands.
    ///
    /// # Safety
    /// `runs` is in this CPU's element.
    #[inline(always)]
    pub unsafe fn of(runs: *mut GroupRuns) -> Self {
        // SAFETY: by contract.
        unsafe {
            let nr_runs = (*runs).nr_runs;
            (*runs).nr_runs = nr_runs + 1;
            // Another one of each 64: programs that share a count often take turns.
            let turn = (nr_runs / TIMED_ONE_IN) & (TIMED_ONE_IN - 1);
            let started_ns = if nr_runs & (TIMED_ONE_IN - 1) == turn {
                bpf_ktime_get_ns()
            } else {
                0
            };
            Self { runs, started_ns }
        }
    }

    /// The run is over.
    ///
    /// # Safety
    /// On the CPU of the begin.
    #[inline(always)]
    pub unsafe fn end(self) {
        if self.started_ns != 0 {
            // SAFETY: as above.
            unsafe {
                (*self.runs).timed_ns += ran_ns(self.started_ns, bpf_ktime_get_ns(), MOST_RUN_NS);
                (*self.runs).nr_timed += 1;
            }
        }
    }
}

/// Where the pair of a thread is.
#[inline(always)]
pub fn pair_index(pid: u32) -> usize {
    masked::<PAIR_MASK>(u64::from(pid))
}

#[inline(always)]
unsafe fn open_of(pairs: *mut PairTimes, pid: u32) -> *mut OpenPair {
    // SAFETY: by contract of the callers; a masked index.
    unsafe {
        (&raw mut (*pairs).open)
            .cast::<OpenPair>()
            .add(pair_index(pid))
    }
}

/// The current thread begins.
///
/// # Safety
/// `pairs` points into this CPU's element.
#[inline(always)]
pub unsafe fn begin_pair(pairs: *mut PairTimes) {
    let pid = bpf_get_current_pid_tgid() as u32;
    // SAFETY: by contract.
    unsafe {
        let open = open_of(pairs, pid);
        (*open).begin_ns = bpf_ktime_get_ns();
        (*open).pid = pid;
    }
}

/// The current thread ends: the time since its begin, 0 if that was not on this CPU.
///
/// # Safety
/// `pairs` points into this CPU's element.
#[inline(always)]
pub unsafe fn end_pair(pairs: *mut PairTimes) -> u64 {
    let pid = bpf_get_current_pid_tgid() as u32;
    // SAFETY: by contract.
    unsafe {
        let open = open_of(pairs, pid);
        let begin_ns = (*open).begin_ns;
        if begin_ns == 0 || (*open).pid != pid {
            (*pairs).nr_unpaired += 1;
            return 0;
        }
        (*open).begin_ns = 0;
        let ns = bpf_ktime_get_ns() - begin_ns;
        (*pairs).nr += 1;
        (*pairs).ns += ns;
        ns
    }
}

/// Books a run of `function_addr`. One that interrupts another may undo its count: one of thousands.
///
/// # Safety
/// `slots` is the first of [`NR_FUNCTION_SLOTS`] in this CPU's element.
#[inline(always)]
pub unsafe fn book_function(slots: *mut FunctionTime, function_addr: u64, ns: u64) {
    // Functions are aligned to 16 bytes.
    let hash = masked::<FUNCTION_MASK>((function_addr >> 4) ^ (function_addr >> 9));
    // SAFETY: by contract; a masked index.
    unsafe {
        // Entry 0 is nobody's.
        let mut at = slots.add(hash);
        if hash == 0 {
            at = slots.add(1);
        }
        let owner = (*at).function_addr;
        if owner == 0 {
            (*at).function_addr = function_addr;
        } else if owner != function_addr {
            at = slots;
        }
        (*at).nr += 1;
        (*at).ns += ns;
    }
}
