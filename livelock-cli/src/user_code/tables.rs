//! Tables of symbols, and the thread that reads them.
//!
//! In: questions. Out: answers. Refuses: tables of more than [`MAX_FILES`] files and [`MAX_FILE_BYTES`] of them.
//!
//! Files are opened as the process has them mapped (`/proc/PID/map_files`), so those of a container, and those deleted since,
//! are the right ones. blazesym's `Symbolizer` is not `Send`; it lives on a thread of its own, as that of the kernel does.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender};

use blazesym::Pid;
use blazesym::normalize::{NormalizeOpts, Normalizer, UserMeta};
use blazesym::symbolize::source::{Process, Source};
use blazesym::symbolize::{Input, Sym, Symbolized, Symbolizer};
use livelock_core::ids::Tgid;
use livelock_core::names::{SourceLine, UserFunction};

use super::symbols::{Answers, held};

/// Files whose symbols are kept.
const MAX_FILES: usize = 128;

/// Sizes of these files together. Symbols take about a tenth of a file's size, debug information as much as itself.
const MAX_FILE_BYTES: u64 = 512 << 20;

/// What stands before names that the GNU C library uses inside itself (include/libc-symbols.h), which its debug information
/// has beside those that its callers know.
const LIBC_ALIAS: &str = "__GI_";

/// What is known of an address; `None`: nothing.
pub(super) type Answer = Option<UserFunction>;

/// What the thread is asked.
pub(super) struct Question {
    pub(super) process: Tgid,
    pub(super) addrs: Vec<u64>,
    pub(super) reply: SyncSender<()>,
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
pub(super) fn serve(has_lines: bool, inbox: &Receiver<Question>, to: &Mutex<Answers>) {
    let mut tables = Tables::new(has_lines);
    while let Ok(question) = inbox.recv() {
        if tables.is_full() {
            tables = Tables::new(has_lines);
        }
        let found = tables.answer(has_lines, question.process, &question.addrs);
        let mut answers = held(to);
        for (addr, answer) in question.addrs.into_iter().zip(found) {
            answers.take((question.process, addr), answer);
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
        line: info.line,
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
