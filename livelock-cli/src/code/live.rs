//! [`Code`] of the running host.
//!
//! In: sampled addresses. Out: facts about the code there. Refuses: to keep more than [`MAX_ANSWERS`] of
//! them, or any beyond a window's end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use livelock_core::attempts::FoundSite;
use livelock_core::code::{Code, CodeFacts, CodeSpace};
use livelock_core::ids::CodeAddr;
use livelock_core::names::Names;
use livelock_core::spin_functions::lock_call;

use super::attempts::attempts;
use super::error::CodeSource;
use super::facts::{Bytes, facts_at};
use super::flow::MAX_REACH_BYTES;
use super::isa::Isa;
use super::kcore::Kcore;
use super::reader::{Question, Reader, Seen};

/// Distinct addresses of a window: 99 samples per second and CPU, most of them at the same few.
const MAX_ANSWERS: usize = 4096;

/// How much of a function is searched for attempts. Few are longer, and what they try is near their begin.
const MAX_SEARCHED_BYTES: u64 = 4096;

/// Functions begin at multiples of this (`CONFIG_FUNCTION_ALIGNMENT`).
const FUNCTION_ALIGNMENT_BYTES: u64 = 16;

/// Code of this host. `Send` and `Sync`.
#[derive(Debug)]
pub struct LiveCode {
    reader: Result<Mutex<Reader>, CodeSource>,
    kernel_refusal: Option<CodeSource>,
    answers: Mutex<HashMap<(CodeSpace, CodeAddr), Option<CodeFacts>>>,
    /// By the start of their functions.
    attempts: Mutex<HashMap<CodeAddr, Vec<FoundSite>>>,
}

/// [`LiveCode`] with somebody who knows where kernel functions start.
#[derive(Clone, Copy)]
pub struct NamedCode<'a> {
    code: &'a LiveCode,
    names: &'a dyn Names,
}

impl LiveCode {
    /// Of what can be read; see [`Self::kernel_refusal`] for what cannot.
    #[must_use]
    pub fn open() -> Self {
        let (kcore, kernel_refusal) = match Kcore::open(Path::new("/proc/kcore")) {
            Ok(kcore) => (Some(kcore), None),
            Err(error) => (None, Some(error)),
        };
        warm_up();
        Self {
            reader: Reader::start(kcore).map(Mutex::new),
            kernel_refusal,
            answers: Mutex::default(),
            attempts: Mutex::default(),
        }
    }

    /// Why the kernel's code stays unseen, if it does.
    #[must_use]
    pub fn kernel_refusal(&self) -> Option<CodeSource> {
        self.kernel_refusal.or(self.reader.as_ref().err().copied())
    }

    /// This code, with `names` to find the start of kernel functions by.
    #[must_use]
    pub fn with_names<'a>(&'a self, names: &'a dyn Names) -> NamedCode<'a> {
        NamedCode { code: self, names }
    }

    /// Forgets all answers: code changes (processes end, compilers at run time, static keys), so call it
    /// at each window's end.
    pub fn forget(&self) {
        held(&self.answers).clear();
        held(&self.attempts).clear();
    }

    /// Facts about `addr`, or why there are none. Reads and decodes anew each time. `start_addr` is where its
    /// function begins, if that is known.
    pub fn read(
        &self,
        space: CodeSpace,
        addr: CodeAddr,
        start_addr: Option<CodeAddr>,
    ) -> Result<CodeFacts, CodeSource> {
        let question = Question {
            space,
            addr: addr.0,
            start_addr: start_addr.map(|start| start.0),
            nr_bytes: MAX_REACH_BYTES,
        };
        let seen = self.ask(question)?;
        facts_at(&seen.code(), question.start_addr, addr.0)
            .ok_or(CodeSource::Undecodable { addr: addr.0 })
    }

    /// Attempts in the kernel function that starts at `function`, or why there are none. Reads and decodes anew each
    /// time.
    pub fn search(
        &self,
        function: CodeAddr,
        names: &dyn Names,
    ) -> Result<Vec<FoundSite>, CodeSource> {
        let question = Question {
            space: CodeSpace::Kernel,
            addr: function.0,
            start_addr: Some(function.0),
            nr_bytes: MAX_SEARCHED_BYTES,
        };
        let seen = self.ask(question)?;
        let code = seen.code();
        let end_addr = end_of(function.0, code.base_addr + code.bytes.len() as u64, names);
        let kind_of = |addr: u64| {
            let callee = names.function(CodeAddr(addr))?;
            let is_start = callee.offset_bytes == 0;
            is_start.then(|| lock_call(&callee.name)).flatten()
        };
        Ok(attempts(&code, (function.0, end_addr), &kind_of))
    }

    fn ask(&self, question: Question) -> Result<Seen, CodeSource> {
        if let (CodeSpace::Kernel, Some(refusal)) = (question.space, self.kernel_refusal) {
            return Err(refusal);
        }
        let reader = self.reader.as_ref().map_err(|&error| error)?;
        held(reader).ask(question)
    }
}

/// Where the function that starts at `start_addr` ends; `limit_addr` if it goes on to there.
fn end_of(start_addr: u64, limit_addr: u64, names: &dyn Names) -> u64 {
    let is_of_it = |addr: u64| {
        names
            .function(CodeAddr(addr))
            .and_then(|function| addr.checked_sub(function.offset_bytes))
            == Some(start_addr)
    };
    let mut inside = 0;
    let mut outside = limit_addr
        .saturating_sub(start_addr)
        .div_ceil(FUNCTION_ALIGNMENT_BYTES);
    while outside - inside > 1 {
        let middle = inside + (outside - inside) / 2;
        if is_of_it(start_addr + middle * FUNCTION_ALIGNMENT_BYTES) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    limit_addr.min(start_addr + outside * FUNCTION_ALIGNMENT_BYTES)
}

/// Decodes a pause loop: the decoder for x86 builds its tables when first used, the one for Arm has none.
fn warm_up() {
    let pause_loop = Bytes {
        isa: Isa::X86_64,
        base_addr: 0,
        bytes: &[0xf3, 0x90, 0xeb, 0xfc],
    };
    let _ = facts_at(&pause_loop, Some(0), 0);
}

impl Code for NamedCode<'_> {
    fn facts(&self, space: CodeSpace, addr: CodeAddr) -> Option<CodeFacts> {
        if let Some(&known) = held(&self.code.answers).get(&(space, addr)) {
            return known;
        }
        let start_addr = match space {
            CodeSpace::Kernel => self
                .names
                .function(addr)
                .and_then(|function| addr.0.checked_sub(function.offset_bytes))
                .map(CodeAddr),
            CodeSpace::User(_) => None,
        };
        let facts = match self.code.read(space, addr, start_addr) {
            Ok(facts) => Some(facts),
            // Worth another try.
            Err(CodeSource::Slow) => return None,
            Err(_) => None,
        };
        let mut answers = held(&self.code.answers);
        if answers.len() >= MAX_ANSWERS {
            answers.clear();
        }
        answers.insert((space, addr), facts);
        facts
    }

    fn attempts(&self, function: CodeAddr) -> Vec<FoundSite> {
        if let Some(known) = held(&self.code.attempts).get(&function) {
            return known.clone();
        }
        let found = match self.code.search(function, self.names) {
            Ok(found) => found,
            // Worth another try.
            Err(CodeSource::Slow) => return Vec::new(),
            Err(_) => Vec::new(),
        };
        let mut attempts = held(&self.code.attempts);
        if attempts.len() >= MAX_ANSWERS {
            attempts.clear();
        }
        attempts.insert(function, found.clone());
        found
    }
}

/// A cache is usable whatever happened to the thread that held it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
