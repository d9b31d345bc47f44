//! The gate in front of the load: all workers start at one moment that `main` knows.
//!
//! In: workers that arrive. Out: the moment of the start. Refuses: a lock. `std::sync::Barrier` hands
//! its mutex from one woken thread to the next; with 300 threads on two CPUs the first ones ran for
//! 30 s before the last one, `main`, could look at the clock.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{io, ptr};

/// How often `main` looks whether all workers have arrived. Those that have are asleep.
const POLL_PERIOD: Duration = Duration::from_millis(1);

/// Values of the gate's word.
const CLOSED: u32 = 0;
const OPEN: u32 = 1;

/// A gate that opens once.
#[derive(Default)]
pub(crate) struct Gate {
    word: AtomicU32,
    nr_arrived: AtomicUsize,
}

impl Gate {
    /// Worker: waits for the gate to open.
    pub(crate) fn pass(&self) {
        self.nr_arrived.fetch_add(1, Ordering::Release);
        while self.word.load(Ordering::Acquire) == CLOSED {
            // SAFETY: the word outlives the call; a null timeout means none. Whatever the call
            // returns (EAGAIN if the gate has just opened, EINTR), the loop looks again.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    self.word.as_ptr(),
                    libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                    CLOSED,
                    ptr::null::<libc::timespec>(),
                );
            }
        }
    }

    /// `main`: waits until all workers are there, opens the gate, and says when that was.
    pub(crate) fn open(&self, nr_workers: usize) -> io::Result<Instant> {
        while self.nr_arrived.load(Ordering::Acquire) < nr_workers {
            thread::sleep(POLL_PERIOD);
        }
        let begin = Instant::now();
        self.word.store(OPEN, Ordering::Release);
        // SAFETY: the word outlives the call, which only wakes.
        let rc = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.word.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                i32::MAX,
            )
        };
        if rc < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(begin)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn nobody_passes_before_it_opens() {
        let gate = Arc::new(Gate::default());
        let workers: Vec<_> = (0..20)
            .map(|_| {
                let gate = Arc::clone(&gate);
                thread::spawn(move || {
                    gate.pass();
                    Instant::now()
                })
            })
            .collect();
        let begin = gate.open(workers.len()).unwrap();
        for worker in workers {
            assert!(worker.join().unwrap() >= begin);
        }
    }
}
