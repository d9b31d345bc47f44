//! Positive: futex waits that fail at once, all on one word.
//!
//! In: a load. Out: every thread in `futex_wait_setup`, which takes the spinlock of the word's hash
//! bucket, compares the value, and leaves with EAGAIN. Refuses: any other result. The futex is
//! private, as those of threads are; one word is one bucket with the global hash table and with the
//! table per process of newer kernels alike.

use std::io;
use std::ptr;
use std::sync::atomic::AtomicU32;

use crate::args::Load;
use crate::run::run;

/// Value of the word, and the value that the waits claim to have seen: never equal, so nobody sleeps.
const WORD_VALUE: u32 = 0;
const CLAIMED_VALUE: u32 = 1;

/// On a line of its own: the waits only read it, and nothing else may write near it.
#[repr(align(128))]
struct Word(AtomicU32);

static WORD: Word = Word(AtomicU32::new(WORD_VALUE));

/// Runs the scenario.
pub(crate) fn futex_bucket(load: &Load) -> anyhow::Result<()> {
    run("futex-bucket", load, || {
        // SAFETY: the word is a static; a null timeout means none, and the kernel only reads the word.
        let rc = unsafe {
            libc::syscall(
                libc::SYS_futex,
                WORD.0.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                CLAIMED_VALUE,
                ptr::null::<libc::timespec>(),
            )
        };
        if rc == 0 {
            return Err(io::Error::from_raw_os_error(libc::EPROTO));
        }
        match io::Error::last_os_error() {
            err if err.raw_os_error() == Some(libc::EAGAIN) => Ok(()),
            err => Err(err),
        }
    })
}
