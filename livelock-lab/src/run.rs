//! Runs one scenario on many threads, and always comes back.
//!
//! In: a scenario and a [`Load`]. Out: the report on standard output. Refuses: to wait for
//! workers that starve. In a collapse 150 threads complete 162 operations a second together, so a
//! worker may take minutes to look at the stop flag; the counters are read first, the line is
//! printed, what the scenario made is undone, and what has not ended after [`JOIN_LIMIT`] is ended
//! with the process.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::args::Load;
use crate::catalog::Scenario;
use crate::cpus;
use crate::gate::Gate;
use crate::plan::{MakeOp, Op, Plan};
use crate::report::{self, Report};
use crate::signals::EndSignals;

/// How long workers get to end by themselves. Long enough for every healthy load (one operation is
/// microseconds), short enough for a script that waits.
const JOIN_LIMIT: Duration = Duration::from_secs(1);

/// How often `main` looks whether a worker failed or ended.
const POLL_PERIOD: Duration = Duration::from_millis(100);

/// Stack of a worker. It makes system calls and calls nothing deep; 150 of them must stay cheap.
const STACK_BYTES: usize = 128 * 1024;

/// The operation counter of one worker. Two cache lines, because adjacent lines are prefetched in
/// pairs: the lab must not contend where the scenario does not.
#[derive(Default)]
#[repr(align(128))]
struct Ops(AtomicU64);

/// What `main` and the workers share.
struct Shared {
    stop: AtomicBool,
    failed: AtomicBool,
    first_error: Mutex<Option<anyhow::Error>>,
    nr_ended: AtomicUsize,
    ops: Box<[Ops]>,
    start: Gate,
    make: MakeOp,
}

impl Shared {
    /// After the end a partner may be gone, and what it shared with it: no error then.
    fn keep_error(&self, err: anyhow::Error) {
        if self.stop.load(Ordering::Acquire) {
            return;
        }
        let mut first = self
            .first_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(err);
        self.failed.store(true, Ordering::Relaxed);
    }

    fn take_error(&self) -> Option<anyhow::Error> {
        self.first_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Runs `scenario` until the time is over or a signal arrives, then prints the report.
///
/// Does not return while workers still run: those are ended with the process.
pub(crate) fn run(scenario: &'static Scenario, load: &Load) -> anyhow::Result<()> {
    let plan = Plan {
        nr_threads: load.nr_threads().context("failed to count the CPUs")?,
        cpu_ids: cpus::allowed().context("failed to read the CPU affinity of this process")?,
    };
    let signals = EndSignals::block().context("failed to block SIGINT and SIGTERM")?;
    let work = (scenario.prepare)(&plan).context(scenario.name)?;
    let shared = Arc::new(Shared {
        stop: AtomicBool::new(false),
        failed: AtomicBool::new(false),
        first_error: Mutex::new(None),
        nr_ended: AtomicUsize::new(0),
        ops: (0..plan.nr_threads).map(|_| Ops::default()).collect(),
        start: Gate::default(),
        make: work.make,
    });
    start_workers(scenario, load, &plan, &shared)?;
    let begin = shared
        .start
        .open(plan.nr_threads)
        .context("failed to wake the threads")?;
    while let Some(left) = load
        .duration
        .checked_sub(begin.elapsed())
        .filter(|left| !left.is_zero())
    {
        let failed = shared.failed.load(Ordering::Relaxed);
        if failed || signals.wait(left.min(POLL_PERIOD)) {
            break;
        }
    }
    let duration_ns = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let ops_by_thread: Vec<u64> = shared
        .ops
        .iter()
        .map(|ops| ops.0.load(Ordering::Relaxed))
        .collect();
    shared.stop.store(true, Ordering::Release);

    let outcome = match shared.take_error() {
        None => Report::new(
            scenario.name,
            &ops_by_thread,
            duration_ns,
            report::load_1m(),
        )
        .print(),
        Some(err) => Err(err.context(scenario.name)),
    };
    let ended = all_ended(&shared, plan.nr_threads);
    drop(work.guards);
    if !ended {
        leave(&outcome);
    }
    outcome
}

fn start_workers(
    scenario: &'static Scenario,
    load: &Load,
    plan: &Plan,
    shared: &Arc<Shared>,
) -> anyhow::Result<()> {
    let nr_threads = plan.nr_threads;
    for index in 0..nr_threads {
        let cpu_id = if load.pin {
            plan.cpu_ids.get(index % plan.cpu_ids.len().max(1)).copied()
        } else {
            None
        };
        let shared = Arc::clone(shared);
        thread::Builder::new()
            .name(scenario.name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || work(&shared, index, cpu_id))
            .with_context(|| {
                format!(
                    "failed to start thread {index} of {nr_threads}; ask for fewer with --threads"
                )
            })?;
    }
    Ok(())
}

/// One worker: makes its operation, waits for the start, and keeps the first error of all workers.
fn work(shared: &Shared, index: usize, cpu_id: Option<usize>) {
    let made = cpu_id
        .map_or(Ok(()), cpus::pin_to)
        .context("failed to bind a thread to its CPU")
        .and_then(|()| (shared.make)(index));
    shared.start.pass();
    // The operation is dropped in here, with what it holds, before the thread counts as ended.
    let outcome = made.and_then(|op| repeat(shared, index, op).context("the operation failed"));
    if let Err(err) = outcome {
        shared.keep_error(err);
    }
    shared.nr_ended.fetch_add(1, Ordering::Release);
}

/// Counts what `op` completes, looks at the stop flag after each operation.
fn repeat(shared: &Shared, index: usize, mut op: Op) -> io::Result<()> {
    let Some(ops) = shared.ops.get(index) else {
        return Ok(());
    };
    let mut nr_ops = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        nr_ops += op()?;
        ops.0.store(nr_ops, Ordering::Relaxed);
    }
    Ok(())
}

/// Waits for the workers, for at most [`JOIN_LIMIT`].
fn all_ended(shared: &Shared, nr_threads: usize) -> bool {
    let begin = Instant::now();
    loop {
        if shared.nr_ended.load(Ordering::Acquire) == nr_threads {
            return true;
        }
        if begin.elapsed() >= JOIN_LIMIT {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Ends the process with the workers that still run, without destructors that could wait for them.
fn leave(outcome: &anyhow::Result<()>) -> ! {
    let code = match outcome {
        Ok(()) => 0,
        Err(err) => crate::complain(err),
    };
    // SAFETY: ends the process at once; the report has been flushed.
    unsafe { libc::_exit(code.into()) }
}
