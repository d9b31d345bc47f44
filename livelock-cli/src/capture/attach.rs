//! From the object to running probes, and from running probes to raw records.
//!
//! In: [`CaptureConfig`]. Out: a [`Capture`] that is attached whole. Refuses: half an attachment.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use aya::programs::perf_event::PerfEventLink;
use aya::programs::tp_btf::BtfTracePointLink;
use aya_log::EbpfLogger;
use livelock_common::{
    CALL_RING, CallRecord, CpuState, LockBank, RELEASE_RING, RUNNABLE_SLOTS, ReleaseRecord,
    SAMPLE_RING, STACK_RING, SampleRecord, StackRecord, TASK_SLOTS, TaskSlot, WAIT_RING,
    WaitRecord,
};
use livelock_core::attempts::{SiteAttempts, Suspect};
use livelock_core::host::SamplerSource;
use livelock_core::ids::{CpuId, LockAddr};
use livelock_core::probes::GroupSet;

use super::activity::{ActivityMaps, Level1};
use super::breakpoints::Breakpoints;
use super::config::{CaptureConfig, KernelOffsets, TaskFilter};
use super::control::ControlWord;
use super::drain::{Drained, Rings};
use super::groups::Groups;
use super::load::{
    attach_tracepoint, check_abi, kept_map, load_object, load_tracepoint, map, nr_member_words,
    nr_user_rings, program_fd,
};
use super::loader::Loader;
use super::mapping::MappedArray;
use super::members::Members;
use super::releases::{release_programs, without_refused};
use super::sampler::{attach_sampler, load_sampler};
use super::user_stacks::UserStacks;
use super::{CaptureError, program_info, snapshot};
use crate::raw::{RawRecord, RingDrops};

/// How long the ends of open waits are waited for at the end: in steps, a few time slices of a host at most. Longer waits, and those that sleep,
/// stay in flight in the books.
const END_STEP: Duration = Duration::from_millis(10);
const MAX_END_STEPS: u32 = 20;

/// Programs of level 0 and their hooks. `contention_end` first: an end without a begin is counted and ignored, a
/// begin without an end would look like a wait without end.
const CONTENTION: [(&str, &str); 2] = [
    ("contention_end", "lock:contention_end"),
    ("contention_begin", "lock:contention_begin"),
];

/// What follows a process tree.
const FORK: (&str, &str) = ("sched_process_fork", "sched:sched_process_fork");

/// What user space counts of a CPU, since attach.
#[derive(Clone, Copy, Default)]
struct CpuSums {
    nr_table_overflow: u64,
    nr_torn: u64,
    /// Whether the last copy was.
    is_torn: bool,
}

/// Attached probes. Dropping it detaches and frees everything, of level 1 a moment later; so does the end of the process.
pub struct Capture {
    /// `None` if it cannot be had.
    contention_begin: Option<OwnedFd>,
    control: ControlWord,
    states: MappedArray<CpuState>,
    banks: MappedArray<LockBank>,
    tasks: MappedArray<TaskSlot>,
    waits: Rings<WaitRecord, WAIT_RING>,
    stacks: Rings<StackRecord, STACK_RING>,
    user_stacks: UserStacks,
    samples: Rings<SampleRecord, SAMPLE_RING>,
    releases: Rings<ReleaseRecord, RELEASE_RING>,
    calls: Rings<CallRecord, CALL_RING>,
    sums: Vec<CpuSums>,
    logger: Option<EbpfLogger<&'static dyn log::Log>>,
    sampler: SamplerSource,
    offsets: KernelOffsets,
    refused: Vec<String>,
    level1: Level1,
    breakpoints: Breakpoints,
    members: Members,
    _fork_link: Option<BtfTracePointLink>,
    tracepoint_links: Vec<BtfTracePointLink>,
    sampler_links: Vec<PerfEventLink>,
}

impl Capture {
    /// Loads, checks the ABI and attaches. Where the kernel refuses what tells of releases, all else is attached;
    /// see [`Self::offsets`].
    ///
    /// # Errors
    /// Any [`CaptureError`]; nothing stays attached then.
    pub fn start(config: &CaptureConfig) -> Result<Self, CaptureError> {
        let mut offsets = config.offsets;
        let mut refused = Vec::new();
        loop {
            let error = match Self::start_with(config, offsets) {
                Ok(capture) => return Ok(Self { refused, ..capture }),
                Err(error) => error,
            };
            let Some(rest) = without_refused(&offsets, &error) else {
                return Err(error);
            };
            refused.push(format!("{:#}", anyhow::Error::from(error)));
            offsets = rest;
        }
    }

    fn start_with(config: &CaptureConfig, offsets: KernelOffsets) -> Result<Self, CaptureError> {
        let (mut ebpf, btf, nr_possible) =
            load_object(&offsets, &config.types, config.tasks, config.waits)?;
        let logger = EbpfLogger::init(&mut ebpf).ok();
        check_abi(&mut ebpf)?;

        for (program, _) in CONTENTION {
            load_tracepoint(&mut ebpf, &btf, program)?;
        }
        for &(program, _) in release_programs(&offsets) {
            load_tracepoint(&mut ebpf, &btf, program)?;
        }
        if config.tasks == TaskFilter::Tree {
            load_tracepoint(&mut ebpf, &btf, FORK.0)?;
        }
        load_sampler(&mut ebpf)?;

        // Only now: the programs were relocated with the descriptors that `take_map` hands out, and
        // hold the maps themselves from here on.
        let control = ControlWord::new(map(&mut ebpf, "CONTROL", 1)?, config.slice_mask);
        let nr = nr_possible as usize;
        let states = map(&mut ebpf, "CPU_STATE", nr)?;
        let banks = map(&mut ebpf, "LOCK_BANKS", 2 * nr)?;
        let tasks = map(&mut ebpf, "TASKS", TASK_SLOTS)?;
        let waits = Rings::new(map(&mut ebpf, "WAITS", nr)?);
        let stacks = Rings::new(map(&mut ebpf, "STACKS", nr)?);
        let nr_user = nr_user_rings(config.waits, nr_possible) as usize;
        let user_stacks = UserStacks::new(map(&mut ebpf, "USER_STACKS", nr_user)?);
        let samples = Rings::new(map(&mut ebpf, "SAMPLES", nr)?);
        let releases = Rings::new(map(&mut ebpf, "RELEASES", nr)?);
        let (calls, calls_map) = kept_map(&mut ebpf, "CALLS", nr)?;
        let calls = Rings::new(calls);

        let (activity, activity_map) = kept_map(&mut ebpf, "ACTIVITY", nr)?;
        let (runnable, runnable_map) = kept_map(&mut ebpf, "RUNNABLE", RUNNABLE_SLOTS)?;
        let nr_words = nr_member_words(config.tasks) as usize;
        let (members, members_map) = kept_map(&mut ebpf, "MEMBERS", nr_words)?;
        let maps = Arc::new(ActivityMaps::new(activity, runnable));
        let fds = [activity_map, runnable_map, members_map, calls_map];
        let groups = Groups::new(Arc::clone(&maps), fds, config.tasks);

        let (sampler, sampler_links) = attach_sampler(&mut ebpf, config.sample_hz)?;
        let mut fork_link = None;
        if config.tasks == TaskFilter::Tree {
            fork_link = Some(attach_tracepoint(&mut ebpf, FORK)?);
        }
        let mut tracepoint_links = Vec::new();
        for &each in release_programs(&offsets) {
            tracepoint_links.push(attach_tracepoint(&mut ebpf, each)?);
        }
        for each in CONTENTION {
            tracepoint_links.push(attach_tracepoint(&mut ebpf, each)?);
        }
        Ok(Self {
            contention_begin: program_fd(&ebpf, "contention_begin"),
            control,
            states,
            banks,
            tasks,
            waits,
            stacks,
            user_stacks,
            samples,
            releases,
            calls,
            sums: vec![CpuSums::default(); nr],
            logger,
            sampler,
            offsets,
            refused: Vec::new(),
            level1: Level1::new(maps, Loader::start(ebpf, btf, groups)),
            breakpoints: Breakpoints::default(),
            members: Members::new(members),
            _fork_link: fork_link,
            tracepoint_links,
            sampler_links,
        })
    }

    /// What drives the sampler.
    #[must_use]
    pub fn sampler(&self) -> SamplerSource {
        self.sampler
    }

    /// What of the kernel is used: the offsets that it was started with, less what was refused.
    #[must_use]
    pub const fn offsets(&self) -> &KernelOffsets {
        &self.offsets
    }

    /// Why what tells of releases is less than the kernel has, to be read after "failed to"; empty if it is all.
    #[must_use]
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// The processes of the tree, if the scope is one. Its forks are followed already.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Empties the rings into `sink`; says how full they were. Call it every 20 to 100 ms.
    pub fn drain(&mut self, sink: &mut Vec<RawRecord>) -> Drained {
        // Waits first: the stack of a wait that is over is in its ring already.
        let nr_waits = self
            .waits
            .drain(|_, record| sink.push(RawRecord::Wait(record)));
        let first_stack = sink.len();
        let stacks = self.stacks.drain_share(|cpu, record| {
            sink.push(RawRecord::Stack {
                cpu,
                record: Box::new(record),
                user: None,
            });
        });
        self.user_stacks
            .join(sink.get_mut(first_stack..).unwrap_or_default());
        let samples = self.samples.drain_share(|cpu, record| {
            sink.push(RawRecord::Sample {
                cpu,
                record: Box::new(record),
            });
        });
        let releases = self.releases.drain_share(|_, record| {
            sink.push(RawRecord::Release(record));
        });
        let calls = self
            .calls
            .drain_share(|cpu, record| sink.push(RawRecord::Call { cpu, record }));
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
        Drained {
            nr_waits,
            other_share: stacks.max(samples).max(releases).max(calls),
        }
    }

    /// Closes the window: the tables since the last close, and the state of every CPU now. Says whether all of it is of one
    /// moment: no copy torn, and no wait over meanwhile, which would be in the copies twice or not at all.
    pub fn close_window(&mut self, sink: &mut Vec<RawRecord>) -> bool {
        let nr_over = snapshot::nr_over(&self.states);
        let closed = self.control.flip_bank();
        let slice_mask = self.control.take_widest_mask();
        for cpu in 0..self.states.len() {
            // A bank that may still be written to keeps its sums for a later window.
            let is_quiet = snapshot::quiesce(&self.states, cpu);
            let nr_overflow = if is_quiet {
                snapshot::take_bank(&self.banks, cpu, closed, sink)
            } else {
                0
            };
            let Some((state, is_torn)) = snapshot::state(&self.states, cpu) else {
                continue;
            };
            let Some(sums) = self.sums.get_mut(cpu) else {
                continue;
            };
            sums.nr_table_overflow += u64::from(nr_overflow);
            sums.is_torn = is_torn || !is_quiet;
            sums.nr_torn += u64::from(sums.is_torn);
            let dropped = RingDrops {
                nr_waits: self.waits.nr_dropped(cpu),
                nr_stacks: self.stacks.nr_dropped(cpu),
                nr_samples: self.samples.nr_dropped(cpu),
                nr_releases: self.releases.nr_dropped(cpu),
                nr_calls: self.calls.nr_dropped(cpu),
                nr_user_stacks: self.user_stacks.nr_dropped(cpu),
                nr_waits_left_out: self.waits.nr_left_out(cpu),
                nr_releases_left_out: self.releases.nr_left_out(cpu),
                slice_mask,
            };
            sink.push(RawRecord::Cpu {
                cpu: u32::try_from(cpu).unwrap_or(u32::MAX),
                state,
                dropped,
                nr_table_overflow: sums.nr_table_overflow,
                nr_torn: sums.nr_torn,
            });
        }
        snapshot::open_tasks(&self.tasks, sink);
        let is_torn = self.sums.iter().any(|sums| sums.is_torn);
        let is_exact = !is_torn && snapshot::nr_over(&self.states) == nr_over;
        // Again: what ended before the flip is now either in the rings or among the waits left to be folded.
        self.drain(sink);
        self.level1.snapshot(sink);
        sink.push(RawRecord::RecursionMisses(self.recursion_misses()));
        is_exact
    }

    /// Nothing of the last copy is used, so nothing is lost by it.
    pub fn forget_snapshot(&mut self) {
        for sums in &mut self.sums {
            sums.nr_torn -= u64::from(std::mem::take(&mut sums.is_torn));
        }
    }

    /// Where the run queue of each CPU is, of those that the sampler found so far.
    #[must_use]
    pub fn runqueues(&self) -> Vec<(CpuId, LockAddr)> {
        snapshot::runqueues(&self.states)
    }

    /// Has these groups of probe level 1 attached, and the others detached, unless that is being done for others. Call it after a
    /// close; [`Self::groups`] says whether it was ordered.
    pub fn set_groups(&mut self, groups: GroupSet) {
        self.level1.set(groups);
    }

    /// Waits until that is done, `limit` at most; whether it is. Called at once, it makes the present window the first that sees
    /// them; otherwise the next one after they have come is.
    pub fn wait_for_groups(&mut self, limit: Duration) -> bool {
        self.level1.wait(limit)
    }

    /// A window begins, for all that the last close copied.
    pub fn begin_window(&mut self) {
        self.level1.begin_window();
    }

    /// Counts attempts of these from now on; see [`Self::take_attempts`].
    pub fn count_attempts(&mut self, suspects: &[Suspect]) {
        let level1 = &self.level1;
        self.breakpoints
            .count(suspects, |loaded| level1.load_calls(loaded));
    }

    /// What was counted last, if that is not too long ago. Waits for nothing.
    pub fn take_attempts(&mut self) -> Vec<SiteAttempts> {
        self.breakpoints.counted()
    }

    /// Whether attempts are told of, or will be; `None` if they were not to be, or nothing came of it.
    #[must_use]
    pub fn tells_attempts(&self) -> Option<bool> {
        self.breakpoints.is_told()
    }

    /// The groups that were ordered last.
    #[must_use]
    pub fn groups(&self) -> GroupSet {
        self.level1.groups()
    }

    /// Streams only waits that end in slices whose number has none of these bits; 0 streams all.
    pub fn set_slice_mask(&self, mask: u64) {
        self.control.set_slice_mask(mask);
    }

    /// At most one stack in so many begins.
    pub fn set_min_stack_period(&self, period: u32) {
        self.control.set_min_stack_period(period);
    }

    /// Books no wait that begins from now on, and gives those that are open a moment to end. What is attached stays so until
    /// this is dropped: on a host whose CPUs answer late that takes seconds, for which no answer has to wait.
    pub fn stop(&mut self) {
        self.breakpoints.stop();
        self.control.close();
        for _ in 0..MAX_END_STEPS {
            std::thread::sleep(END_STEP);
            if !snapshot::has_spinners(&self.states) {
                break;
            }
        }
        self.level1.leave();
        log::debug!("no wait that begins is booked any more");
    }

    /// Detaches level 0 now, after which nothing moves any more.
    pub fn detach(&mut self) {
        self.tracepoint_links.clear();
        self.sampler_links.clear();
    }

    fn recursion_misses(&self) -> Option<u64> {
        program_info::recursion_misses(self.contention_begin.as_ref()?.as_fd())
    }
}
