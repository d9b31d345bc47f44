//! Kernel functions by address.
//!
//! In: lines of `/proc/kallsyms`. Out: names, from blazesym. Refuses: to keep more than [`MAX_CACHED`] answers.
//!
//! blazesym's `Symbolizer` is not `Send`, and names are asked for from wherever a window is judged. So it
//! lives on a thread of its own, which ends with its [`Functions`]. A question costs two switches of threads and a
//! look at the file behind the symbols, so all that a window asks for is asked at once. It takes its symbols from a file, which
//! is an anonymous one in memory, because reading `/proc/kallsyms` a second time would cost the host 100 ms.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use blazesym::MaybeDefault;
use blazesym::symbolize::source::{Kernel, Source};
use blazesym::symbolize::{Input, Symbolized, Symbolizer};

use super::SymbolsError;
use super::kallsyms::MAX_OFFSET_BYTES;

/// Distinct addresses of a long watch: stacks come back to the same few thousand call sites.
const MAX_CACHED: usize = 16_384;

/// A kernel function and a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Symbol, without compiler suffixes.
    pub name: String,
    /// Bytes from its start.
    pub offset_bytes: u64,
}

type Answer = Option<Function>;
type Question = (Vec<u64>, SyncSender<Vec<Answer>>);

/// The symbolizer's thread.
#[derive(Debug)]
pub(super) struct Functions {
    /// Answers already given, and the way to ask for more.
    asked: Mutex<Asked>,
}

#[derive(Debug)]
struct Asked {
    answers: HashMap<u64, Answer>,
    questions: SyncSender<Question>,
}

impl Functions {
    /// Starts the symbolizer over `lines`.
    pub(super) fn start(lines: &[u8]) -> Result<Self, SymbolsError> {
        let file = in_memory(lines)?;
        let (questions, inbox) = sync_channel(1);
        thread::Builder::new()
            .name("symbolizer".to_owned())
            .spawn(move || serve(&file, &inbox))?;
        let functions = Self {
            asked: Mutex::new(Asked {
                answers: HashMap::new(),
                questions,
            }),
        };
        // The first question makes blazesym parse the file: do it now, not in the first window.
        let _ = functions.containing(u64::MAX);
        Ok(functions)
    }

    /// Looks these addresses up, in one question.
    pub(super) fn learn(&self, addrs: impl Iterator<Item = u64>) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unknown: Vec<u64> = addrs
            .filter(|addr| !asked.answers.contains_key(addr))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        // What finds no room is asked for one by one.
        unknown.truncate(MAX_CACHED);
        asked.ask(unknown);
    }

    /// The function that contains `addr`.
    pub(super) fn containing(&self, addr: u64) -> Answer {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = asked.answers.get(&addr) {
            return known.clone();
        }
        asked.ask(vec![addr]);
        asked.answers.get(&addr).cloned().flatten()
    }
}

impl Asked {
    /// Gets and keeps the answers. If the thread is gone there are none.
    fn ask(&mut self, addrs: Vec<u64>) {
        if addrs.is_empty() {
            return;
        }
        let (reply, answers) = sync_channel(1);
        if self.questions.send((addrs.clone(), reply)).is_err() {
            return;
        }
        let Ok(answers) = answers.recv() else { return };
        if self.answers.len() + addrs.len() > MAX_CACHED {
            self.answers.clear();
        }
        self.answers.extend(addrs.into_iter().zip(answers));
    }
}

/// Answers until nobody can ask any more.
fn serve(file: &File, inbox: &Receiver<Question>) {
    let symbolizer = Symbolizer::builder()
        .enable_code_info(false)
        .enable_inlined_fns(false)
        .enable_demangling(false)
        .build();
    let kernel = Source::Kernel(Kernel {
        kallsyms: MaybeDefault::Some(format!("/proc/self/fd/{}", file.as_raw_fd()).into()),
        vmlinux: MaybeDefault::None,
        kaslr_offset: Some(0),
        debug_syms: false,
        _non_exhaustive: (),
    });
    while let Ok((addrs, reply)) = inbox.recv() {
        let found = symbolizer.symbolize(&kernel, Input::AbsAddr(&addrs));
        let answers = match found {
            Ok(found) => addrs
                .iter()
                .zip(&found)
                .map(|(&addr, found)| answer(addr, found))
                .collect(),
            Err(_) => vec![None; addrs.len()],
        };
        // Whoever asked may have gone.
        let _ = reply.send(answers);
    }
}

fn answer(addr: u64, found: &Symbolized<'_>) -> Answer {
    let Symbolized::Sym(symbol) = found else {
        return None;
    };
    let offset_bytes = addr.checked_sub(symbol.addr)?;
    (offset_bytes < MAX_OFFSET_BYTES).then(|| Function {
        name: without_suffix(&symbol.name).to_owned(),
        offset_bytes,
    })
}

fn in_memory(bytes: &[u8]) -> io::Result<File> {
    // SAFETY: the name is a terminated string that outlives the call.
    let fd = unsafe { libc::memfd_create(c"kallsyms".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor and nobody else has it.
    let mut file = unsafe { File::from_raw_fd(fd) };
    file.write_all(bytes)?;
    Ok(file)
}

/// Cuts `.isra.0`, `.part.1`, `.constprop.0`, `.cold`, `.llvm.123`, also in combination.
pub(super) fn without_suffix(name: &str) -> &str {
    match name.find('.') {
        Some(at) if at > 0 => &name[..at],
        _ => name,
    }
}
