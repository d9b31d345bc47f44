//! Names of user code.
//!
//! In: addresses in processes that run. Out: function, file, offset, build id and, if asked for, line. Refuses: to keep more than
//! [`MAX_CACHED`] answers, or tables of more than [`MAX_FILES`] files and [`MAX_FILE_BYTES`] of them.
//!
//! Files are opened as the process has them mapped (`/proc/PID/map_files`), so those of a container, and those deleted since,
//! are the right ones. blazesym's `Symbolizer` is not `Send`; it lives on a thread of its own, as that of the kernel does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use blazesym::Pid;
use blazesym::normalize::{NormalizeOpts, Normalizer, UserMeta};
use blazesym::symbolize::source::{Process, Source};
use blazesym::symbolize::{Input, Sym, Symbolized, Symbolizer};
use livelock_common::UserStackRecord;
use livelock_core::ids::{CodeAddr, Tgid};
use livelock_core::names::{SourceLine, UserFunction};

use super::{caller, memory};

/// Answers kept: call sites of the processes that wait now.
const MAX_CACHED: usize = 16_384;

/// Files whose symbols are kept.
const MAX_FILES: usize = 128;

/// Sizes of these files together. Symbols take about a tenth of a file's size, debug information as much as itself.
const MAX_FILE_BYTES: u64 = 512 << 20;

/// What stands before names that the GNU C library uses inside itself (include/libc-symbols.h), which its debug information
/// has beside those that its callers know.
const LIBC_ALIAS: &str = "__GI_";

/// Addresses that wait for an answer at most.
const MAX_WAITING: usize = 4096;

/// How long the rings may wait for the caller of a wrapper: they hold a second of stacks.
const DRAIN_PATIENCE: Duration = Duration::from_millis(5);
/// How long the close of a window waits for names. Later ones serve later windows, and the verdict.
const CLOSE_PATIENCE: Duration = Duration::from_millis(100);
/// How long the last verdict waits. Debug information of a large program takes seconds to read, once.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

type Key = (Tgid, u64);
type Answer = Option<UserFunction>;

/// What the thread is asked.
struct Question {
    process: Tgid,
    addrs: Vec<u64>,
    reply: SyncSender<()>,
}

/// What the thread said, and has yet to say.
#[derive(Debug, Default)]
struct Answers {
    given: HashMap<Key, Answer>,
    waiting: HashSet<Key>,
}

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
}

impl UserCode {
    /// Starts the symbolizer, with lines of sources or without.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(has_lines: bool) -> std::io::Result<Self> {
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
        })
    }

    /// What this process lacks to name anything, if it does.
    #[must_use]
    pub fn refusal() -> Option<&'static str> {
        let mut mapped = std::fs::read_dir("/proc/self/map_files").ok()?;
        let first = mapped.next()?.ok()?.path();
        let is_denied = std::fs::read_link(first)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        is_denied.then_some(
            "CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE, to open files as processes have them mapped",
        )
    }

    /// Adds the caller that a walk by frame pointers missed, if the code tells where its address lies.
    pub fn complete(&self, record: &mut UserStackRecord) {
        let process = Tgid(record.tgid);
        let nr_frames = usize::try_from(record.nr_frames).unwrap_or(usize::MAX);
        if nr_frames == 0 || nr_frames > record.frames.len() || record.nr_top_words == 0 {
            return;
        }
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
        let found = self.known(process, addr, DRAIN_PATIENCE)?;
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
    /// depends are asked for first: reading the symbols of another that waited once can take seconds.
    pub fn learn(&self, addrs: impl Iterator<Item = (Tgid, CodeAddr, u64)>) {
        let mut by_process: BTreeMap<Tgid, (u64, Vec<u64>)> = BTreeMap::new();
        for (process, CodeAddr(addr), weight) in addrs {
            let (sum, addrs) = by_process.entry(process).or_default();
            *sum = sum.saturating_add(weight);
            addrs.push(addr);
        }
        let mut ranked: Vec<_> = by_process.into_iter().collect();
        ranked.sort_by_key(|(process, (weight, _))| (Reverse(*weight), *process));
        let replies: Vec<_> = ranked
            .into_iter()
            .filter_map(|(process, (_, addrs))| self.ask(process, addrs))
            .collect();
        let begin = Instant::now();
        for (reply, _) in replies {
            // Whether it came or not is seen in the answers.
            let _ = reply.recv_timeout(CLOSE_PATIENCE.saturating_sub(begin.elapsed()));
        }
    }

    /// Waits for the answers that are still to come, a few seconds at most.
    pub fn settle(&self) {
        let begin = Instant::now();
        while !held(&self.answers).waiting.is_empty() && begin.elapsed() < LAST_PATIENCE {
            thread::sleep(DRAIN_PATIENCE);
        }
    }

    /// What stands at `addr`; `None` if the process is gone or has nothing there, or nobody knows yet.
    #[must_use]
    pub fn function(&self, process: Tgid, addr: CodeAddr) -> Option<UserFunction> {
        self.known(process, addr.0, CLOSE_PATIENCE).flatten()
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
            let Answers { given, waiting } = &mut *answers;
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
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tables of the files seen so far.
struct Tables {
    symbolizer: Symbolizer,
    normalizer: Normalizer,
    files: HashSet<PathBuf>,
    files_bytes: u64,
}

impl Tables {
    fn new(has_lines: bool) -> Self {
        Self {
            symbolizer: Symbolizer::builder()
                .enable_code_info(has_lines)
                .enable_inlined_fns(false)
                .build(),
            normalizer: Normalizer::builder().enable_build_ids(true).build(),
            files: HashSet::new(),
            files_bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.files.len() > MAX_FILES || self.files_bytes > MAX_FILE_BYTES
    }

    fn answer(&mut self, has_lines: bool, process: Tgid, addrs: &[u64]) -> Vec<Answer> {
        if process.0 == 0 {
            return vec![None; addrs.len()];
        }
        let pid = Pid::from(process.0);
        let source = Source::Process(Process {
            debug_syms: has_lines,
            ..Process::new(pid)
        });
        let mut answers: Vec<Answer> = vec![None; addrs.len()];
        if let Ok(found) = self.symbolizer.symbolize(&source, Input::AbsAddr(addrs)) {
            for ((answer, found), addr) in answers.iter_mut().zip(&found).zip(addrs) {
                if let Symbolized::Sym(symbol) = found {
                    *answer = named(symbol, *addr);
                }
            }
        }
        let opened = NormalizeOpts {
            map_files: true,
            ..NormalizeOpts::default()
        };
        let places = self
            .normalizer
            .normalize_user_addrs_opts(pid, addrs, &opened);
        let Ok(places) = places else {
            return answers;
        };
        for (answer, (offset, meta)) in answers.iter_mut().zip(&places.outputs) {
            let Some(UserMeta::Elf(file)) = places.meta.get(*meta) else {
                continue;
            };
            let known = answer.get_or_insert_default();
            let module = std::fs::read_link(&file.path).ok();
            if let Some(module) = &module
                && !self.files.contains(module)
            {
                // Another file of that name, in another container, is about as large.
                let len_bytes = std::fs::metadata(&file.path).map_or(0, |file| file.len());
                self.files_bytes = self.files_bytes.saturating_add(len_bytes);
                self.files.insert(module.clone());
            }
            known.module = module.map(|module| module.to_string_lossy().into_owned());
            known.file_offset_bytes = Some(*offset);
            known.build_id = file.build_id.as_deref().map(hex);
        }
        answers
    }
}

/// Answers until nobody can ask any more.
fn serve(has_lines: bool, inbox: &Receiver<Question>, to: &Mutex<Answers>) {
    let mut tables = Tables::new(has_lines);
    while let Ok(question) = inbox.recv() {
        if tables.is_full() {
            tables = Tables::new(has_lines);
        }
        let found = tables.answer(has_lines, question.process, &question.addrs);
        let mut answers = held(to);
        for (addr, answer) in question.addrs.into_iter().zip(found) {
            let key = (question.process, addr);
            answers.waiting.remove(&key);
            keep(&mut answers.given, key, answer);
        }
        drop(answers);
        // Whoever asked may not have waited.
        let _ = question.reply.send(());
    }
}

fn named(symbol: &Sym<'_>, addr: u64) -> Answer {
    // A symbol's address is one in its file, its offset is that in memory as well.
    let offset_bytes = u64::try_from(symbol.offset)
        .ok()
        .filter(|&offset| offset <= addr)?;
    let source = symbol.code_info.as_ref().map(|info| SourceLine {
        file: info.file.to_string_lossy().into_owned(),
        line: info.line.unwrap_or(0),
    });
    let name = symbol.name.as_ref();
    let name = name.strip_prefix(LIBC_ALIAS).unwrap_or(name);
    Some(UserFunction {
        name: Some(name.to_owned()),
        offset_bytes,
        source,
        ..UserFunction::default()
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
