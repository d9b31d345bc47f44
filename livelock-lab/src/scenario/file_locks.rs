//! Locks of files: the spinlock of a file's lock list, long lists, sleeping waiters, and two parties
//! that try and back off.
//!
//! In: a plan. Out: threads that lock one file. Refuses: locks that outlive the process.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::scenario::healthy::burn_rounds;
use crate::scratch::Scratch;
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "posix-lock",
        description: "lock and unlock a range of one file: all threads want the lock of its lock list",
        class: Class::SpinCollapse,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: posix_lock,
    },
    Scenario {
        name: "lock-list",
        description: "ask for a lock on a file with 4000 of them: a long walk under a spinlock",
        class: Class::LongHold,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: lock_list,
    },
    Scenario {
        name: "flock-wait",
        description: "flock one file, compute, unlock: the waiters sleep, one works at a time",
        class: Class::SleepingLock,
        expected_status: Status::Contended,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: flock_wait,
    },
    Scenario {
        name: "trylock-dance",
        description: "hold one file, try the neighbour's, back off, try again: only user space sees that nobody gets both",
        class: Class::TrylockRetry,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::TWO_CPUS,
        prepare: trylock_dance,
    },
];

/// Locks on the long list. Every other byte, so that they do not merge.
const NR_LOCKS: i64 = 4_000;

fn scratch_file() -> anyhow::Result<(Scratch, File)> {
    let scratch = Scratch::new()?;
    let file = scratch.file("locked", 0)?;
    Ok((scratch, file))
}

fn range(kind: libc::c_int, start: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: 1,
        l_pid: 0,
    }
}

fn control(file: &File, command: libc::c_int, mut range: libc::flock) -> io::Result<()> {
    // SAFETY: the file is open; the kernel reads and writes a live local.
    sys::done(unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut range) }).map(drop)
}

/// Locks of one process never conflict: no thread ever waits or fails.
fn posix_lock(_: &Plan) -> anyhow::Result<Work> {
    let (scratch, file) = scratch_file()?;
    let file = Arc::new(file);
    Ok(Work::by_thread(move |index| {
        let file = Arc::clone(&file);
        let start = index as i64 * 2;
        plan::op(move || {
            control(&file, libc::F_SETLK, range(libc::F_WRLCK, start))?;
            control(&file, libc::F_SETLK, range(libc::F_UNLCK, start))
        })
    })?
    .keep(scratch))
}

fn lock_list(_: &Plan) -> anyhow::Result<Work> {
    let (scratch, file) = scratch_file()?;
    for index in 0..NR_LOCKS {
        control(&file, libc::F_SETLK, range(libc::F_RDLCK, index * 2))
            .context("failed to lock 4000 ranges of a file; raise the limit with `ulimit -x`")?;
    }
    let file = Arc::new(file);
    Ok(
        Work::shared(move || control(&file, libc::F_GETLK, range(libc::F_WRLCK, NR_LOCKS * 2)))?
            .keep(scratch),
    )
}

/// Locks or unlocks a whole file.
pub(crate) fn flock(file: &File, operation: libc::c_int) -> io::Result<()> {
    // SAFETY: takes numbers; the file is open.
    sys::done(unsafe { libc::flock(file.as_raw_fd(), operation) }).map(drop)
}

fn flock_wait(_: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::new()?;
    scratch.file("locked", 0)?;
    let path = scratch.path().join("locked");
    Ok(Work::by_thread(move |_| {
        let file = File::open(&path).context("failed to open the file to lock")?;
        plan::op(move || {
            flock(&file, libc::LOCK_EX)?;
            burn_rounds(10_000);
            flock(&file, libc::LOCK_UN)
        })
    })?
    .keep(scratch))
}

/// As dining philosophers who are polite: each holds its own fork, looks whether the neighbour's is
/// free, and puts its own down again.
fn trylock_dance(plan: &Plan) -> anyhow::Result<Work> {
    plan.at_least(2)?;
    let nr_threads = plan.nr_threads;
    let scratch = Scratch::new()?;
    for index in 0..nr_threads {
        scratch.file(&format!("fork-{index}"), 0)?;
    }
    let folder = scratch.path().to_owned();
    Ok(Work::by_thread(move |index| {
        let open = |index: usize| {
            File::open(folder.join(format!("fork-{}", index % nr_threads)))
                .context("failed to open a file to lock")
        };
        let (mine, other) = (open(index)?, open(index + 1)?);
        plan::counted(move || {
            if sys::tried(flock(&mine, libc::LOCK_EX | libc::LOCK_NB))? == 0 {
                return Ok(0);
            }
            let nr_got = sys::tried(flock(&other, libc::LOCK_EX | libc::LOCK_NB))?;
            if nr_got == 1 {
                flock(&other, libc::LOCK_UN)?;
            }
            flock(&mine, libc::LOCK_UN)?;
            Ok(nr_got)
        })
    })?
    .keep(scratch))
}
