//! What the instruction-pointer samples of a window landed in.
//!
//! In: samples and names. Out: counts. Refuses: idle samples and those inside our own programs and process.

use crate::event::{SampleEvent, SampleMode};
use crate::ids::{Pid, Tgid};
use crate::names::Names;
use crate::spin_functions::{is_idle, is_spin};
use crate::thresholds::NR_SPIN_FRAMES;

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

/// Sorts `samples`. `own`: our own process, of which samples do not count.
#[must_use]
pub fn count(samples: &[SampleEvent], own: Option<Tgid>, names: &dyn Names) -> SampleCounts {
    let mut counts = SampleCounts::default();
    let is_own = |sample: &SampleEvent| sample.in_self || Some(sample.task.tgid) == own;
    for sample in samples.iter().filter(|&sample| !is_own(sample)) {
        if matches!(sample.mode, SampleMode::User) {
            counts.nr_busy += 1;
            counts.nr_user += 1;
            continue;
        }
        let mut spins = false;
        let mut idles = sample.task.pid == Pid(0);
        for &frame in sample.frames.iter().take(NR_SPIN_FRAMES) {
            if let Some(function) = names.function(frame) {
                spins |= is_spin(&function.name);
                idles |= is_idle(&function.name);
            }
        }
        if idles && !sample.in_traced_spin {
            continue;
        }
        counts.nr_busy += 1;
        if spins {
            counts.nr_spin += 1;
        }
        if spins && !sample.in_traced_spin {
            counts.nr_untraced_spin += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ObjectPlace, TaskRef};
    use crate::ids::{CgroupId, CodeAddr, CpuId, LockAddr, MonotonicNs, Tgid};
    use crate::names::FunctionName;

    const FUNCTIONS: [&str; 4] = ["default_idle", "osq_lock", "vfs_read", "do_syscall_64"];

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
            frames: frames.iter().copied().map(CodeAddr).collect(),
        }
    }

    #[test]
    fn idle_and_own_samples_do_not_count() {
        let own = SampleEvent {
            in_self: true,
            ..sample(9, &[1])
        };
        let idle = [sample(0, &[2]), sample(9, &[0, 3]), own];
        assert_eq!(count(&idle, None, &Table), SampleCounts::default());
    }

    #[test]
    fn only_the_three_innermost_frames_spin() {
        let counts = count(
            &[sample(9, &[2, 2, 1]), sample(9, &[2, 2, 2, 1])],
            None,
            &Table,
        );
        assert_eq!(
            (counts.nr_busy, counts.nr_spin, counts.nr_untraced_spin),
            (2, 1, 1)
        );
        let traced = SampleEvent {
            in_traced_spin: true,
            ..sample(9, &[1])
        };
        let counts = count(&[traced], None, &Table);
        assert_eq!(
            (counts.nr_busy, counts.nr_spin, counts.nr_untraced_spin),
            (1, 1, 0)
        );
    }
}
