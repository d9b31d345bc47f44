//! What the instruction-pointer samples of a window landed in.
//!
//! In: samples and names. Out: counts. Refuses: idle samples and those inside our own programs and process.

use crate::event::{SampleEvent, SampleMode};
use crate::ids::{Pid, Tgid};
use crate::ledger::functions::{Function, FunctionIndex, Functions};
use crate::ledger::profile::{Profile, Read};
use crate::ledger::tried::Failing;
use crate::locks::is_locking;
use crate::names::Names;
use crate::thresholds::NR_SPIN_FRAMES;
use crate::window::Window;

/// Counts of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// On busy CPUs, our own programs left out.
    pub nr_busy: u64,
    /// Of those, user mode.
    pub nr_user: u64,
    /// Of those, in a spin function, traced or not.
    pub nr_spin: u64,
    /// Of those, in a spin function outside any traced spin.
    pub nr_untraced_spin: u64,
}

impl SampleCounts {
    /// Adds the counts of `other`.
    pub const fn merge(&mut self, other: &Self) {
        self.nr_busy += other.nr_busy;
        self.nr_user += other.nr_user;
        self.nr_spin += other.nr_spin;
        self.nr_untraced_spin += other.nr_untraced_spin;
    }

    /// Share of the busy samples; `None` without any.
    #[must_use]
    pub fn share(&self, nr: u64) -> Option<f64> {
        (self.nr_busy > 0).then(|| nr as f64 / self.nr_busy as f64)
    }
}

/// Sorts the samples of a window: counts, and the profile behind them. `own`: our own process, of which samples
/// do not count.
#[must_use]
pub fn read(
    window: &Window,
    own: Option<Tgid>,
    functions: &mut Functions,
    names: &dyn Names,
) -> (SampleCounts, Profile) {
    let mut counts = SampleCounts::default();
    let mut profile = Profile::default();
    let mut failing = Failing::of(window);
    let is_own = |sample: &SampleEvent| sample.in_self || Some(sample.task.tgid) == own;
    functions.make_room();
    // A window of a large host has tens of thousands of stacks: one vector serves all.
    let mut indices = Vec::new();
    for sample in window.samples.iter().filter(|&sample| !is_own(sample)) {
        profile.nr += 1;
        indices.clear();
        indices.extend(
            sample
                .frames
                .iter()
                .map(|&frame| functions.at(frame, names)),
        );
        let stack = Stack {
            indices: &indices,
            functions: &*functions,
        };
        let known = || stack.iter().flatten();
        let innermost = || stack.iter().take(NR_SPIN_FRAMES).flatten();
        let is_user = matches!(sample.mode, SampleMode::User);
        // An interrupt on top of a halted waiter runs.
        let halts = known().take_while(|f| !f.is_interrupt);
        let is_halted = halts.into_iter().any(|f| f.is_halted_waiter);
        let waiters = profile.waiters.entry(sample.cpu).or_default();
        waiters.nr += 1;
        waiters.nr_waiting += u64::from(sample.in_traced_spin);
        waiters.nr_halted += u64::from(sample.in_traced_spin && is_halted);
        // The idle task has no work of its own, but interrupts run on top of it.
        let is_idle_task = sample.task.pid == Pid(0) && !known().any(|f| f.is_interrupt);
        let interrupted = || innermost().take_while(|f| !f.is_interrupt);
        let idles = is_idle_task || interrupted().any(|f| f.is_idle);
        if !is_user && idles && !sample.in_traced_spin {
            profile.nr_polling_idle += u64::from(innermost().any(|f| f.is_polling_idle));
            continue;
        }
        let spins = !is_user && innermost().any(|f| f.is_spin);
        let is_untraced_spin = spins && !sample.in_traced_spin;
        counts.nr_busy += 1;
        counts.nr_user += u64::from(is_user);
        counts.nr_spin += u64::from(spins);
        counts.nr_untraced_spin += u64::from(is_untraced_spin);
        profile.book(&Read {
            sample,
            class: known().find_map(|f| Some((f.class?, &*f.name))),
            is_untraced_spin,
            innermost: stack.get(0).map(|f| &*f.name),
            work: work_function(stack),
            in_transactions: known().any(|f| f.is_transactional),
            rwsem_wanted_by: rwsem_wanted_by(stack).filter(|_| is_untraced_spin),
        });
        failing.book(sample, is_user || spins || sample.in_traced_spin, |frame| {
            Some(&*stack.get(frame)?.name)
        });
    }
    profile.tried = failing.into_tried();
    profile.explain(&window.code);
    (counts, profile)
}

/// Functions of a stack, innermost first; `None` where nobody knows.
#[derive(Clone, Copy)]
struct Stack<'a> {
    indices: &'a [Option<FunctionIndex>],
    functions: &'a Functions,
}

impl<'a> Stack<'a> {
    fn iter(self) -> impl Iterator<Item = Option<&'a Function>> {
        self.indices
            .iter()
            .map(move |index| self.functions.get((*index)?))
    }

    fn get(self, frame: usize) -> Option<&'a Function> {
        self.functions.get((*self.indices.get(frame)?)?)
    }
}

/// What a workqueue's thread works on: the function that `process_one_work` called.
fn work_function(stack: Stack<'_>) -> Option<&str> {
    let at = stack
        .iter()
        .position(|f| f.is_some_and(|f| &*f.name == "process_one_work"))?;
    Some(&stack.get(at.checked_sub(1)?)?.name)
}

/// The function that wants an rw-semaphore, if the innermost frames are those of one that is waited for.
fn rwsem_wanted_by(stack: Stack<'_>) -> Option<&str> {
    let mut is_rwsem = false;
    for function in stack.iter() {
        let name = &*function?.name;
        if !is_locking(name) {
            return is_rwsem.then_some(name);
        }
        is_rwsem |= name.starts_with("rwsem_");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ObjectPlace, TaskRef};
    use crate::ids::{CgroupId, CodeAddr, CpuId, LockAddr, MonotonicNs, Tgid};
    use crate::names::FunctionName;

    const FUNCTIONS: [&str; 7] = [
        "default_idle",
        "osq_lock",
        "vfs_read",
        "do_syscall_64",
        "net_rx_action",
        "handle_softirqs",
        "do_idle",
    ];

    struct Table;

    impl Names for Table {
        fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
            Some(FunctionName {
                name: (*FUNCTIONS.get(addr.0 as usize)?).to_owned(),
                offset_bytes: 0,
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

    fn sample(pid: u32, frames: &[u64]) -> SampleEvent {
        SampleEvent {
            cpu: CpuId(0),
            taken: MonotonicNs(0),
            task: TaskRef {
                pid: Pid(pid),
                tgid: Tgid(pid),
                comm: None,
            },
            mode: SampleMode::Kernel,
            in_traced_spin: false,
            in_self: false,
            prio: None,
            user_ip: None,
            first_arg: None,
            frames: frames.iter().copied().map(CodeAddr).collect(),
        }
    }

    fn count(samples: Vec<SampleEvent>) -> SampleCounts {
        let mut builder = crate::window::WindowBuilder::new(1);
        for sample in samples {
            builder.fold(crate::event::Event::Sample(sample));
        }
        let window = builder.close(MonotonicNs(0), MonotonicNs(1));
        read(&window, None, &mut Functions::default(), &Table).0
    }

    #[test]
    fn idle_and_own_samples_do_not_count() {
        let own = SampleEvent {
            in_self: true,
            prio: None,
            user_ip: None,
            first_arg: None,
            ..sample(9, &[1])
        };
        let idle = vec![sample(0, &[2]), sample(9, &[0, 3]), own];
        assert_eq!(count(idle), SampleCounts::default());
    }

    #[test]
    fn interrupts_are_work_whoever_is_interrupted() {
        let counts = count(vec![
            sample(0, &[4, 5, 0, 6]),
            sample(0, &[1, 4, 5, 0]),
            sample(0, &[6]),
            sample(0, &[0, 6]),
        ]);
        assert_eq!((counts.nr_busy, counts.nr_untraced_spin), (2, 1));
    }

    #[test]
    fn only_the_three_innermost_frames_spin() {
        let counts = count(vec![sample(9, &[2, 2, 1]), sample(9, &[2, 2, 2, 1])]);
        assert_eq!(
            (counts.nr_busy, counts.nr_spin, counts.nr_untraced_spin),
            (2, 1, 1)
        );
        let traced = SampleEvent {
            in_traced_spin: true,
            ..sample(9, &[1])
        };
        let counts = count(vec![traced]);
        assert_eq!(
            (counts.nr_busy, counts.nr_spin, counts.nr_untraced_spin),
            (1, 1, 0)
        );
    }
}
