//! What capture hands to decode: wire records with the CPU they came from.
//!
//! In: copies of kernel memory. Out: the input of `decode`. Refuses: interpretation.

use livelock_common::{
    CallRecord, CpuActivity, CpuState, LockAgg, ReleaseRecord, RunnableSlot, SampleRecord,
    StackRecord, TaskSlot, UserStackRecord, WaitRecord,
};
use livelock_core::probes::ProbeSet;

/// One record as the kernel side wrote it.
#[derive(Clone)]
pub enum RawRecord {
    /// A completed wait from a CPU's ring.
    Wait(WaitRecord),
    /// A stack from a CPU's ring.
    Stack {
        /// CPU of the ring.
        cpu: u32,
        /// Record.
        record: Box<StackRecord>,
        /// Its user side, if it was asked for and there is one.
        user: Option<Box<UserStackRecord>>,
    },
    /// A sample from a CPU's ring.
    Sample {
        /// CPU of the ring.
        cpu: u32,
        /// Record.
        record: Box<SampleRecord>,
    },
    /// The release of a lock.
    Release(ReleaseRecord),
    /// A watched call from a CPU's ring.
    Call {
        /// CPU of the ring.
        cpu: u32,
        /// Record.
        record: CallRecord,
    },
    /// A lock's sums on one CPU in the window just closed.
    Lock {
        /// CPU of the table.
        cpu: u32,
        /// Whether this is the entry of all locks that did not fit.
        is_overflow: bool,
        /// Sums.
        entry: Box<LockAgg>,
    },
    /// A CPU's state at the close of the window.
    Cpu {
        /// CPU.
        cpu: u32,
        /// State.
        state: Box<CpuState>,
        /// Records dropped by its rings since attach.
        dropped: RingDrops,
        /// Begins that found no room in the lock table, since attach.
        nr_table_overflow: u64,
        /// Copies, since attach, that may mix two moments.
        nr_torn: u64,
    },
    /// A task's sleeping wait, open at the close of the window.
    Task(TaskSlot),
    /// A CPU's counters of probe level 1 at the close of the window.
    Activity {
        /// CPU.
        cpu: u32,
        /// Programs that are attached.
        probes: ProbeSet,
        /// Counters.
        activity: Box<CpuActivity>,
    },
    /// A task that waits to run at the close of the window.
    Runnable(RunnableSlot),
    /// Begins that the kernel skipped since attach; `None` where it does not count.
    RecursionMisses(Option<u64>),
}

/// Records dropped because a ring was full, since attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingDrops {
    /// Completed waits.
    pub nr_waits: u64,
    /// Stacks.
    pub nr_stacks: u64,
    /// Samples.
    pub nr_samples: u64,
    /// Releases.
    pub nr_releases: u64,
    /// Watched calls.
    pub nr_calls: u64,
    /// User sides of stacks.
    pub nr_user_stacks: u64,
    /// Waits that were not to be streamed, which is no loss.
    pub nr_waits_left_out: u64,
    /// The same of releases.
    pub nr_releases_left_out: u64,
    /// The widest mask of moments that were not streamed, since some copy before.
    pub slice_mask: u64,
}

/// Wire records: `repr(C)`, integers only, no padding.
///
/// # Safety
/// Every bit pattern of the type's size must be a value of it.
unsafe trait Plain: Copy {}

// SAFETY: integers and arrays of integers, asserted free of padding in `livelock-common`.
unsafe impl Plain for WaitRecord {}
// SAFETY: as above.
unsafe impl Plain for StackRecord {}
// SAFETY: as above.
unsafe impl Plain for UserStackRecord {}
// SAFETY: as above.
unsafe impl Plain for SampleRecord {}
// SAFETY: as above.
unsafe impl Plain for LockAgg {}
// SAFETY: as above.
unsafe impl Plain for CpuState {}
// SAFETY: as above.
unsafe impl Plain for TaskSlot {}
// SAFETY: as above.
unsafe impl Plain for CpuActivity {}
// SAFETY: as above.
unsafe impl Plain for RunnableSlot {}
// SAFETY: as above.
unsafe impl Plain for ReleaseRecord {}
// SAFETY: as above.
unsafe impl Plain for CallRecord {}

/// The first bytes of `bytes` as a record; `None` if they are too few.
fn read<T: Plain>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    // SAFETY: as many bytes as `T` has, of which every pattern is valid.
    Some(unsafe { std::ptr::read_unaligned(bytes.as_ptr().cast()) })
}

impl RawRecord {
    /// Kinds that [`RawRecord::of_bytes`] tells apart.
    pub const NR_KINDS: u8 = 10;

    /// A record of `kind` (0 to 9, watched calls last) from the bytes of the wire; `None` if
    /// they are too few or the kind is none.
    #[must_use]
    pub fn of_bytes(kind: u8, cpu: u32, bytes: &[u8]) -> Option<Self> {
        Some(match kind {
            0 => Self::Wait(read(bytes)?),
            1 => Self::Stack {
                cpu,
                record: Box::new(read(bytes)?),
                user: bytes
                    .get(size_of::<StackRecord>()..)
                    .and_then(|rest| Some(Box::new(read(rest)?))),
            },
            2 => Self::Sample {
                cpu,
                record: Box::new(read(bytes)?),
            },
            3 => Self::Lock {
                cpu,
                is_overflow: false,
                entry: Box::new(read(bytes)?),
            },
            4 => Self::Cpu {
                cpu,
                state: Box::new(read(bytes)?),
                dropped: RingDrops::default(),
                nr_table_overflow: 0,
                nr_torn: 0,
            },
            5 => Self::Task(read(bytes)?),
            6 => Self::Activity {
                cpu,
                probes: ProbeSet::default(),
                activity: Box::new(read(bytes)?),
            },
            7 => Self::Runnable(read(bytes)?),
            8 => Self::Release(read(bytes)?),
            9 => Self::Call {
                cpu,
                record: read(bytes)?,
            },
            _ => return None,
        })
    }
}
