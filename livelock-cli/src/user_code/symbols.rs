//! Names of user code.
//!
//! In: addresses in processes that run. Out: function, file, offset, build id and, if asked for, line. Refuses: to keep more than
//! [`MAX_CACHED`] answers, to change its mind after [`UserCode::settle`], and to read the debug information of processes that
//! hardly wait.
//!
//! Lines come from a thread of their own, and what is not known of them in time is known later. Functions are known soon, so
//! that they do not wait behind lines.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use livelock_common::UserStackRecord;
use livelock_core::ids::{CodeAddr, Tgid};
use livelock_core::names::UserFunction;

use super::tables::{Answer, Question, serve};
use super::{caller, memory};
use crate::tasks::has_other_ids;

/// Answers kept: call sites of the processes that wait now.
const MAX_CACHED: usize = 16_384;

/// Addresses that wait for an answer at most.
const MAX_WAITING: usize = 4096;

/// How long the rings may wait for the caller of a wrapper: they hold a second of stacks.
const DRAIN_PATIENCE: Duration = Duration::from_millis(5);
/// How long the close of a window waits for names. Later ones serve later windows, and the verdict.
const CLOSE_PATIENCE: Duration = Duration::from_millis(100);
/// How long the last verdict waits. Debug information of a large program takes seconds to read, once.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// A process and an address in it.
pub(super) type Key = (Tgid, u64);

/// What the thread said, and has yet to say.
#[derive(Debug, Default)]
pub(super) struct Answers {
    given: HashMap<Key, Answer>,
    waiting: HashSet<Key>,
    /// Whether the last verdict has begun: all of it, and what is recorded, must say the same.
    is_final: bool,
}

impl Answers {
    /// Takes what was found out, if it is not too late.
    pub(super) fn take(&mut self, key: Key, answer: Answer) {
        self.waiting.remove(&key);
        if !self.is_final {
            keep(&mut self.given, key, answer);
        }
    }
}

/// Share of the waits, in percent, that a process must have in a window for its lines to be read: its debug information may take
/// seconds, for which others would wait. Our choice.
const MIN_LINES_SHARE_PCT: u64 = 1;

/// Code of the processes of this host. `Send` and `Sync`. Nobody waits for it longer than he can afford: what is not known in
/// time is known later.
#[derive(Debug)]
pub struct UserCode {
    questions: Mutex<Sender<Question>>,
    answers: Arc<Mutex<Answers>>,
    /// Of where a task entered the kernel: words to the return address, if its function is a wrapper.
    wrappers: Mutex<HashMap<Key, Option<usize>>>,
    /// Whether a call is in front of an address.
    calls: Mutex<HashMap<Key, bool>>,
    /// Knows functions alone; there if this one reads debug information.
    functions: Option<Box<Self>>,
}

impl UserCode {
    /// Starts the symbolizer, with lines of sources or without.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(has_lines: bool) -> std::io::Result<Self> {
        let functions = match has_lines {
            true => Some(Box::new(Self::start(false)?)),
            false => None,
        };
        let (questions, inbox) = channel();
        let answers = Arc::new(Mutex::new(Answers::default()));
        let to = Arc::clone(&answers);
        thread::Builder::new()
            .name("user-symbols".to_owned())
            .spawn(move || serve(has_lines, &inbox, &to))?;
        Ok(Self {
            questions: Mutex::new(questions),
            answers,
            wrappers: Mutex::default(),
            calls: Mutex::default(),
            functions,
        })
    }

    /// What this process lacks to name anything, if it does.
    #[must_use]
    pub fn refusal() -> Option<&'static str> {
        if has_other_ids() {
            return Some("the PID namespace of the host, by whose ids the kernel tells of tasks");
        }
        let mut mapped = std::fs::read_dir("/proc/self/map_files").ok()?;
        let first = mapped.next()?.ok()?.path();
        let is_denied = std::fs::File::open(first)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        is_denied.then_some("CAP_SYS_ADMIN, to open files as processes have them mapped")
    }

    /// Adds the caller that a walk by frame pointers missed, if the code tells where its address lies, and ends the walk where
    /// it went astray.
    pub fn complete(&self, record: &mut UserStackRecord) {
        let process = Tgid(record.tgid);
        let nr_frames = usize::try_from(record.nr_frames).unwrap_or(usize::MAX);
        if nr_frames == 0 || nr_frames > record.frames.len() || record.nr_top_words == 0 {
            return;
        }
        self.add_caller(process, nr_frames, record);
        // Without frame pointers a walk ends in whatever a register held.
        let kept = record.frames.iter().take(record.nr_frames as usize).skip(1);
        let nr_kept = kept.take_while(|&&frame| self.is_behind_call(process, frame));
        record.nr_frames = u32::try_from(1 + nr_kept.count()).unwrap_or(1);
    }

    fn add_caller(&self, process: Tgid, nr_frames: usize, record: &mut UserStackRecord) {
        let Some(words) = self.words_to_return(process, record.frames[0]) else {
            return;
        };
        let Some(&caller) = record.top.get(words) else {
            return;
        };
        let is_there = nr_frames > 1 && record.frames[1] == caller;
        if is_there || !self.is_behind_call(process, caller) {
            return;
        }
        let nr_kept = nr_frames.min(record.frames.len() - 1);
        record.frames.copy_within(1..nr_kept, 2);
        record.frames[1] = caller;
        record.nr_frames = u32::try_from(nr_kept + 1).unwrap_or(record.nr_frames);
    }

    fn words_to_return(&self, process: Tgid, addr: u64) -> Option<usize> {
        if let Some(known) = held(&self.wrappers).get(&(process, addr)) {
            return *known;
        }
        // Most that enter otherwise fault, anywhere in their code; they need no symbols of it.
        if !self.is_behind_system_call(process, addr) {
            keep(&mut held(&self.wrappers), (process, addr), None);
            return None;
        }
        // Not known in time is no answer to keep.
        let functions = self.functions.as_deref().unwrap_or(self);
        let found = functions.known(process, addr, DRAIN_PATIENCE)?;
        let words = found.and_then(|found| {
            let is_short = found.name.is_some() && found.offset_bytes <= caller::MAX_WRAPPER_BYTES;
            let len_bytes = usize::try_from(found.offset_bytes)
                .ok()
                .filter(|_| is_short)?;
            let code = memory::read(process, addr.checked_sub(found.offset_bytes)?, len_bytes)?;
            caller::depth_words(&code)
        });
        keep(&mut held(&self.wrappers), (process, addr), words);
        words
    }

    fn is_behind_system_call(&self, process: Tgid, addr: u64) -> bool {
        let len_bytes = caller::SYSCALL.len();
        let before = addr
            .checked_sub(len_bytes as u64)
            .and_then(|from| memory::read(process, from, len_bytes));
        before.is_some_and(|before| before == caller::SYSCALL)
    }

    fn is_behind_call(&self, process: Tgid, addr: u64) -> bool {
        if let Some(known) = held(&self.calls).get(&(process, addr)) {
            return *known;
        }
        let before = addr.checked_sub(caller::MAX_CALL_BYTES).and_then(|from| {
            let len_bytes = usize::try_from(caller::MAX_CALL_BYTES).ok()?;
            memory::read(process, from, len_bytes)
        });
        let is_it = before.is_some_and(|before| caller::ends_with_call(&before));
        keep(&mut held(&self.calls), (process, addr), is_it);
        is_it
    }

    /// Looks these up, each with how much depends on it, and waits a moment for the answers. Processes of which most
    /// depends are asked for first.
    pub fn learn(&self, addrs: impl Iterator<Item = (Tgid, CodeAddr, u64)>) {
        let mut by_process: BTreeMap<Tgid, (u64, Vec<u64>)> = BTreeMap::new();
        for (process, CodeAddr(addr), weight) in addrs {
            let (sum, addrs) = by_process.entry(process).or_default();
            *sum = sum.saturating_add(weight);
            addrs.push(addr);
        }
        let mut ranked: Vec<_> = by_process
            .into_iter()
            .map(|(process, (weight, addrs))| (weight, process, addrs))
            .collect();
        ranked.sort_by_key(|(weight, process, _)| (Reverse(*weight), *process));
        let until = Instant::now() + CLOSE_PATIENCE;
        let Some(functions) = &self.functions else {
            return self.ask_all(ranked, until);
        };
        functions.ask_all(ranked.clone(), until);
        let total: u64 = ranked.iter().map(|(weight, ..)| *weight).sum();
        let is_heavy = |weight: u64| weight.saturating_mul(100) >= total * MIN_LINES_SHARE_PCT;
        let (heavy, light): (Vec<_>, Vec<_>) = ranked
            .into_iter()
            .partition(|(weight, ..)| is_heavy(*weight));
        {
            let mut answers = held(&self.answers);
            for (_, process, addrs) in light {
                for key in addrs.into_iter().map(|addr| (process, addr)) {
                    // Once and for all, since it is recorded.
                    if !answers.given.contains_key(&key) && !answers.waiting.contains(&key) {
                        answers.take(key, None);
                    }
                }
            }
        }
        self.ask_all(heavy, until);
    }

    fn ask_all(&self, of: Vec<(u64, Tgid, Vec<u64>)>, until: Instant) {
        let replies: Vec<_> = of
            .into_iter()
            .filter_map(|(_, process, addrs)| self.ask(process, addrs))
            .collect();
        for (reply, _) in replies {
            // Whether it came or not is seen in the answers.
            let _ = reply.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
    }

    /// Waits for the answers that are still to come, a few seconds at most. Later ones count no more.
    pub fn settle(&self) {
        self.settle_until(Instant::now() + LAST_PATIENCE);
    }

    fn settle_until(&self, until: Instant) {
        if let Some(functions) = &self.functions {
            functions.settle_until(until);
        }
        while !held(&self.answers).waiting.is_empty() && Instant::now() < until {
            thread::sleep(DRAIN_PATIENCE);
        }
        held(&self.answers).is_final = true;
    }

    /// What stands at `addr`; `None` if the process is gone or has nothing there, or nobody knows yet.
    #[must_use]
    pub fn function(&self, process: Tgid, addr: CodeAddr) -> Option<UserFunction> {
        let Some(functions) = &self.functions else {
            return self.known(process, addr.0, CLOSE_PATIENCE).flatten();
        };
        let with_line = {
            let answers = held(&self.answers);
            let given = answers.given.get(&(process, addr.0)).cloned();
            given.or(answers.is_final.then_some(None))?
        };
        with_line.or_else(|| functions.function(process, addr))
    }

    /// The answer, if it is there in time. Nobody waits for what was asked before, or behind somebody else's question.
    fn known(&self, process: Tgid, addr: u64, patience: Duration) -> Option<Answer> {
        if let Some((reply, true)) = self.ask(process, vec![addr]) {
            let _ = reply.recv_timeout(patience);
        }
        held(&self.answers).given.get(&(process, addr)).cloned()
    }

    /// Asks for those that nobody asked for yet; tells as well whether the answer comes next.
    fn ask(&self, process: Tgid, mut addrs: Vec<u64>) -> Option<(Receiver<()>, bool)> {
        let is_next;
        {
            let mut answers = held(&self.answers);
            is_next = answers.waiting.is_empty();
            if answers.is_final {
                return None;
            }
            let Answers { given, waiting, .. } = &mut *answers;
            addrs.sort_unstable();
            addrs.dedup();
            addrs.retain(|&addr| {
                let key = (process, addr);
                let is_new = !given.contains_key(&key) && waiting.len() < MAX_WAITING;
                is_new && waiting.insert(key)
            });
        }
        if addrs.is_empty() {
            return None;
        }
        let (reply, replies) = sync_channel(1);
        let question = Question {
            process,
            addrs,
            reply,
        };
        held(&self.questions).send(question).ok()?;
        Some((replies, is_next))
    }
}

fn keep<V>(known: &mut HashMap<Key, V>, key: Key, value: V) {
    if known.len() >= MAX_CACHED {
        known.clear();
    }
    known.insert(key, value);
}

/// A cache is usable whatever happened to the thread that held it.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
