//! What of the locks is listed.
//!
//! In: `--lock`, `--kind`, `--caller`, `--comm`, `--min-wait`. Out: a [`Filter`]. Refuses: kinds that there are none of
//! and names that no task can have; whether a lock of a name exists is asked when the session begins.

use std::time::Duration;

use clap::Args;
use livelock_core::event::LockKind;
use livelock_core::filter::{Filter, LockFilter};
use livelock_core::ids::LockAddr;

/// Longest name of a task (`TASK_COMM_LEN` less the NUL, include/linux/sched.h); the kernel cuts longer ones.
const MAX_COMM_BYTES: usize = 15;

/// The kinds that a kernel emits.
const KINDS: [LockKind; 6] = [
    LockKind::Spinlock,
    LockKind::Mutex,
    LockKind::Rwsem,
    LockKind::Rwlock,
    LockKind::Rtmutex,
    LockKind::PercpuRwsem,
];

/// Above the options in the help.
const HEADING: &str = "What is listed (status and ledgers are of all locks)";

/// The options.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// List this lock only: by name, structure, member or address
    ///
    /// Examples: --lock files_struct.file_lock, --lock mm_struct, --lock 0xffff888101234567
    #[arg(long, help_heading = HEADING, value_name = "NAME|ADDR", value_parser = lock)]
    lock: Option<LockFilter>,

    /// List locks of these kinds only: spinlock, mutex, rwsem, rwlock, rtmutex, percpu-rwsem
    #[arg(long, help_heading = HEADING, value_name = "KIND,...", value_delimiter = ',', value_parser = kind)]
    kind: Vec<LockKind>,

    /// List waits through this kernel function only, e.g. alloc_fd
    #[arg(long, help_heading = HEADING, value_name = "FUNCTION")]
    caller: Option<String>,

    /// List waits of tasks of this name only, as in /proc/PID/comm
    #[arg(long, help_heading = HEADING, value_name = "NAME", value_parser = comm)]
    comm: Option<String>,

    /// List waits of this length and longer only, e.g. 10us
    #[arg(long, help_heading = HEADING, value_name = "TIME", value_parser = wait)]
    min_wait: Option<Duration>,
}

impl FilterArgs {
    /// Whether nothing was typed.
    pub(super) const fn is_empty(&self) -> bool {
        self.lock.is_none()
            && self.kind.is_empty()
            && self.caller.is_none()
            && self.comm.is_none()
            && self.min_wait.is_none()
    }

    /// What was typed.
    pub(super) fn filter(self) -> Filter {
        let min_wait_ns = self.min_wait.map(|wait| wait.as_nanos());
        Filter {
            lock: self.lock,
            kinds: (!self.kind.is_empty()).then(|| self.kind.into_iter().collect()),
            caller: self.caller,
            comm: self.comm,
            min_wait_ns: min_wait_ns.map(|ns| u64::try_from(ns).unwrap_or(u64::MAX)),
        }
    }
}

fn lock(text: &str) -> Result<LockFilter, FilterArgError> {
    let Some(digits) = text.strip_prefix("0x") else {
        return match text.trim() {
            "" => Err(FilterArgError::Lock),
            name => Ok(LockFilter::Name(name.to_owned())),
        };
    };
    let addr = u64::from_str_radix(digits, 16)
        .ok()
        .filter(|&addr| addr != 0);
    let addr = addr.ok_or(FilterArgError::Addr)?;
    Ok(LockFilter::Addr(LockAddr(addr)))
}

fn kind(text: &str) -> Result<LockKind, FilterArgError> {
    let found = KINDS.into_iter().find(|kind| kind.word() == text);
    found.ok_or(FilterArgError::Kind)
}

fn comm(text: &str) -> Result<String, FilterArgError> {
    if text.is_empty() {
        return Err(FilterArgError::NoComm);
    }
    if text.len() <= MAX_COMM_BYTES {
        return Ok(text.to_owned());
    }
    let mut end = MAX_COMM_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Err(FilterArgError::Comm {
        cut: text[..end].to_owned(),
    })
}

fn wait(text: &str) -> Result<Duration, FilterArgError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ns: u64 = match unit {
        "ns" => 1,
        "us" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return Err(FilterArgError::Wait),
    };
    let number: u64 = number.parse().map_err(|_| FilterArgError::Wait)?;
    let wait_ns = number.checked_mul(unit_ns).filter(|&ns| ns > 0);
    wait_ns
        .map(Duration::from_nanos)
        .ok_or(FilterArgError::Wait)
}

/// Not a filter.
#[derive(Clone, Debug, thiserror::Error)]
enum FilterArgError {
    #[error(
        "no name: type one as `livelock diagnose` lists it, such as files_struct.file_lock, or an address"
    )]
    Lock,
    #[error("not an address: type 0x and hexadecimal digits, as `livelock diagnose` prints them")]
    Addr,
    #[error("no kind of lock: type some of spinlock,mutex,rwsem,rwlock,rtmutex,percpu-rwsem")]
    Kind,
    #[error("no name: type what /proc/PID/comm shows")]
    NoComm,
    #[error("longer than the 15 bytes that the kernel keeps of a task's name: type --comm '{cut}'")]
    Comm { cut: String },
    #[error("not a length of a wait: type a whole number and a unit, 500ns, 10us, 2ms or 1s")]
    Wait,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_word_and_the_message_has_them_all() {
        let message = kind("spin").expect_err("no kind").to_string();
        for expected in KINDS {
            let word = expected.word();
            assert_eq!(kind(word).expect(word), expected);
            assert!(message.contains(word), "{word}");
        }
    }

    #[test]
    fn waits_have_units() {
        assert_eq!(wait("10us").expect("a wait"), Duration::from_micros(10));
        assert_eq!(wait("500ns").expect("a wait"), Duration::from_nanos(500));
        for text in ["", "10", "us", "0ms", "1.5ms", "10 us", "99999999999999s"] {
            assert!(wait(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_one_and_everything_else_is_a_name() {
        assert_eq!(
            lock("0xff").expect("a lock"),
            LockFilter::Addr(LockAddr(0xff))
        );
        assert_eq!(
            lock("rq.__lock").expect("a lock"),
            LockFilter::Name("rq.__lock".to_owned())
        );
        for text in ["", "0x", "0xzz", "0x0", " "] {
            assert!(lock(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_the_kernel_cuts_is_refused_as_it_would_be_cut() {
        assert_eq!(comm("nginx").expect("a name"), "nginx");
        let message = comm("a-name-with-sixteen")
            .expect_err("too long")
            .to_string();
        assert!(message.contains("'a-name-with-six'"), "{message}");
        assert!(comm("ääääääää").is_err());
    }
}
