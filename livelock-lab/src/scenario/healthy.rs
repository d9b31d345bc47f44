//! Loads that are busy, or idle, and nothing else: computation, harmless system calls, sleep.
//!
//! In: a plan. Out: look-alikes that must never be accused. Refuses: locks and cache lines that two
//! threads share.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::child;
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::scenario::files;
use crate::scratch::Scratch;
use crate::sys::{self, Region};

const fn look_alike(
    name: &'static str,
    class: Class,
    expected_status: Status,
    prepare: fn(&Plan) -> anyhow::Result<Work>,
    description: &'static str,
) -> Scenario {
    Scenario {
        name,
        description,
        class,
        expected_status,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare,
    }
}

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    look_alike(
        "compute",
        Class::UserCompute,
        Status::Busy,
        compute,
        "arithmetic in registers: all CPUs busy in user mode, no kernel lock",
    ),
    look_alike(
        "memory-bound",
        Class::UserCompute,
        Status::Busy,
        memory_bound,
        "a compressor's inner loop over 8 MiB a thread: waits for memory, in user mode",
    ),
    look_alike(
        "getppid",
        Class::KernelWork,
        Status::Busy,
        getppid,
        "a system call without a lock, in a loop: all CPUs busy in the kernel, progressing",
    ),
    look_alike(
        "getrandom",
        Class::KernelWork,
        Status::Busy,
        getrandom,
        "reads 4 KiB of random bytes at a time: long, useful work in the kernel",
    ),
    look_alike(
        "urandom-read",
        Class::KernelWork,
        Status::Busy,
        urandom,
        "reads /dev/urandom through a file of its own a thread",
    ),
    look_alike(
        "page-cache-read",
        Class::KernelWork,
        Status::Busy,
        page_cache_read,
        "reads 64 KiB at a time of a file that is in the page cache",
    ),
    look_alike(
        "fork-exec",
        Class::KernelWork,
        Status::Contended,
        fork_exec,
        "starts a program and waits for it, again and again, as a shell script or a build does",
    ),
    look_alike(
        "alloc-processes",
        Class::KernelWork,
        Status::Contended,
        alloc_processes,
        "a process per thread maps, fills and unmaps 1 MiB: page faults without a shared mm",
    ),
    look_alike(
        "sched-yield",
        Class::UserCompute,
        Status::Busy,
        sched_yield,
        "computes and yields in turn",
    ),
    look_alike(
        "nanosleep",
        Class::None,
        Status::Busy,
        nanosleep,
        "sleeps 50 us at a time: many timers and switches, little work",
    ),
    look_alike(
        "idle",
        Class::None,
        Status::Healthy,
        idle,
        "sleeps 10 ms at a time",
    ),
    look_alike(
        "short-burst",
        Class::UserCompute,
        Status::Contended,
        short_burst,
        "2 s of dup and close on one file table, then arithmetic: a burst is no live lock",
    ),
];

/// Rounds of one computation: a few microseconds, so that the counter costs nothing beside them.
const NR_ROUNDS: u32 = 1_000;

/// Size of the window of [`memory_bound`] per thread: larger than second-level caches.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that one operation of [`memory_bound`] looks at.
const CHUNK_BYTES: usize = 64 * 1024;

const PAGE_CACHE_FILE_BYTES: usize = 4 * 1024 * 1024;
const ALLOCATION_BYTES: usize = 1024 * 1024;
const BURST: Duration = Duration::from_secs(2);

/// Arithmetic in registers.
pub(crate) fn burn_rounds(nr_rounds: u32) {
    let mut state = black_box(0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..nr_rounds {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
}

fn compute(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        burn_rounds(NR_ROUNDS);
        Ok(())
    })
}

/// Looks for matches as LZ77 does: a hash of four bytes leads to an earlier place, which is compared.
fn memory_bound(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|index| {
        let window: Vec<u8> = (0..WINDOW_BYTES)
            .map(|at| ((at * (index + 7)) >> 3) as u8)
            .collect();
        let mut heads = vec![0_u32; 1 << 16];
        let mut at = 0;
        plan::op(move || {
            let mut matched_bytes = 0;
            let end = at + CHUNK_BYTES;
            for place in at..end - 8 {
                let key = u32::from_le_bytes([
                    window[place],
                    window[place + 1],
                    window[place + 2],
                    window[place + 3],
                ]);
                let slot = (key.wrapping_mul(0x9e37_79b1) >> 16) as usize;
                let earlier = heads[slot] as usize;
                heads[slot] = place as u32;
                matched_bytes += window[earlier..earlier + 8]
                    .iter()
                    .zip(&window[place..place + 8])
                    .take_while(|(a, b)| a == b)
                    .count();
            }
            black_box(matched_bytes);
            at = end % WINDOW_BYTES;
            Ok(())
        })
    })
}

fn getppid(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        // Not libc's wrapper, which another libc might answer from a cache.
        // SAFETY: `getppid` takes no argument and cannot fail.
        unsafe { libc::syscall(libc::SYS_getppid) };
        Ok(())
    })
}

fn getrandom(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let mut bytes = vec![0_u8; 4096];
        plan::op(move || {
            // SAFETY: the kernel writes at most the length of a live buffer.
            sys::done(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) })
                .map(drop)
        })
    })
}

fn urandom(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let mut file = File::open("/dev/urandom")
            .context("failed to open /dev/urandom; is devtmpfs mounted on /dev?")?;
        let mut bytes = vec![0_u8; 4096];
        plan::op(move || file.read_exact(&mut bytes))
    })
}

fn page_cache_read(plan: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::new()?;
    let files: Vec<_> = (0..plan.nr_threads)
        .map(|index| scratch.file(&format!("cached-{index}"), PAGE_CACHE_FILE_BYTES))
        .collect::<Result<_, _>>()?;
    let files = Arc::new(files);
    Ok(Work::by_thread(move |index| {
        let files = Arc::clone(&files);
        let mut bytes = vec![0_u8; CHUNK_BYTES];
        let mut at = 0;
        plan::op(move || {
            let file = files
                .get(index)
                .ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
            file.read_exact_at(&mut bytes, at)?;
            at = (at + CHUNK_BYTES as u64) % PAGE_CACHE_FILE_BYTES as u64;
            Ok(())
        })
    })?
    .keep(scratch))
}

/// Starts this program with `--version`: it is there on every machine that runs the lab.
fn fork_exec(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        let status = Command::new("/proc/self/exe")
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::ECHILD))
        }
    })
}

fn alloc_processes(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        child::in_process(|| {
            let region = Region::anonymous(
                ALLOCATION_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE,
            )?;
            region.touch();
            Ok(1)
        })
    })
}

fn sched_yield(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        burn_rounds(NR_ROUNDS * 10);
        thread::yield_now();
        Ok(())
    })
}

fn nanosleep(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        thread::sleep(Duration::from_micros(50));
        Ok(())
    })
}

fn idle(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        thread::sleep(Duration::from_millis(10));
        Ok(())
    })
}

fn short_burst(plan: &Plan) -> anyhow::Result<Work> {
    let dup_and_close = files::dup_and_close(plan)?;
    Work::by_thread(move |_| {
        let dup_and_close = dup_and_close.clone();
        let mut begin = None;
        plan::op(move || {
            if begin.get_or_insert_with(Instant::now).elapsed() < BURST {
                dup_and_close()
            } else {
                burn_rounds(NR_ROUNDS);
                Ok(())
            }
        })
    })
}
