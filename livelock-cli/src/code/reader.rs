//! The thread that reads memory.
//!
//! In: addresses and whose they are. Out: the bytes around each. Refuses: to make anybody wait longer than
//! [`PATIENCE`], or [`PATIENCE_WITH_KERNEL`] where it is for the kernel's code alone.
//!
//! The kernel takes `mmap_lock` of a process to read its memory. In a storm on that very lock this takes as
//! long as for everybody else, so a thread of its own waits, and whoever asked goes on without an answer.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use livelock_core::code::CodeSpace;

use super::error::CodeSource;
use super::facts::Bytes;
use super::flow::MAX_REACH_BYTES;
use super::isa::Isa;
use super::kcore::Kcore;
use super::process::Processes;
use super::x86::MAX_STEP_BYTES;

/// A read takes some microseconds; with a page that has to come from disk, 10 ms. Longer is a storm.
const PATIENCE: Duration = Duration::from_millis(50);

/// The kernel's own code takes no lock of anybody, only a CPU for the thread: most of a window of `diagnose`, once for all that
/// is asked. With eight emulated CPUs on two real ones 50 ms were too few.
const PATIENCE_WITH_KERNEL: Duration = Duration::from_millis(250);

/// A function is decoded from its start if it starts at most so far back: 64 KiB take 1 ms to decode, and
/// the kernel has a handful of functions that are longer.
const MAX_START_BYTES: u64 = 64 * 1024;

/// Memory is mapped in units of at least this.
const PAGE_BYTES: u64 = 4096;

/// Whose memory to read and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) space: CodeSpace,
    pub(super) addr: u64,
    /// Where the function starts, if anybody knows.
    pub(super) start_addr: Option<u64>,
    /// How far to read from `addr` on.
    pub(super) nr_bytes: u64,
}

/// What is there.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) isa: Isa,
    pub(super) base_addr: u64,
    pub(super) bytes: Vec<u8>,
}

impl Seen {
    pub(super) fn code(&self) -> Bytes<'_> {
        Bytes {
            isa: self.isa,
            base_addr: self.base_addr,
            bytes: &self.bytes,
        }
    }
}

type Answer = Result<Seen, CodeSource>;

/// Questions, and where their answers go, in the same order.
type Letter = (Vec<Question>, SyncSender<Vec<Answer>>);

/// The way to the thread, which ends with it.
#[derive(Debug)]
pub(super) struct Reader {
    letters: SyncSender<Letter>,
    /// Answers that nobody waited for. As long as they are not there, the thread is busy.
    overdue: Option<Receiver<Vec<Answer>>>,
}

impl Reader {
    /// Starts the thread; without `kcore` it reads processes only.
    pub(super) fn start(kcore: Option<Kcore>) -> Result<Self, CodeSource> {
        let mut processes = Processes::default();
        Self::start_with(move |question| read(kcore.as_ref(), &mut processes, question))
    }

    pub(super) fn start_with(
        mut read: impl FnMut(Question) -> Answer + Send + 'static,
    ) -> Result<Self, CodeSource> {
        let (letters, inbox) = sync_channel::<Letter>(1);
        let serve = move || {
            while let Ok((questions, reply)) = inbox.recv() {
                // Whoever asked may have gone.
                let _ = reply.send(questions.into_iter().map(&mut read).collect());
            }
        };
        thread::Builder::new()
            .name("code-reader".to_owned())
            .spawn(serve)
            .map_err(|source| CodeSource::NoThread {
                kind: source.kind(),
            })?;
        Ok(Self {
            letters,
            overdue: None,
        })
    }

    /// Asks, and waits a little.
    pub(super) fn ask(&mut self, question: Question) -> Answer {
        let answers = self.ask_all(vec![question], PATIENCE)?;
        answers.into_iter().next().unwrap_or(Err(GONE))
    }

    /// Asks for several places of the kernel's code at once: to wake the thread for each would take longer than to read.
    pub(super) fn ask_kernel(
        &mut self,
        questions: Vec<Question>,
    ) -> Result<Vec<Answer>, CodeSource> {
        self.ask_all(questions, PATIENCE_WITH_KERNEL)
    }

    fn ask_all(
        &mut self,
        questions: Vec<Question>,
        patience: Duration,
    ) -> Result<Vec<Answer>, CodeSource> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(overdue) = &self.overdue
            && matches!(overdue.try_recv(), Err(TryRecvError::Empty))
        {
            return Err(CodeSource::Slow);
        }
        self.overdue = None;
        let (reply, answers) = sync_channel(1);
        self.letters.send((questions, reply)).map_err(|_| GONE)?;
        match answers.recv_timeout(patience) {
            Ok(seen) => Ok(seen),
            Err(RecvTimeoutError::Timeout) => {
                self.overdue = Some(answers);
                Err(CodeSource::Slow)
            }
            Err(RecvTimeoutError::Disconnected) => Err(GONE),
        }
    }
}

/// The thread is no more.
const GONE: CodeSource = CodeSource::NoThread {
    kind: io::ErrorKind::BrokenPipe,
};

fn read(kcore: Option<&Kcore>, processes: &mut Processes, question: Question) -> Answer {
    match question.space {
        CodeSpace::Kernel => {
            let kcore = kcore.ok_or(CodeSource::NoKcore)?;
            around(kcore.isa(), question, |addr, into| kcore.read(addr, into))
        }
        CodeSpace::User(tgid) => {
            let process = processes.get(tgid.0)?;
            let seen = around(process.isa, question, |addr, into| process.read(addr, into));
            if seen.is_err() {
                // It may have ended, or have become another program: open it anew next time.
                processes.forget(tgid.0);
            }
            seen
        }
    }
}

/// Reads what the loops around an address can reach, and its function from the start.
fn around(
    isa: Isa,
    question: Question,
    read: impl Fn(u64, &mut [u8]) -> io::Result<usize>,
) -> Answer {
    let Question {
        addr,
        start_addr,
        nr_bytes,
        ..
    } = question;
    let near = addr.saturating_sub(MAX_REACH_BYTES);
    let base = start_addr
        .filter(|&start| start <= near && addr - start <= MAX_START_BYTES)
        .unwrap_or(near);
    let end = addr.saturating_add(nr_bytes + MAX_STEP_BYTES as u64);
    // What is before the page of `addr` may be mapped elsewhere or not at all.
    for base_addr in [base, addr - addr % PAGE_BYTES] {
        let mut bytes = vec![0; usize::try_from(end - base_addr).unwrap_or(0)];
        let nr_bytes = read(base_addr, &mut bytes).unwrap_or(0);
        if nr_bytes as u64 > addr - base_addr {
            bytes.truncate(nr_bytes);
            return Ok(Seen {
                isa,
                base_addr,
                bytes,
            });
        }
    }
    Err(CodeSource::Unreadable { addr })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    const QUESTION: Question = Question {
        space: CodeSpace::Kernel,
        addr: 0x1800,
        start_addr: None,
        nr_bytes: MAX_REACH_BYTES,
    };

    #[test]
    fn nobody_waits_for_a_stuck_read() {
        let (free, stuck) = channel::<()>();
        let mut reader = Reader::start_with(move |question| {
            // Until the other end is dropped.
            let _ = stuck.recv();
            Err(CodeSource::Unreadable {
                addr: question.addr,
            })
        })
        .unwrap();
        assert_eq!(reader.ask(QUESTION).unwrap_err(), CodeSource::Slow);
        assert_eq!(reader.ask(QUESTION).unwrap_err(), CodeSource::Slow);
        drop(free);
        // The thread comes round to it when the host lets it.
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut answer = CodeSource::Slow;
        while answer == CodeSource::Slow && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
            answer = reader.ask(QUESTION).unwrap_err();
        }
        assert_eq!(answer, CodeSource::Unreadable { addr: 0x1800 });
    }

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let mut reader = Reader::start_with(|question| {
            Err(CodeSource::Unreadable {
                addr: question.addr,
            })
        })
        .unwrap();
        let questions = [3, 1, 2].map(|addr| Question { addr, ..QUESTION });
        // The thread gets a CPU at some time.
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut answers = reader.ask_kernel(questions.to_vec());
        while answers.is_err() && Instant::now() < deadline {
            answers = reader.ask_kernel(questions.to_vec());
        }
        let addrs: Vec<CodeSource> = answers
            .unwrap()
            .into_iter()
            .map(Result::unwrap_err)
            .collect();
        assert_eq!(addrs, [3, 1, 2].map(|addr| CodeSource::Unreadable { addr }));
        assert!(reader.ask_kernel(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn a_hole_before_the_page_does_not_matter() {
        let mapped = |addr: u64, into: &mut [u8]| {
            if addr < 0x2000 {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Ok(into.len().min(0x1000))
        };
        let question = |addr| Question { addr, ..QUESTION };
        let seen = around(Isa::X86_64, question(0x2010), mapped).unwrap();
        assert_eq!(seen.base_addr, 0x2000);
        let seen = around(Isa::X86_64, question(0x2300), mapped).unwrap();
        assert_eq!(seen.base_addr, 0x2100);
        assert!(around(Isa::X86_64, question(0x1fff), mapped).is_err());
        assert!(around(Isa::X86_64, question(u64::MAX), |_, _| Ok(0)).is_err());
    }
}
