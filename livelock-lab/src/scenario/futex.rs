//! Futexes: the spinlock of a hash bucket.
//!
//! In: a plan. Out: threads that take the lock of one bucket, or of many. Refuses: to sleep; every call
//! fails or wakes nobody. The futexes are private, as those of threads are; one word is one bucket with
//! the global hash table and with the table per process of newer kernels alike.

use std::io;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::thread;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "futex-bucket",
        description: "futex wait that fails with EAGAIN on one word: all threads want one hash bucket",
        class: Class::FutexBucket,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: bucket,
    },
    Scenario {
        name: "futex-wake",
        description: "futex wake that finds 16 sleepers it may not wake: all threads want one hash bucket",
        class: Class::FutexBucket,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: wake,
    },
    Scenario {
        name: "futex-chain",
        description: "futex wake past 400 sleepers of one word: a long walk under a spinlock",
        class: Class::FutexBucket,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: chain,
    },
    Scenario {
        name: "futex-words",
        description: "futex wait that fails on a word per thread: many hash buckets, no contention",
        class: Class::KernelWork,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: words,
    },
];

/// Value of every word, and the value that failing waits claim to have seen: never equal.
const WORD_VALUE: u32 = 0;
const CLAIMED_VALUE: u32 = 1;

/// Sets of sleepers and of wakers: a waker never finds its bit in a sleeper.
const SLEEPERS_BIT: u32 = 1;
const WAKERS_BIT: u32 = 2;

/// Sleepers that make the time under the lock longer than that outside of it.
const NR_WAKE_SLEEPERS: usize = 16;

/// Sleepers of the long chain: some tens of microseconds to walk.
const NR_CHAIN_SLEEPERS: usize = 400;
const SLEEPER_STACK_BYTES: usize = 32 * 1024;

/// On lines of its own: the calls only read it, and nothing else may write near it.
#[repr(align(128))]
struct Word(AtomicU32);

static WORD: Word = Word(AtomicU32::new(WORD_VALUE));

fn bucket(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| fail_to_wait(&WORD))
}

fn words(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let word = Box::new(Word(AtomicU32::new(WORD_VALUE)));
        plan::op(move || fail_to_wait(&word))
    })
}

fn wake(_: &Plan) -> anyhow::Result<Work> {
    park(NR_WAKE_SLEEPERS)?;
    Work::shared(wake_nobody)
}

fn chain(_: &Plan) -> anyhow::Result<Work> {
    park(NR_CHAIN_SLEEPERS)?;
    Work::shared(wake_nobody)
}

/// A wait that leaves with EAGAIN under the lock of the bucket. Any other result is an error.
fn fail_to_wait(word: &Word) -> io::Result<()> {
    // SAFETY: the word outlives the call; a null timeout means none, and the kernel only reads the word.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.0.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            CLAIMED_VALUE,
            ptr::null::<libc::timespec>(),
        )
    };
    match sys::done(rc) {
        Err(err) if sys::is_errno(&err, libc::EAGAIN) => Ok(()),
        Err(err) => Err(err),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EPROTO)),
    }
}

/// A wake that walks the bucket under its lock and finds nobody with its bit.
fn wake_nobody() -> io::Result<()> {
    // SAFETY: the word is a static; the kernel does not even read it.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_futex,
            WORD.0.as_ptr(),
            libc::FUTEX_WAKE_BITSET | libc::FUTEX_PRIVATE_FLAG,
            i32::MAX,
            ptr::null::<libc::timespec>(),
            ptr::null::<u32>(),
            WAKERS_BIT,
        )
    };
    sys::done(rc).map(drop)
}

/// Puts `nr_sleepers` threads to sleep on the word. They end with the process.
fn park(nr_sleepers: usize) -> anyhow::Result<()> {
    for _ in 0..nr_sleepers {
        thread::Builder::new()
            .name("futex-sleeper".to_owned())
            .stack_size(SLEEPER_STACK_BYTES)
            .spawn(|| {
                loop {
                    sleep_with_bit();
                }
            })
            .context("failed to start a thread that sleeps; raise the limit with `ulimit -u`")?;
    }
    Ok(())
}

fn sleep_with_bit() {
    // SAFETY: the word is a static; a null timeout means none. Whatever ends the sleep, the caller
    // goes back to it.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            WORD.0.as_ptr(),
            libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
            WORD_VALUE,
            ptr::null::<libc::timespec>(),
            ptr::null::<u32>(),
            SLEEPERS_BIT,
        );
    }
}
