//! Runs one operation on many threads, and always comes back.
//!
//! In: an operation and a [`Load`]. Out: the report on standard output. Refuses: to wait for
//! workers that starve. In a collapse 150 threads complete 162 operations a second together, so a
//! worker may take minutes to look at the stop flag; the counters are read first, the line is
//! printed, and what has not ended after [`JOIN_LIMIT`] is ended with the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::args::Load;
use crate::cpus;
use crate::gate::Gate;
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
    first_errno: AtomicI32,
    nr_ended: AtomicUsize,
    ops: Box<[Ops]>,
    start: Gate,
}

/// Runs `op` on every thread until the time is over or a signal arrives, then prints the report.
///
/// Does not return while workers still run: those are ended with the process.
pub(crate) fn run<O>(scenario: &'static str, load: &Load, op: O) -> anyhow::Result<()>
where
    O: Fn() -> io::Result<()> + Send + Sync + 'static,
{
    let cpu_ids = cpus::allowed().context("failed to read the CPU affinity of this process")?;
    let nr_threads = load.nr_threads().context("failed to count the CPUs")?;
    let signals = EndSignals::block().context("failed to block SIGINT and SIGTERM")?;
    let shared = Arc::new(Shared {
        stop: AtomicBool::new(false),
        first_errno: AtomicI32::new(0),
        nr_ended: AtomicUsize::new(0),
        ops: (0..nr_threads).map(|_| Ops::default()).collect(),
        start: Gate::default(),
    });
    let op = Arc::new(op);
    for index in 0..nr_threads {
        let cpu_id = if load.pin {
            cpu_ids.get(index % cpu_ids.len().max(1)).copied()
        } else {
            None
        };
        let (shared, op) = (Arc::clone(&shared), Arc::clone(&op));
        thread::Builder::new()
            .name(scenario.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || work(&shared, index, cpu_id, &*op))
            .with_context(|| {
                format!(
                    "failed to start thread {index} of {nr_threads}; ask for fewer with --threads"
                )
            })?;
    }

    let begin = shared
        .start
        .open(nr_threads)
        .context("failed to wake the threads")?;
    while let Some(left) = load
        .duration
        .checked_sub(begin.elapsed())
        .filter(|left| !left.is_zero())
    {
        let failed = shared.first_errno.load(Ordering::Relaxed) != 0;
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
    shared.stop.store(true, Ordering::Relaxed);

    let errno = shared.first_errno.load(Ordering::Relaxed);
    let outcome = if errno == 0 {
        Report::new(scenario, &ops_by_thread, duration_ns, report::load_1m()).print()
    } else {
        Err(anyhow::Error::from(io::Error::from_raw_os_error(errno)))
            .with_context(|| format!("{scenario}: the operation failed"))
    };
    if !all_ended(&shared, nr_threads) {
        leave(outcome);
    }
    outcome
}

/// One worker: counts what it completes, looks at the stop flag after each operation.
fn work<O: Fn() -> io::Result<()>>(shared: &Shared, index: usize, cpu_id: Option<usize>, op: &O) {
    let pinned = cpu_id.map_or(Ok(()), cpus::pin_to);
    shared.start.pass();
    let outcome = pinned.and_then(|()| {
        let Some(ops) = shared.ops.get(index) else {
            return Ok(());
        };
        let mut nr_ops = 0;
        while !shared.stop.load(Ordering::Relaxed) {
            op()?;
            nr_ops += 1;
            ops.0.store(nr_ops, Ordering::Relaxed);
        }
        Ok(())
    });
    if let Err(err) = outcome {
        let errno = err.raw_os_error().unwrap_or(libc::EIO);
        shared.first_errno.store(errno, Ordering::Relaxed);
    }
    shared.nr_ended.fetch_add(1, Ordering::Release);
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
fn leave(outcome: anyhow::Result<()>) -> ! {
    let code = match outcome {
        Ok(()) => 0,
        Err(err) => {
            eprintln!("livelock-lab: {err:#}");
            1
        }
    };
    // SAFETY: ends the process at once; the report has been flushed.
    unsafe { libc::_exit(code) }
}
