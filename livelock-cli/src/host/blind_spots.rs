//! What this host cannot show.
//!
//! In: facts, and which probes run. Out: blind spots with stable ids, sorted by what they hide most. Refuses: to
//! list what does not apply here; a list that is always the same is not read.

use livelock_core::host::{HostFacts, SamplerSource, SpinlockFlavour};
use livelock_core::verdict::BlindSpot;

/// What is judged, as far as it decides what is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged<'a> {
    /// All of the host.
    Host,
    /// Some CPUs.
    Cpus {
        /// Why their context switches and page faults are not counted; `None`: they are.
        uncounted: Option<&'a str>,
    },
    /// Some tasks.
    Tasks,
}

/// What runs or can be had, as far as it decides what is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes<'a> {
    /// Whether kernel functions have names.
    pub has_function_names: bool,
    /// Probe level, see docs/architecture.md.
    pub level: u8,
    /// What is judged.
    pub judged: Judged<'a>,
    /// Sources of lock names that are missing, a phrase each.
    pub missing_names: &'a [String],
    /// Whether details of some locks only are taken.
    pub is_filtered: bool,
}

/// Those that apply.
#[must_use]
pub fn blind_spots(facts: &HostFacts, probes: Probes<'_>) -> Vec<BlindSpot> {
    let mut spots = Vec::new();
    let samples = match (facts.sampler, probes.has_function_names) {
        (SamplerSource::None, _) => "nothing covers it: no sampler runs",
        (_, false) => "nothing covers it: samples have no function names",
        (_, true) => "the sampler covers it, without lock addresses",
    };
    spots.extend(of_spinlocks(facts, samples));
    match facts.sampler {
        SamplerSource::PmuNmi => {}
        SamplerSource::Hrtimer => spots.push(spot(
            "interrupts-off-sampling",
            "code that runs with interrupts off is not sampled; its time shows where they come on again",
            "a hardware PMU samples there too; traced locks are not affected",
        )),
        SamplerSource::None => spots.push(spot(
            "no-sampler",
            "CPU time has no code path: untraced spinning and user loops look alike",
            "allow perf events (CAP_PERFMON, kernel.perf_event_paranoid)",
        )),
    }
    if !probes.has_function_names {
        spots.push(spot(
            "no-function-names",
            "stacks are addresses, and spin loops are not recognised in samples",
            "run with CAP_SYSLOG and kernel.kptr_restrict below 2",
        ));
    }
    if !probes.missing_names.is_empty() {
        spots.push(spot(
            "lock-name-sources",
            &format!(
                "names of locks are incomplete; missing: {}",
                probes.missing_names.join(", ")
            ),
            "locks without a name of their own are named by the functions that wait for them",
        ));
    }
    if facts.spinlocks != SpinlockFlavour::Rt {
        spots.push(spot(
            "rwsem-optimistic-spin",
            "a writer that spins on a running owner of an rwsem and succeeds is not traced",
            samples,
        ));
    }
    spots.push(spot(
        "no-lock-event",
        "trylock loops, cmpxchg and lockref retries, seqcount retries, bit spinlocks and waits for other \
         CPUs emit no lock event",
        samples,
    ));
    if !facts.has_contended_release && !facts.has_lockdep {
        spots.push(spot(
            "no-contended-release",
            "the release of a lock is not traced, or the kernel refused to: hold times are upper bounds, and holders of spinlocks are told from who acquired last",
            "right on a saturated lock, and hold times are never told too short; kernels from 7.2 on trace it",
        ));
    }
    if facts.idle_by_clock != Some(true) {
        spots.push(spot(
            "idle-by-ticks",
            "idle time may be counted in ticks, which an overcommitted guest loses",
            "read busy time together with lost ticks in the time ledger",
        ));
    }
    if facts.hardirq_by_clock == Some(false) && probes.judged != Judged::Tasks {
        spots.push(spot(
            "hardirqs-by-ticks",
            "this kernel books the time of hard interrupts as that of whatever they interrupt (no CONFIG_IRQ_TIME_ACCOUNTING)",
            "handlers of devices are timed while many of them run (probe level 1); read rates in /proc/interrupts",
        ));
    }
    spots.extend(of_scope(probes.judged));
    if probes.is_filtered {
        spots.push(spot(
            "unlisted-locks",
            "of locks that --kind or --lock leaves out no stacks were taken: they have no paths, and where only a path \
             would tell their name, none",
            "status, ledgers and accounting count them all the same; run without the option to see their paths",
        ));
    }
    if probes.level == 0 {
        spots.push(spot(
            "syscall-results",
            "whether system calls succeed or are retried is not observed until a window is suspicious and no storm of traced locks explains it (probe level 1)",
            "progress is told from switches, faults, I/O, packets and user time",
        ));
    }
    spots
}

fn of_scope(judged: Judged<'_>) -> Vec<BlindSpot> {
    match judged {
        Judged::Host => Vec::new(),
        Judged::Cpus { uncounted } => {
            let not_counted = uncounted.map(|why| {
                spot(
                    "uncounted-cpus",
                    &format!(
                        "context switches and page faults of these CPUs are not counted, and those of the whole host \
                         would not be theirs: {why}"
                    ),
                    "progress is told from their hand-offs of locks, packets and user time",
                )
            });
            let host_only = spot(
                "host-only-counters",
                "forks and block requests are counted for the whole host only and left out; so counted are reclaim, \
                 packets dropped and interrupts, which are the host's",
                "progress is told from switches, faults, packets received and hand-offs of locks on these CPUs; run \
                 without --cpu to see the others",
            );
            not_counted.into_iter().chain([host_only]).collect()
        }
        Judged::Tasks => vec![
            spot(
                "outside-holders",
                "waits of tasks outside the scope are not seen: what they hold a lock for is charged to whoever of the \
                 scope had it last",
                "waits of the scope and what they burn are exact; without --cgroup or --pid both sides are seen",
            ),
            spot(
                "interrupts-of-no-task",
                "interrupts, steal and packets belong to no task and are left out; what an interrupt does while a task \
                 of the scope runs counts as that task's",
                "run without --cgroup or --pid",
            ),
        ],
    }
}

fn of_spinlocks(facts: &HostFacts, samples: &str) -> Option<BlindSpot> {
    match facts.spinlocks {
        SpinlockFlavour::Paravirtual | SpinlockFlavour::Rt => None,
        SpinlockFlavour::Native => Some(spot(
            "pending-bit-spin",
            "the first waiter of a native spinlock spins untraced: a lock that two CPUs pass to each \
             other emits nothing",
            samples,
        )),
        SpinlockFlavour::TestAndSet => Some(spot(
            "test-and-set-spinlocks",
            "spinlocks of this guest are test-and-set: no wait for a spinlock is traced",
            samples,
        )),
        SpinlockFlavour::Unknown => Some(spot(
            "unknown-spinlocks",
            "how spinlocks wait could not be told; if they are test-and-set, no wait for one is traced",
            samples,
        )),
    }
}

fn spot(id: &str, what: &str, mitigation: &str) -> BlindSpot {
    BlindSpot {
        id: id.to_owned(),
        what: what.to_owned(),
        mitigation: mitigation.to_owned(),
    }
}
