//! Functions in which a CPU spins or idles.
//!
//! In: symbol names without compiler suffixes. Out: what they mean. Refuses: functions that merely
//! follow a spin: with an hrtimer sampler, waits with interrupts off show up in
//! `_raw_spin_unlock_irqrestore`, but so does everything else that ends there.
//!
//! Source: docs/detection.md (spin functions), checked against `kallsyms` of 6.18 (x86-64); arm64 names from
//! `kernel/locking/qspinlock.c` and `arch/arm64/include/asm/cmpxchg.h`.

use crate::lock_call::LockCallKind;

/// Exact names.
const SPIN_FUNCTIONS: &[&str] = &[
    "native_queued_spin_lock_slowpath",
    "__pv_queued_spin_lock_slowpath",
    "queued_spin_lock_slowpath",
    "resilient_queued_spin_lock_slowpath",
    "resilient_tas_spin_lock",
    "queued_read_lock_slowpath",
    "queued_write_lock_slowpath",
    "osq_lock",
    "mutex_spin_on_owner",
    "mutex_optimistic_spin",
    "rwsem_spin_on_owner",
    "rwsem_optimistic_spin",
    "rtlock_slowlock",
    "rtmutex_spin_on_owner",
    "smp_call_function_many_cond",
    "smp_call_function_single",
    "__delay",
    "delay_tsc",
    "virt_spin_lock",
];

/// Beginnings of names.
const SPIN_PREFIXES: &[&str] = &[
    "csd_lock_wait",
    "__csd_lock_wait",
    "__lockref_",
    "lockref_get",
    "lockref_put",
    "__cmpwait_",
    "bit_spin_lock",
    "hlist_bl_lock",
];

/// The idle task's loops, however they wait.
const IDLE_FUNCTIONS: &[&str] = &[
    "poll_idle",
    "default_idle",
    "default_idle_call",
    "cpuidle_enter_state",
    "cpuidle_enter",
    "intel_idle",
    "intel_idle_irq",
    "acpi_idle_enter",
    "acpi_safe_halt",
    "haltpoll_enter_idle",
    "mwait_idle",
    "do_idle",
    "cpu_startup_entry",
];

/// All of them, the idle task's too: names, or beginnings of names with a trailing `*`.
pub fn patterns() -> impl Iterator<Item = String> {
    let names = SPIN_FUNCTIONS.iter().chain(IDLE_FUNCTIONS);
    let beginnings = SPIN_PREFIXES.iter().map(|prefix| format!("{prefix}*"));
    names.map(|&name| name.to_owned()).chain(beginnings)
}

/// Whether a CPU in `function` waits by spinning.
#[must_use]
pub fn is_spin(function: &str) -> bool {
    SPIN_FUNCTIONS.contains(&function)
        || SPIN_PREFIXES
            .iter()
            .any(|prefix| function.starts_with(prefix))
}

/// Whether `function` reads a clock that lies outside of the CPU. Its loops wait for the device.
#[must_use]
pub fn is_slow_clock(function: &str) -> bool {
    matches!(
        function,
        "read_hpet" | "acpi_pm_read" | "acpi_pm_read_verified" | "acpi_pm_read_slow" | "pit_read"
    )
}

/// Functions that try to take a lock, and come back with a number that is not 0 if they did. Not `down_trylock`, which
/// turns it round, nor those that kernels inline.
const TRYLOCKS: &[&str] = &[
    "_raw_spin_trylock",
    "_raw_spin_trylock_bh",
    "_raw_read_trylock",
    "_raw_write_trylock",
    "rt_spin_trylock",
    "rt_spin_trylock_bh",
    "rt_read_trylock",
    "rt_write_trylock",
    "rt_mutex_trylock",
    "mutex_trylock",
    "ww_mutex_trylock",
    "down_read_trylock",
    "down_write_trylock",
];

/// Whether `function` tries to take a lock.
#[must_use]
pub fn is_trylock(function: &str) -> bool {
    TRYLOCKS.contains(&function)
}

/// Beginnings of the names of functions that take a lock whose address is their first argument, and wait for it if need
/// be.
const LOCKS: &[&str] = &[
    "_raw_spin_lock",
    "_raw_read_lock",
    "_raw_write_lock",
    "rt_spin_lock",
    "rt_read_lock",
    "rt_write_lock",
    "rt_mutex_lock",
    "mutex_lock",
    "ww_mutex_lock",
    "down_read",
    "down_write",
];

/// Beginnings of the names of functions that let go of a lock whose address is their first argument.
const UNLOCKS: &[&str] = &[
    "_raw_spin_unlock",
    "_raw_read_unlock",
    "_raw_write_unlock",
    "rt_spin_unlock",
    "rt_read_unlock",
    "rt_write_unlock",
    "rt_mutex_unlock",
    "mutex_unlock",
    "ww_mutex_unlock",
    "up_read",
    "up_write",
];

/// What a call of `function` does to the lock that is its first argument.
#[must_use]
pub fn lock_call(function: &str) -> Option<LockCallKind> {
    let is_one_of = |names: &[&str]| names.iter().any(|name| function.starts_with(name));
    if is_trylock(function) {
        Some(LockCallKind::Trylock)
    } else if ["trylock", "interruptible", "killable"]
        .iter()
        .any(|part| function.contains(part))
    {
        // Not with its result or its argument, or it may come back without the lock.
        None
    } else if is_one_of(LOCKS) {
        Some(LockCallKind::Lock)
    } else if is_one_of(UNLOCKS) {
        Some(LockCallKind::Unlock)
    } else {
        None
    }
}

/// Whether a CPU in `function` idles.
#[must_use]
pub fn is_idle(function: &str) -> bool {
    IDLE_FUNCTIONS.contains(&function)
}

/// Whether a CPU in `function` idles by polling: it keeps its hypervisor CPU, but nobody is kept waiting.
#[must_use]
pub fn is_polling_idle(function: &str) -> bool {
    matches!(
        function,
        "poll_idle" | "haltpoll_enter_idle" | "cpu_idle_poll"
    )
}

/// Whether a waiter in `function` has given its CPU back to the hypervisor until the lock is free.
#[must_use]
pub fn is_halted_waiter(function: &str) -> bool {
    matches!(function, "kvm_wait" | "xen_qlock_wait" | "hv_qlock_wait")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn irq_restore_is_no_spin() {
        assert!(!is_spin("_raw_spin_unlock_irqrestore"));
        assert!(!is_spin("finish_task_switch"));
    }

    #[test]
    fn trylocks_and_clocks_are_no_spin() {
        assert!(is_trylock("_raw_spin_trylock") && !is_spin("_raw_spin_trylock"));
        assert!(!is_trylock("down_trylock") && !is_trylock("_raw_spin_lock"));
        assert_eq!(lock_call("_raw_spin_trylock"), Some(LockCallKind::Trylock));
        assert_eq!(
            lock_call("_raw_spin_lock_irqsave"),
            Some(LockCallKind::Lock)
        );
        assert_eq!(lock_call("up_read"), Some(LockCallKind::Unlock));
        assert_eq!(lock_call("down_trylock"), None);
        assert_eq!(lock_call("down_interruptible"), None);
        assert_eq!(lock_call("mutex_lock_killable"), None);
        assert!(is_slow_clock("read_hpet") && !is_spin("read_hpet"));
        assert!(!is_slow_clock("ktime_get"));
    }

    #[test]
    fn names_and_prefixes_match() {
        assert!(is_spin("native_queued_spin_lock_slowpath"));
        assert!(is_spin("lockref_get_not_dead"));
        assert!(!is_spin("my_native_queued_spin_lock_slowpath"));
        assert!(is_idle("poll_idle") && !is_idle("futex_wait"));
    }
}
