//! Files and pipes that all threads share: the locks of one table, one counter, one pipe, one poll set.
//!
//! In: a plan. Out: threads that repeat one operation on one descriptor. Refuses: more threads than
//! the process may have open files, because each may hold one for a moment.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fd-table",
        description: "dup and close on one shared file table: all threads want files->file_lock",
        class: Class::SpinCollapse,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: fd_table,
    },
    Scenario {
        name: "eventfd-shared",
        description: "write to one event counter that 16 poll sets watch: all threads want the lock of its wait queue",
        class: Class::SpinCollapse,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: eventfd_shared,
    },
    Scenario {
        name: "timerfd-shared",
        description: "set one timer anew from all threads: they want the lock of its wait queue",
        class: Class::SpinCollapse,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: timerfd_shared,
    },
    Scenario {
        name: "pipe-shared",
        description: "write to and read from one pipe: spins for its mutex, and bytes still flow",
        class: Class::MutexSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: pipe_shared,
    },
    Scenario {
        name: "pipe-resize",
        description: "many threads resize one pipe and compute in between: its mutex is contended, user code progresses",
        class: Class::MutexSpin,
        expected_status: Status::Contended,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: pipe_resize,
    },
    Scenario {
        name: "epoll-ctl",
        description: "change one epoll set from all threads: spins for its mutex",
        class: Class::MutexSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: epoll_ctl,
    },
    Scenario {
        name: "shared-fd-read",
        description: "read one byte through one descriptor: all threads count its users up and down",
        class: Class::AtomicHotLine,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: shared_fd_read,
    },
];

/// Files that are open beside one per thread: the standard streams, the one that is duplicated,
/// what `main` opens to read the load average, and some that were inherited.
const SPARE_FILES: u64 = 24;

/// Steps of computation between two resizes of a pipe: some microseconds.
const NR_STEPS: u64 = 1500;

/// Poll sets that watch the shared event counter.
const NR_WATCHERS: usize = 16;

/// The two sizes in bytes, in turn: a resize to the present size would do nothing.
const SIZES_BYTES: [libc::c_int; 2] = [65_536, 1_048_576];

/// Far enough that the timer never expires.
const FAR_SECS: libc::time_t = 1_000;

fn fd_table(plan: &Plan) -> anyhow::Result<Work> {
    Work::shared(dup_and_close(plan)?)
}

/// An operation on the file table of this process.
pub(crate) fn dup_and_close(
    plan: &Plan,
) -> anyhow::Result<impl Fn() -> io::Result<()> + Clone + Send + Sync + 'static> {
    raise_file_limit(plan.nr_threads as u64 + SPARE_FILES)?;
    let file = Arc::new(
        File::open("/dev/null")
            .context("failed to open /dev/null; is devtmpfs mounted on /dev?")?,
    );
    Ok(move || {
        // SAFETY: `file` is open for as long as this closure lives.
        let copy_fd = sys::done(unsafe { libc::dup(file.as_raw_fd()) })?;
        // SAFETY: `copy_fd` was made above and nobody else knows it.
        sys::done(unsafe { libc::close(copy_fd) }).map(drop)
    })
}

/// The poll sets make the time under the lock longer than that outside of it, so that all threads queue.
fn eventfd_shared(_: &Plan) -> anyhow::Result<Work> {
    let counter = Arc::new(sys::eventfd(0).context("failed to make an event counter")?);
    raise_file_limit(NR_WATCHERS as u64 + SPARE_FILES)?;
    let mut sets = Vec::new();
    for _ in 0..NR_WATCHERS {
        let set = epoll()?;
        watch(&set, &counter, libc::EPOLLIN.cast_unsigned()).context("failed to watch a file")?;
        sets.push(set);
    }
    let work = Work::by_thread(move |_| {
        let counter = Arc::clone(&counter);
        // Nobody reads: it would take ages to fill a counter of 64 bits.
        plan::op(move || sys::write(&counter, &1_u64.to_ne_bytes()).map(drop))
    })?;
    Ok(work.keep(sets))
}

fn timerfd_shared(_: &Plan) -> anyhow::Result<Work> {
    // SAFETY: takes numbers only.
    let timer = sys::own_fd(unsafe {
        libc::timerfd_create(
            libc::CLOCK_MONOTONIC,
            libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
        )
    })
    .context("failed to make a timer")?;
    let timer = Arc::new(timer);
    Work::shared(move || {
        let mut value: libc::itimerspec = spec();
        value.it_value.tv_sec = FAR_SECS;
        // SAFETY: the kernel reads a live local; a null old value is allowed.
        sys::done(unsafe {
            libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const value, ptr::null_mut())
        })
        .map(drop)
    })
}

fn spec() -> libc::itimerspec {
    // SAFETY: made of integers, for which zero is valid.
    unsafe { mem::zeroed() }
}

fn pipe_shared(_: &Plan) -> anyhow::Result<Work> {
    let ends = Arc::new(sys::pipe(libc::O_NONBLOCK).context("failed to make a pipe")?);
    Work::by_thread(move |_| {
        let ends = Arc::clone(&ends);
        plan::counted(move || {
            let written = sys::tried(sys::write(&ends.1, &[0; 64]))?;
            let read = sys::tried(sys::read(&ends.0, &mut [0; 64]))?;
            Ok(written & read)
        })
    })
}

fn pipe_resize(_: &Plan) -> anyhow::Result<Work> {
    let ends = Arc::new(sys::pipe(0).context("failed to make a pipe")?);
    let turn = Arc::new(AtomicU64::new(0));
    Work::shared(move || {
        let size = SIZES_BYTES[usize::from(turn.fetch_add(1, Ordering::Relaxed) % 2 == 1)];
        // SAFETY: takes numbers; the pipe stays open for as long as this closure lives.
        sys::done(unsafe { libc::fcntl(ends.1.as_raw_fd(), libc::F_SETPIPE_SZ, size) })?;
        for step in 0..NR_STEPS {
            black_box(step);
        }
        Ok(())
    })
}

fn epoll_ctl(_: &Plan) -> anyhow::Result<Work> {
    let set = Arc::new(epoll()?);
    Work::by_thread(move |_| {
        let set = Arc::clone(&set);
        let watched = sys::eventfd(0).context("failed to make an event counter")?;
        plan::op(move || {
            watch(&set, &watched, libc::EPOLLIN.cast_unsigned())?;
            // SAFETY: both descriptors are open; an event is not read when removing.
            sys::done(unsafe {
                libc::epoll_ctl(
                    set.as_raw_fd(),
                    libc::EPOLL_CTL_DEL,
                    watched.as_raw_fd(),
                    ptr::null_mut(),
                )
            })
            .map(drop)
        })
    })
}

/// A set of files to poll.
pub(crate) fn epoll() -> anyhow::Result<OwnedFd> {
    // SAFETY: takes a number.
    sys::own_fd(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
        .context("failed to make an epoll set")
}

/// Adds a file to a set.
pub(crate) fn watch(set: &OwnedFd, watched: &OwnedFd, events: u32) -> io::Result<()> {
    let mut event = libc::epoll_event { events, u64: 0 };
    // SAFETY: both descriptors are open, the event is a live local.
    sys::done(unsafe {
        libc::epoll_ctl(
            set.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            watched.as_raw_fd(),
            &raw mut event,
        )
    })
    .map(drop)
}

fn shared_fd_read(_: &Plan) -> anyhow::Result<Work> {
    let file = Arc::new(
        File::open("/dev/zero")
            .context("failed to open /dev/zero; is devtmpfs mounted on /dev?")?,
    );
    Work::shared(move || file.read_at(&mut [0], 0).map(drop))
}

/// Raises the soft limit of open files to the hard one if the soft one is too small.
pub(crate) fn raise_file_limit(nr_files: u64) -> anyhow::Result<()> {
    // SAFETY: `rlimit` holds two integers, for which zero is valid.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes into a live local.
    sys::done(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })
        .context("failed to read the limit of open files")?;
    if limit.rlim_cur >= nr_files {
        return Ok(());
    }
    ensure!(
        limit.rlim_max >= nr_files,
        "{nr_files} open files are needed, the hard limit is {}; raise it with `ulimit -Hn {nr_files}` or ask for fewer --threads",
        limit.rlim_max
    );
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel only reads the struct.
    sys::done(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
        .context("failed to raise the limit of open files")
        .map(drop)
}
