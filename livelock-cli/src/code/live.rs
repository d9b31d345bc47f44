//! [`Code`] of the running host.
//!
//! In: sampled addresses. Out: facts about the code there. Refuses: to keep more than [`MAX_ANSWERS`] of
//! them, or any beyond a window's end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use livelock_core::code::{Code, CodeFacts, CodeSpace};
use livelock_core::ids::CodeAddr;
use livelock_core::names::Names;

use super::error::CodeSource;
use super::facts::{Bytes, facts_at};
use super::isa::Isa;
use super::kcore::Kcore;
use super::reader::{Question, Reader};

/// Distinct addresses of a window: 99 samples per second and CPU, most of them at the same few.
const MAX_ANSWERS: usize = 4096;

/// Code of this host. `Send` and `Sync`.
#[derive(Debug)]
pub struct LiveCode {
    reader: Result<Mutex<Reader>, CodeSource>,
    kernel_refusal: Option<CodeSource>,
    answers: Mutex<HashMap<(CodeSpace, CodeAddr), Option<CodeFacts>>>,
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
    }

    /// Facts about `addr`, or why there are none. Reads and decodes anew each time. `start_addr` is where its
    /// function begins, if that is known.
    pub fn read(
        &self,
        space: CodeSpace,
        addr: CodeAddr,
        start_addr: Option<CodeAddr>,
    ) -> Result<CodeFacts, CodeSource> {
        if let (CodeSpace::Kernel, Some(refusal)) = (space, self.kernel_refusal) {
            return Err(refusal);
        }
        let question = Question {
            space,
            addr: addr.0,
            start_addr: start_addr.map(|start| start.0),
        };
        let reader = self.reader.as_ref().map_err(|&error| error)?;
        let seen = held(reader).ask(question)?;
        let code = Bytes {
            isa: seen.isa,
            base_addr: seen.base_addr,
            bytes: &seen.bytes,
        };
        facts_at(&code, question.start_addr, addr.0).ok_or(CodeSource::Undecodable { addr: addr.0 })
    }
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
}

/// A cache is usable whatever happened to the thread that held it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
