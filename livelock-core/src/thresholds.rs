//! Every number that a verdict depends on: unit, reason, source.
//!
//! In: nothing. Out: constants. Refuses: thresholds anywhere else in this crate.
//!
//! `docs/detection.md` has the rule, and the table of measured positives and look-alikes: positives burn 85 to
//! 100 %, true negatives at most 4.5 %, busy-but-progressing loads 25 to 55 %.

mod attempts;
mod burst;
mod compare;
mod faults;
mod halted;
mod handoffs;
mod holders;
mod interrupts;
mod polling;
mod standstill;
mod transactions;
mod user_code;
mod work;

pub use attempts::*;
pub use burst::*;
pub use compare::*;
pub use faults::*;
pub use halted::*;
pub use handoffs::*;
pub use holders::*;
pub use interrupts::*;
pub use polling::*;
pub use standstill::*;
pub use transactions::*;
pub use user_code::*;
pub use work::*;

/// Share of the CPUs' time, as far as it is neither stolen nor this tool's, that must be busy before a window can lack progress.
/// Source: docs/detection.md.
pub const BUSY_FOR_LIVELOCK: f64 = 0.8;

/// Share of the CPUs' time from which a host counts as busy. Half: below it, work can still be placed.
pub const BUSY_FOR_STATUS: f64 = 0.5;

/// Share of the CPUs' time, taken by a hypervisor and by this tool, from which the busy share is said to be that of the rest.
/// A twentieth: below it the two shares look the same.
pub const TAKEN_SHARE_WORTH_SAYING: f64 = 0.05;

/// `omega` of a window without progress when a baseline is known: removing the waste would speed the
/// host up 2.5 times. Source: docs/detection.md.
pub const OMEGA_WITH_BASELINE: f64 = 0.6;

/// `omega` of a window without progress when no baseline is known. Source: docs/detection.md; measured
/// positives 0.85 and more, nearest miss 0.55.
pub const OMEGA_WITHOUT_BASELINE: f64 = 0.8;

/// `omega` that every window must reach where the mean of the windows reaches
/// [`OMEGA_WITHOUT_BASELINE`]. The same as with a baseline: well above the nearest miss, 0.55. Source:
/// windows of the lab's collapses on four emulated CPUs scatter by 0.1 about their mean, 0.83 to 0.95 for
/// `futex-bucket` on 7.3; one run under load had a mean of 0.84.
pub const OMEGA_NEAR: f64 = OMEGA_WITH_BASELINE;

/// User share of busy time at or under which rule (ii) holds. Source: docs/detection.md; measured
/// collapses 0 to 1.5 %, healthy pipe loads 8 to 10 %.
pub const USER_SHARE_COLLAPSED: f64 = 0.05;

/// User share of busy time from which the host computes. Source: docs/detection.md, first split.
pub const USER_SHARE_COMPUTE: f64 = 0.7;

/// Share of the baseline `pi0` at or under which `pi` has collapsed. Source: docs/detection.md.
pub const PI_COLLAPSED: f64 = 0.3;

/// Share of the median rate of quiet windows under which declared progress has collapsed. The same as
/// [`PI_COLLAPSED`], for the same reason.
pub const DECLARED_COLLAPSED: f64 = PI_COLLAPSED;

/// Tokens of declared progress that must have been due before their rate is compared: with five due on
/// average, chance alone leaves it under [`DECLARED_COLLAPSED`] (none or one seen) in 4 % of the windows, and
/// the rule asks for five of six.
pub const NR_DECLARED_DUE: f64 = 5.0;

/// Windows of a source that are looked back on to collect [`NR_DECLARED_DUE`]: 100 s of the shortest.
pub const NR_DECLARED_STEPS: usize = 1000;

/// Time in nanoseconds for which declared progress may stand still if nobody said otherwise: longer than a
/// garbage collection or a checkpoint, shorter than the patience of whoever waits for the service.
pub const STALL_NS: u64 = 5_000_000_000;

/// In a session with an end declared progress may stand still for one such part of it at most, or a report
/// of five seconds could never tell of a stall.
pub const STALL_SHARE_OF_SESSION: u64 = 4;

/// Windows for which declared progress may stand still in any case. As many as the fast path.
pub const NR_STALL_WINDOWS: u64 = NR_FAST_WINDOWS as u64;

/// `omega` of contention that costs considerable capacity. Source: docs/detection.md (degraded).
pub const OMEGA_DEGRADED: f64 = 0.3;

/// `omega` from which contention is worth a word. Source: docs/detection.md (contended, info).
pub const OMEGA_CONTENDED: f64 = 0.1;

/// `omega` of the fast path. Source: docs/detection.md.
pub const OMEGA_FAST: f64 = 0.9;

/// Windows of the fast path, all of which must lack progress at [`OMEGA_FAST`]. Source: docs/detection.md.
pub const NR_FAST_WINDOWS: usize = 3;

/// Windows that a rule looks at. Source: docs/detection.md.
pub const NR_RULE_WINDOWS: usize = 6;

/// Windows of [`NR_RULE_WINDOWS`] in which it must hold; in shorter runs the same share, rounded up,
/// which makes it all of them. Source: docs/detection.md (boot and checkpoint bursts last 1 to 2 s).
pub const NR_RULE_HITS: usize = 5;

/// Time in nanoseconds without progress that makes a live lock however few windows it was seen in, if it is five
/// sixths of their time: five windows of a second. Source: docs/detection.md.
pub const LASTING_NS: u64 = 5_000_000_000;

/// Windows without progress that [`LASTING_NS`] takes at least: one alone is one look.
pub const NR_LASTING_WINDOWS: usize = 2;

/// Windows without which nothing but a stuck spin is answered: the fast path needs as many.
pub const NR_MIN_WINDOWS: usize = 3;

/// A level is left when `omega` stays under this share of its entry threshold … Source: docs/detection.md.
pub const HYSTERESIS: f64 = 0.6;

/// … for this many windows in a row. Source: docs/detection.md.
pub const NR_CLEAR_WINDOWS: usize = 5;

/// Age in nanoseconds from which an open spin wait is stuck: what rqspinlock allows an owner before it
/// counts as "not making forward progress". Source: `RES_DEF_TIMEOUT`, kernel/bpf/rqspinlock.c, v6.15.
pub const STUCK_SPIN_NS: u64 = 250_000_000;

/// Longest host time slice in nanoseconds that a descheduled holder may be away for: EEVDF and CFS
/// hand out a few ms per runnable task, 100 ms is a host overcommitted many times over (and the
/// default SCHED_RR slice). Source: docs/detection.md asks for the slice; its size is our choice.
pub const HOST_SLICE_NS: u64 = 100_000_000;

/// Host slices a spin wait in a guest may last. Source: docs/detection.md (age rule).
pub const NR_GUEST_SLICES: u64 = 3;

/// Age in nanoseconds from which an open spin wait stands still, if nobody has got its lock in that window: ten host time slices. Our
/// choice.
pub const STANDS_STILL_NS: u64 = 1_000_000_000;

/// Window closes at which one and the same spin wait must be open, on a CPU that did nothing else, to
/// be a live lock by itself: as many as the fast path.
pub const NR_STUCK_CLOSES: u32 = 3;

/// Windows in a row with both a stuck spin and no progress that make a live lock at once. Two, since
/// one is what a paused and resumed guest looks like.
pub const NR_STUCK_NO_PROGRESS: usize = 2;

/// Share of the waste that tracepoints (not samples alone) must have seen before a window can lack
/// progress. Half: with less, the burn is one signal, and test-and-set guests that make 480k ops/s
/// sample 50 to 80 % in the slow path. Source: measured by this project's lab.
pub const TRACED_SHARE_OF_WASTE: f64 = 0.5;

/// Samples of busy CPUs without which untraced spin is not told. Ten: one sample is then 10 %, as much
/// as the lowest `omega` threshold.
pub const NR_MIN_SAMPLES: u64 = 10;

/// Frames of a sample, innermost first, in which a spin function counts. Source: docs/detection.md (spin functions).
pub const NR_SPIN_FRAMES: usize = 3;

/// Windows from which the slope of throughput against busy CPUs is told: a minute of short ones.
pub const NR_SLOPE_WINDOWS: usize = 60;

/// Windows, and pairs of them, without which there is no slope. Source: docs/detection.md (six load levels).
pub const NR_SLOPE_MIN: usize = 6;

/// Busy CPUs between the least and the most busy window without which there is no slope: one CPU more or
/// less is what "adding CPUs" means.
pub const MIN_CPU_SPREAD: f64 = 1.0;

/// Share of the pairs of windows in which throughput must fall as CPUs are added. Three quarters: half is
/// chance, and neighbouring windows are not independent.
pub const RETROGRADE_SHARE: f64 = 0.75;

/// Quiet windows whose median is the baseline `pi0`. Source: docs/detection.md.
pub const NR_BASELINE_WINDOWS: usize = 60;

/// Quiet windows without which there is no baseline. Five: the median then survives two outliers.
pub const NR_BASELINE_MIN: usize = 5;

/// Busy share that a quiet window needs to enter the baseline. Idle hosts make thousands of tokens per
/// busy second (timers, this tool) and would make any load look like a collapse.
pub const BASELINE_MIN_BUSY: f64 = 0.1;

/// Lost waits over begun waits that forbid an answer. Source: docs/detection.md.
pub const LOST_FORBIDS: f64 = 0.01;

/// Lost waits over begun waits that cap the confidence: half of [`LOST_FORBIDS`].
pub const LOST_CAPS: f64 = 0.005;

/// Lost waits that are too few to matter whatever their share: a collapse of 61 events a second must
/// not become unanswerable by four of them.
pub const NR_LOST_TOLERATED: u64 = 10;

/// Share of the windows of a run that must have both snapshots of `/proc/stat`.
pub const VISIBLE_WINDOWS: f64 = 0.5;

/// Steal or lost ticks, as share of the CPUs' time, that speak of host overcommit. Source:
/// docs/detection.md (look-alikes).
pub const OVERCOMMIT: f64 = 0.1;

/// Interrupt share of busy time that makes the cause interrupt work. Source: softlockup's own
/// "HardIRQ time exceeds 50 %", kernel commit d7037381d002.
pub const INTERRUPT_SHARE: f64 = 0.5;

/// Share of busy time that a class of work needs to be named the cause: more than all others.
pub const MAJORITY: f64 = 0.5;

/// CPUs' worth of time that the tasks of a scope must use before they can be in a live lock. Half a CPU: whoever
/// spins without getting on uses all it is given, and a scope that is given less than that stands in the queue or
/// at its quota most of the time, which is not spinning. Our choice: a live lock takes two tasks, each of which gets
/// half of a CPU that they share.
pub const SCOPE_MIN_CPUS: f64 = 0.5;

/// Pages reclaimed over pages scanned under which reclaim is unproductive. Source: docs/detection.md
/// (warning at 10 %).
pub const RECLAIM_EFFICIENCY: f64 = 0.1;

/// Pages scanned per second of wall time under which reclaim does not matter: 4 MB/s of 4 KiB pages,
/// what kswapd does in passing.
pub const PAGES_SCANNED_PER_SEC: f64 = 1000.0;

/// Hand-off gap in nanoseconds from which the holder was not running or held by design. Source:
/// docs/detection.md (hand-off gap).
pub const GAP_NOT_RUNNING_NS: u64 = 1_000_000;

/// Hand-off gap in nanoseconds under which a saturated lock is bound by cache-line transfers and short
/// holds. Source: docs/detection.md (hand-off gap).
pub const GAP_BOUNCE_NS: u64 = 10_000;

/// Gaps without which no percentile of them is told.
pub const NR_MIN_GAPS: u64 = 8;

/// log2 of the streaming slice in nanoseconds; the same number as on the wire (`SLICE_SHIFT`).
pub const SLICE_SHIFT: u32 = 20;

/// Mean tasks asleep on one lock from which it is worth a word: one at all times.
pub const MEAN_SLEEPERS: f64 = 1.0;

/// Locks looked at for the share of burn that has a name. Of the recorded loads, those with the most locks burn 99 % on
/// fewer; a name costs microseconds.
pub const NR_LOCKS_NAMED: usize = 128;

/// Locks in a verdict.
pub const NR_LOCKS_REPORTED: usize = 10;

/// Paths of one side of a lock in a verdict.
pub const NR_SIDES_REPORTED: usize = 5;

/// Frames of a path in a verdict.
pub const NR_FRAMES_REPORTED: usize = 16;

/// Locks that an aggregate tells apart; the least of them are summed up beyond. 64 CPUs with 256 table
/// entries each rarely differ in more.
pub const NR_LOCKS_KEPT: usize = 1024;

/// Paths per lock that an aggregate tells apart.
pub const NR_PATHS_KEPT: usize = 64;

/// Tasks per path that an aggregate tells apart.
pub const NR_TASKS_KEPT: usize = 16;

/// Stacks kept while their waits may still end: 128 a ring, 32 CPUs.
pub const NR_STACKS_KEPT: usize = 4096;

/// Spin, as share of all CPUs' time, from which contention is worth a word on a host that idles
/// otherwise: `omega` of an idle host is a ratio of two trifles.
pub const CONTENDED_MIN_BURN: f64 = 0.05;

/// Sampled spin share of busy samples that agrees with a considerable `omega`. The same as
/// [`OMEGA_DEGRADED`].
pub const SAMPLED_SPIN_AGREES: f64 = OMEGA_DEGRADED;

/// Share of a window that a CPU ran user code or idled while it is said to have been spinning, from which
/// it was not. A tenth: `/proc/stat` is
/// read some milliseconds before or after the open waits, in ticks of up to 10 ms.
pub const PHANTOM_SHARE: f64 = 0.1;

/// Traced spin that ticks leave no room for, as share of busy time, from which the two contradict each
/// other. Ticks of a window of 500 ms on two CPUs at 250 Hz tell a share to within 3 % (one standard
/// deviation); lost ticks make it worse. Our choice: several times that.
pub const SPIN_CONFLICT: f64 = 0.2;

/// Share of busy time from which waiting at one place is worth a name. A twentieth: below it, removing the
/// wait would not be noticed.
pub const PLACE_SHARE: f64 = 0.05;

/// Share of busy samples from which a kind of work is what the CPUs are busy with. Source:
/// docs/detection.md, first split.
pub const WORK_SHARE: f64 = 0.3;

/// Share of busy samples from which waits for other CPUs are trouble. Source: docs/verdicts/ipi_storm.md.
pub const IPI_WAIT_SHARE: f64 = 0.2;

/// Calls between CPUs a second that agree with samples in their waits: at 1 to 3 us a round trip, a
/// thousand cost a CPU no more than a few milliseconds a second.
pub const CALLS_PER_SEC: f64 = 1000.0;

/// Share of busy samples on one instruction from which its cache line is hot. Source:
/// docs/verdicts/atomic_hot_line.md.
pub const HOT_INSTRUCTION_SHARE: f64 = 0.3;

/// Samples of one instruction in a window from which its code is worth a look.
pub const NR_HOT_SAMPLES: u64 = 3;

/// Instructions of a window whose code is looked at: spin loops have few.
pub const NR_HOT_LOOKED_AT: usize = 16;

/// Hand-off gap in nanoseconds from which the lock is held for long: a hundred cache-line transfers
/// between sockets.
pub const GAP_LONG_HOLD_NS: u64 = 50_000;

/// Pages read back, as share of those reclaimed, from which reclaim takes what is needed. Source:
/// docs/verdicts/reclaim_thrash.md.
pub const REFAULT_SHARE: f64 = 0.5;

/// Packets a second below which nobody is flooded.
pub const PACKETS_PER_SEC: f64 = 1000.0;

/// Share of the datagrams received that reach a socket, at or under which receiving is in vain. Source:
/// docs/verdicts/receive_livelock.md.
pub const DELIVERED_SHARE: f64 = 0.1;

/// Timer interrupts a second and CPU that no tick makes: five times the fastest tick (1000 Hz).
pub const TIMERS_PER_SEC_AND_CPU: f64 = 5000.0;

/// Share of busy time that tracing may take before it is the cause of something.
pub const TRACER_SHARE: f64 = 0.1;

/// System calls that succeed per busy second under which nothing comes back to user mode: collapses measured
/// by this project's lab make 61 to 1,200 a second on all CPUs, busy kernels 100,000 and more on each.
pub const OK_SYSCALLS_PER_BUSY_SEC: f64 = 1000.0;

/// Time in nanoseconds that a runnable task may wait to run before it counts as starved: the fair scheduler
/// gives everybody a turn within tens of milliseconds even at hundreds of tasks a CPU. Source:
/// docs/detection.md.
pub const STARVED_NS: u64 = 1_000_000_000;

/// By how much the weight of a task falls with each step of its nice value. Source: `sched_prio_to_weight`,
/// kernel/sched/core.c, v6.1.
pub const WEIGHT_PER_NICE: f64 = 1.25;

/// Share of a CPU up to which a runnable thread beside a real-time task starves: twice the 5 % that the kernel's
/// throttling of real-time tasks and its deadline server leave to others (`sched_rt_runtime_us`,
/// Documentation/scheduler/sched-rt-group.rst).
pub const KEPT_OUT_SHARE: f64 = 0.1;

/// Share of the host's CPUs that this tool may cost, in percent: it lives on the slow path of every
/// contended lock of a host that is already in trouble. See docs/architecture.md.
pub const SELF_BUDGET_PCT: f64 = 1.0;

/// Share of [`SELF_BUDGET_PCT`] that probe level 1 has even where level 0 and the process take more than the rest: a
/// host on which they do is small or emulated, and must be looked at all the same.
pub const LEVEL1_LEAST: f64 = 0.5;

/// Time in nanoseconds from the begin of the first window in which what the tool costs is its start-up: programs are
/// loaded before, symbols read and parsed on another thread meanwhile (0.2 to 0.3 s of CPU on a machine with two
/// CPUs). Where that takes longer, the rest of it counts as steady cost.
pub const START_UP_NS: u64 = 1_000_000_000;

/// Bytes of a loop up to which an atomic instruction in it is what it is about.
pub const TIGHT_LOOP_BYTES: u32 = 128;

/// `omega` of waste that only samples see, from which it is worth a status of its own. Half: a web server in a
/// four-CPU guest shows 35 %.
pub const OMEGA_SAMPLED_ONLY: f64 = 0.5;

/// Share of system calls that ask to be tried again, from which somebody tries in vain. Source:
/// docs/verdicts/thundering_herd.md.
pub const RETRY_SHARE: f64 = 0.5;

/// Windows with a starved task, of [`NR_RULE_WINDOWS`], that make a host starved.
pub const NR_STARVED_HITS: usize = 2;

/// Cost in nanoseconds that the tracepoint adds around one run of a program of probe level 1: the kernel leaves
/// its fast path for system calls, and the program itself is timed. Our estimate.
pub const ACTIVITY_ENTRY_NS: u64 = 100;

/// Cost in nanoseconds of a run where none was timed yet. Our estimate.
pub const ACTIVITY_UNTIMED_NS: u64 = 300;

/// Cost in nanoseconds that is predicted for one run of a program that counts, the tracepoint included. Source:
/// docs/testing.md, 147 to 213 ns, rounded up.
pub const COUNT_RUN_NS: u64 = 250;

/// The same for a program of the scheduler, which reads a task and stores into a slot of another CPU's. Source: as
/// above.
pub const SCHEDULER_RUN_NS: u64 = 400;

/// Tokens per busy second from which counters of `/proc` explain what a busy kernel works for: a switch, packet,
/// fault or block for every 100 us of CPU time. Our choice: busy servers make several times that, collapses of
/// this project's lab hundreds at most.
pub const TOKENS_EXPLAIN: f64 = 10_000.0;

/// Windows for which a probe group is given up after it has passed the tool's budget.
pub const NR_BARRED_WINDOWS: u32 = 10;
