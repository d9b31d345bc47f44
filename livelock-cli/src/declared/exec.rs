//! Counters that a command prints.
//!
//! In: a command for `sh -c`. Out: the number that it printed last. Refuses: to wait for it when a window closes, to
//! let it run for longer than it may, and to leave its processes behind.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use super::number::counter;

/// More than a number takes, and all that a pipe holds.
const MAX_BYTES: usize = 64 << 10;
/// Reads at one look at a command: it may print faster than we read.
const MAX_READS: u32 = 256;
/// Characters of output in a message.
const MAX_SHOWN: usize = 60;
/// How often an ended command is looked for.
const POLL: Duration = Duration::from_millis(2);

/// Why a command gave no number. Reads after "the command".
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// `sh` did not start.
    #[error("could not be started: {0}")]
    Start(io::Error),
    /// Too slow.
    #[error("ran for longer than {} ms, a window; type a longer --window", limit.as_millis())]
    Late {
        /// Most that it may.
        limit: Duration,
    },
    /// The session is over.
    #[error("was stopped")]
    Stopped,
    /// It failed.
    #[error("failed with {status}{}", shown(": ", stderr))]
    Failed {
        /// Exit status.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// It printed something else.
    #[error("printed no number{}", shown(" but ", stdout))]
    NoNumber {
        /// What it printed.
        stdout: String,
    },
}

fn shown(before: &str, text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.is_empty() {
        return String::new();
    }
    let line: String = line.chars().take(MAX_SHOWN).collect();
    format!("{before}`{line}`")
}

/// A command that runs once a window, on a thread of its own.
#[derive(Debug)]
pub(super) struct ExecCounter {
    /// `None` once it shall end.
    begin: Option<SyncSender<()>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    values: Receiver<Option<u64>>,
    is_running: bool,
}

impl ExecCounter {
    /// Starts the thread. Each run may take `limit`.
    pub(super) fn start(command: String, limit: Duration) -> io::Result<Self> {
        let (begin, begins) = sync_channel(1);
        let (give, values) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("livelock-exec".to_owned())
            .spawn(move || {
                while begins.recv().is_ok() {
                    let value = run(&command, limit, &is_over);
                    if let Err(error) = &value {
                        log::info!("the command `{command}` {error}");
                    }
                    if give.send(value.ok()).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self {
            begin: Some(begin),
            stop,
            thread: Some(thread),
            values,
            is_running: false,
        })
    }

    /// What the run gave that was begun at the last call, and begins the next one; `None`: late, or failed.
    pub(super) fn read(&mut self) -> Option<u64> {
        let value = match self.values.try_recv() {
            Ok(value) => {
                self.is_running = false;
                value
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        };
        if !self.is_running {
            let begin = self.begin.as_ref();
            self.is_running = begin.is_some_and(|begin| begin.try_send(()).is_ok());
        }
        value
    }
}

impl Drop for ExecCounter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.begin = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so, and left nothing to run.
            let _ = thread.join();
        }
    }
}

/// Runs `command` to its end, or until `limit` is over or `stop` is set.
pub(super) fn run(command: &str, limit: Duration, stop: &AtomicBool) -> Result<u64, CommandError> {
    let deadline = Instant::now() + limit;
    let mut process = Group::start(command).map_err(CommandError::Start)?;
    let mut stdout = Output::of(process.0.stdout.take());
    let mut stderr = Output::of(process.0.stderr.take());
    loop {
        let has_ended = process.has_ended();
        stdout.take_what_is_there();
        stderr.take_what_is_there();
        if has_ended {
            break;
        }
        if Instant::now() >= deadline {
            return Err(CommandError::Late { limit });
        }
        if stop.load(Ordering::Relaxed) {
            return Err(CommandError::Stopped);
        }
        thread::sleep(POLL);
    }
    let status = process.end().map_err(CommandError::Start)?;
    if !status.success() {
        return Err(CommandError::Failed {
            status,
            stderr: stderr.text(),
        });
    }
    let stdout = stdout.text();
    counter(&stdout).ok_or(CommandError::NoNumber { stdout })
}

/// A shell and all that it started; ends with this.
struct Group(Child);

impl Group {
    fn start(command: &str) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        // SAFETY: the closure makes one system call, which is safe between fork and exec.
        unsafe {
            shell.pre_exec(|| {
                // If this process is killed, nobody is left to end the command.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        shell.spawn().map(Self)
    }

    /// Whether the shell has ended. It is not reaped yet, so that its group keeps its number.
    fn has_ended(&self) -> bool {
        // SAFETY: plain integers, for which zero is valid.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: the kernel writes one `siginfo_t`, which outlives the call.
        let result = unsafe { libc::waitid(libc::P_PID, self.0.id(), &raw mut info, options) };
        // SAFETY: a field of what the kernel filled in, or zero.
        result != 0 || unsafe { info.si_pid() } != 0
    }

    /// Ends what is left of the group.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Ok(group) = i32::try_from(self.0.id()) {
            // SAFETY: takes no pointer; the shell has not been reaped, so that the number is its group's.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
        self.0.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Reaped already if the run came to its end; the number may be another's then.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.end();
        }
    }
}

/// What a process writes, read without waiting.
struct Output<T> {
    from: Option<T>,
    bytes: Vec<u8>,
}

impl<T: io::Read + std::os::fd::AsRawFd> Output<T> {
    fn of(from: Option<T>) -> Self {
        if let Some(from) = &from {
            // SAFETY: takes no pointer; the descriptor is open.
            unsafe { libc::fcntl(from.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        }
        Self {
            from,
            bytes: Vec::new(),
        }
    }

    /// Keeps the begin and drops the rest, so that a command which prints a lot is not held up.
    fn take_what_is_there(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..MAX_READS {
            // "Would block" is an error as well, and says that there is no more as yet.
            let nr_read = match self.from.as_mut().map(|from| from.read(&mut buffer)) {
                Some(Ok(nr_read)) if nr_read > 0 => nr_read,
                _ => break,
            };
            let room = MAX_BYTES.saturating_sub(self.bytes.len());
            let kept = buffer.get(..nr_read.min(room)).unwrap_or_default();
            self.bytes.extend_from_slice(kept);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &str, limit: Duration) -> Result<u64, CommandError> {
        super::run(command, limit, &AtomicBool::new(false))
    }

    const LIMIT: Duration = Duration::from_secs(10);

    fn failure(command: &str, limit: Duration) -> String {
        run(command, limit).expect_err(command).to_string()
    }

    #[test]
    fn a_number_or_why_there_is_none() {
        assert_eq!(run("echo 42 orders", LIMIT).ok(), Some(42));
        assert_eq!(failure("echo none", LIMIT), "printed no number but `none`");
        assert_eq!(failure("true", LIMIT), "printed no number");
        let said = failure("echo no such table >&2; exit 3", LIMIT);
        assert_eq!(said, "failed with exit status: 3: `no such table`");
        assert!(failure("kill -9 $$", LIMIT).starts_with("failed with signal: 9"));
        // More than a pipe holds does not block it.
        assert_eq!(
            run("echo 7; head -c 1000000 /dev/zero", LIMIT).ok(),
            Some(7)
        );
    }

    #[test]
    fn a_late_command_ends_with_all_it_started() {
        let begin = Instant::now();
        let mark = format!("3{}", std::process::id());
        let command = format!("sleep {mark} & sleep {mark}");
        let said = failure(&command, Duration::from_millis(300));
        assert!(said.starts_with("ran for longer than 300 ms"), "{said}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        let is_left = |mark: &str| {
            let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
            entries
                .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
                .any(|line| line.starts_with(format!("sleep\0{mark}\0").as_bytes()))
        };
        // Killed at once, gone when their new parent has reaped them.
        let gone = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(20));
            !is_left(&mark)
        });
        assert!(gone, "{command} left a process behind");
    }

    #[test]
    fn a_background_process_that_holds_the_pipe_is_not_waited_for() {
        let begin = Instant::now();
        assert_eq!(run("sleep 60 & echo 5", LIMIT).ok(), Some(5));
        assert!(begin.elapsed() < LIMIT);
    }

    #[test]
    fn readings_come_a_window_later_and_late_ones_not_at_all() {
        let read = |counter: &mut ExecCounter| {
            thread::sleep(Duration::from_millis(400));
            counter.read()
        };
        let mut counter = ExecCounter::start("echo 9".to_owned(), LIMIT).expect("a thread");
        assert_eq!(counter.read(), None);
        assert_eq!(read(&mut counter), Some(9));
        let mut late = ExecCounter::start("sleep 60".to_owned(), LIMIT / 100).expect("a thread");
        assert_eq!(late.read(), None);
        assert_eq!(read(&mut late), None);
        let mut long = ExecCounter::start("sleep 60".to_owned(), LIMIT).expect("a thread");
        assert_eq!((long.read(), read(&mut long)), (None, None));
        let begin = Instant::now();
        drop(long);
        assert!(
            begin.elapsed() < LIMIT / 2,
            "the end of a session waits for nobody"
        );
    }
}
