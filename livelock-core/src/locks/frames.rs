//! Stacks fit to name a lock by, and to print.
//!
//! In: addresses, [`Names`]. Out: the function that acquires, trimmed stacks. Refuses: frames of tracers, and of the
//! functions that wait on somebody's behalf.

use crate::ids::CodeAddr;
use crate::names::{FunctionName, Names};
use crate::thresholds::NR_FRAMES_REPORTED;

/// Frames of our own and of the tracepoint: no part of any path.
pub(super) const TRACING: &[&str] = &[
    "bpf_prog_",
    "bpf_trace_run",
    "__bpf_trace_",
    "__traceiter_",
    "trace_contention_",
    "bpf_get_stack",
    "__bpf_get_stack",
    "bpf_dispatcher_",
    "__bpf_prog_",
    "bpf_trampoline_",
    "trace_call_bpf",
    "perf_trace_",
    "__perf_callchain",
    "get_perf_callchain",
    "stack_trace_",
    "arch_stack_walk",
    "ftrace_trampoline",
    "do_trace_contention",
];

/// Functions that wait for a lock on somebody's behalf.
pub(super) const LOCKING: &[&str] = &[
    "native_queued_spin_lock_slowpath",
    "__pv_queued_spin_lock_slowpath",
    "__raw_callee_save___pv_queued",
    "__raw_callee_save___native_queued",
    "queued_",
    "resilient_queued_spin_lock",
    "pv_queued_",
    "kvm_wait",
    "pv_native_safe_halt",
    "do_raw_spin_lock",
    "do_raw_read_lock",
    "do_raw_write_lock",
    "_raw_spin_lock",
    "__raw_spin_lock",
    "_raw_spin_trylock",
    "_raw_read_lock",
    "__raw_read_lock",
    "_raw_write_lock",
    "__raw_write_lock",
    "rt_spin_lock",
    "rt_read_lock",
    "rt_write_lock",
    "rtlock_",
    "rt_mutex_",
    "__rt_mutex_",
    "mutex_lock",
    "__mutex_lock",
    "mutex_optimistic_spin",
    "mutex_spin_on_owner",
    "ww_mutex_lock",
    "__ww_mutex_lock",
    "osq_lock",
    "rwsem_",
    "__down_",
    "down_read",
    "down_write",
    "percpu_down_",
    "__percpu_down_",
    "percpu_rwsem_wait",
    "lock_acquire",
    "_atomic_dec_and_lock",
    "_atomic_dec_and_raw_lock",
];

pub(super) fn starts_with_any(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether `name` waits for a lock on somebody's behalf.
#[must_use]
pub fn is_locking(name: &str) -> bool {
    starts_with_any(name, LOCKING)
}

/// Names of `frames`; `None` where nobody knows.
fn functions(frames: &[CodeAddr], names: &dyn Names) -> Vec<Option<FunctionName>> {
    frames.iter().map(|&frame| names.function(frame)).collect()
}

/// The function that wants the lock: the first that neither traces nor waits.
pub(super) fn acquiring_function(frames: &[CodeAddr], names: &dyn Names) -> Option<String> {
    frames.iter().find_map(|&frame| {
        let name = names.function(frame)?.name;
        (!starts_with_any(&name, TRACING) && !starts_with_any(&name, LOCKING)).then_some(name)
    })
}

/// The frames of the stack without tracing and locking ones, but with the lock function that the path called.
fn path_frames<'a>(
    frames: &'a [CodeAddr],
    functions: &'a [Option<FunctionName>],
) -> impl Iterator<Item = (&'a CodeAddr, Option<&'a FunctionName>)> {
    let is = |i: usize, prefixes| {
        functions
            .get(i)
            .and_then(Option::as_ref)
            .is_some_and(|f| starts_with_any(&f.name, prefixes))
    };
    let first_own = (0..functions.len())
        .find(|&i| {
            functions.get(i).is_some_and(Option::is_some) && !is(i, TRACING) && !is(i, LOCKING)
        })
        .unwrap_or(0);
    let start = match first_own.checked_sub(1) {
        Some(before) if is(before, LOCKING) => before,
        _ => first_own,
    };
    frames
        .iter()
        .zip(functions.iter().map(Option::as_ref))
        .skip(start)
}

/// The path as a report shows it: functions with offsets.
pub(super) fn printed_stack(frames: &[CodeAddr], names: &dyn Names) -> Vec<String> {
    path_frames(frames, &functions(frames, names))
        .take(NR_FRAMES_REPORTED)
        .map(|(frame, function)| match function {
            Some(f) => format!("{}+0x{:x}", f.name, f.offset_bytes),
            None => frame.to_string(),
        })
        .collect()
}

/// The path as a flame graph shows it: all of its functions, without offsets.
pub(super) fn function_frames(frames: &[CodeAddr], names: &dyn Names) -> Vec<String> {
    path_frames(frames, &functions(frames, names))
        .map(|(frame, function)| {
            function.map_or_else(|| frame.to_string(), |function| function.name.clone())
        })
        .collect()
}

/// The acquiring function of a printed stack.
#[must_use]
pub fn path_function(stack: &[String]) -> Option<&str> {
    path_functions(stack).next()
}

/// The functions of a printed stack that neither trace nor wait, innermost first.
pub fn path_functions(stack: &[String]) -> impl Iterator<Item = &str> {
    let names = stack.iter().map(|frame| {
        let parts = frame.split_once('+');
        parts.map_or(frame.as_str(), |(name, _)| name)
    });
    names.filter(|name| {
        !starts_with_any(name, TRACING)
            && !starts_with_any(name, LOCKING)
            && !name.starts_with("0x")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ObjectPlace;
    use crate::ids::{CgroupId, LockAddr};

    struct Table(&'static [&'static str]);

    impl Names for Table {
        fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
            let name = self
                .0
                .get(addr.0 as usize)
                .filter(|name| !name.is_empty())?;
            Some(FunctionName {
                name: (*name).to_owned(),
                offset_bytes: 4,
            })
        }
        fn data_symbol(&self, _: LockAddr) -> Option<String> {
            None
        }
        fn member(&self, _: ObjectPlace) -> Option<String> {
            None
        }
        fn cgroup_path(&self, _: CgroupId) -> Option<String> {
            None
        }
    }

    fn printed(functions: &'static [&'static str]) -> Vec<String> {
        let frames: Vec<_> = (0..functions.len() as u64).map(CodeAddr).collect();
        printed_stack(&frames, &Table(functions))
    }

    #[test]
    fn tracing_and_all_but_one_locking_frame_go() {
        assert_eq!(
            printed(&[
                "bpf_prog_12",
                "__traceiter_contention_begin",
                "__pv_queued_spin_lock_slowpath",
                "_raw_spin_lock_irqsave",
                "try_to_wake_up"
            ]),
            ["_raw_spin_lock_irqsave+0x4", "try_to_wake_up+0x4"]
        );
        assert_eq!(
            printed(&["__traceiter_contention_begin", "folio_lruvec_lock_irq"]),
            ["folio_lruvec_lock_irq+0x4"]
        );
    }

    #[test]
    fn unknown_frames_are_addresses_and_hide_no_function() {
        assert_eq!(
            printed(&["", "_raw_spin_lock", "alloc_fd", ""]),
            ["_raw_spin_lock+0x4", "alloc_fd+0x4", "0x3"]
        );
        assert_eq!(printed(&["", ""]), ["0x0", "0x1"]);
    }

    #[test]
    fn the_function_of_a_printed_path() {
        let stack = [
            "_raw_spin_lock+0x4".to_owned(),
            "0x99".to_owned(),
            "alloc_fd+0x4".to_owned(),
        ];
        assert_eq!(path_function(&stack), Some("alloc_fd"));
        assert_eq!(path_function(&stack[..2]), None);
    }
}
