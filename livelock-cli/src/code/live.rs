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
use livelock_core::lock_call::LockCallKind;
use livelock_core::names::Names;
use livelock_core::spin_functions::lock_call;

use super::attempts::{attempts, call_targets};
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

    /// Of each of these functions as much code as is searched.
    fn begins_of(
        &self,
        functions: &[CodeAddr],
    ) -> Result<Vec<Result<Seen, CodeSource>>, CodeSource> {
        if let Some(refusal) = self.kernel_refusal {
            return Err(refusal);
        }
        let question = |function: &CodeAddr| Question {
            space: CodeSpace::Kernel,
            addr: function.0,
            start_addr: Some(function.0),
            nr_bytes: MAX_SEARCHED_BYTES,
        };
        let reader = self.reader.as_ref().map_err(|&error| error)?;
        held(reader).ask_kernel(functions.iter().map(question).collect())
    }

    fn ask(&self, question: Question) -> Result<Seen, CodeSource> {
        if let (CodeSpace::Kernel, Some(refusal)) = (question.space, self.kernel_refusal) {
            return Err(refusal);
        }
        let reader = self.reader.as_ref().map_err(|&error| error)?;
        held(reader).ask(question)
    }
}

/// Where functions end that begin at these addresses and whose code was seen up to the other ones. All are bisected at the same time: on a
/// host without time for two threads each question takes a moment.
fn ends_of(seen: &[(u64, u64)], names: &dyn Names) -> Vec<u64> {
    let mut bounds: Vec<(u64, u64)> = seen
        .iter()
        .map(|(start, limit)| {
            (
                0,
                limit
                    .saturating_sub(*start)
                    .div_ceil(FUNCTION_ALIGNMENT_BYTES),
            )
        })
        .collect();
    let middle = |(inside, outside): (u64, u64)| inside + (outside - inside) / 2;
    let addr = |start: u64, bounds| start + middle(bounds) * FUNCTION_ALIGNMENT_BYTES;
    let is_open = |&(inside, outside): &(u64, u64)| outside - inside > 1;
    while bounds.iter().any(is_open) {
        let open = || {
            seen.iter()
                .zip(&bounds)
                .filter(|(_, bounds)| is_open(bounds))
        };
        let asked: Vec<CodeAddr> = open()
            .map(|(&(start, _), &bounds)| CodeAddr(addr(start, bounds)))
            .collect();
        names.expect_functions(&asked);
        for (&(start, _), bounds) in seen.iter().zip(&mut bounds).filter(|(_, it)| is_open(it)) {
            let addr = addr(start, *bounds);
            let function = names.function(CodeAddr(addr));
            let begins_at = function.and_then(|function| addr.checked_sub(function.offset_bytes));
            if begins_at == Some(start) {
                bounds.0 = middle(*bounds);
            } else {
                bounds.1 = middle(*bounds);
            }
        }
    }
    let end = |(&(start, limit), (_, outside)): (&(u64, u64), (u64, u64))| {
        limit.min(start + outside * FUNCTION_ALIGNMENT_BYTES)
    };
    seen.iter().zip(bounds).map(end).collect()
}

/// What the function that starts at `addr` does to locks.
fn kind_of(addr: u64, names: &dyn Names) -> Option<LockCallKind> {
    let callee = names.function(CodeAddr(addr))?;
    let is_start = callee.offset_bytes == 0;
    is_start.then(|| lock_call(&callee.name)).flatten()
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

    fn attempts(&self, functions: &[CodeAddr]) -> Vec<FoundSite> {
        let mut found: HashMap<CodeAddr, Vec<FoundSite>> = HashMap::new();
        let mut unknown = Vec::new();
        for &function in functions {
            match held(&self.code.attempts).get(&function) {
                Some(known) => drop(found.insert(function, known.clone())),
                None => unknown.push(function),
            }
        }
        let answers = match self.code.begins_of(&unknown) {
            Ok(answers) => answers,
            Err(error) => {
                log::debug!("failed to read what is searched for attempts: {error}");
                vec![Err(error); unknown.len()]
            }
        };
        let mut seen: Vec<(CodeAddr, Seen)> = Vec::new();
        for (function, answer) in unknown.into_iter().zip(answers) {
            match answer {
                Ok(code) => seen.push((function, code)),
                // Worth another try.
                Err(CodeSource::Slow) => {}
                Err(_) => drop(found.insert(function, Vec::new())),
            }
        }
        let limit = |code: &Bytes<'_>| code.base_addr + code.bytes.len() as u64;
        let spans = seen
            .iter()
            .map(|(start, seen)| (start.0, limit(&seen.code())));
        let spans: Vec<(u64, u64)> = spans.collect();
        let ends = ends_of(&spans, self.names);
        let searched = || seen.iter().zip(ends.iter().copied());
        let calls =
            searched().flat_map(|((start, seen), end)| call_targets(&seen.code(), (start.0, end)));
        let calls: Vec<CodeAddr> = calls.map(CodeAddr).collect();
        self.names.expect_functions(&calls);
        let kind_of = |addr| kind_of(addr, self.names);
        found.extend(searched().map(|((start, seen), end)| {
            (*start, attempts(&seen.code(), (start.0, end), &kind_of))
        }));
        let mut known = held(&self.code.attempts);
        if known.len() + found.len() > MAX_ANSWERS {
            known.clear();
        }
        known.extend(
            found
                .iter()
                .map(|(function, sites)| (*function, sites.clone())),
        );
        let in_order = functions
            .iter()
            .filter_map(|function| found.remove(function));
        in_order.flatten().collect()
    }
}

/// A cache is usable whatever happened to the thread that held it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use livelock_core::event::ObjectPlace;
    use livelock_core::ids::{CgroupId, LockAddr};
    use livelock_core::names::FunctionName;

    use super::*;

    /// Functions by start and end, and how often somebody said what will be asked for.
    struct Table(Vec<(u64, u64)>, Cell<usize>);

    impl Names for Table {
        fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
            let (start, _) = self
                .0
                .iter()
                .find(|(start, end)| (*start..*end).contains(&addr.0))?;
            Some(FunctionName {
                name: "f".to_owned(),
                offset_bytes: addr.0 - start,
            })
        }

        fn expect_functions(&self, _: &[CodeAddr]) {
            self.1.set(self.1.get() + 1);
        }

        fn data_symbol(&self, _: LockAddr) -> Option<String> {
            None
        }

        fn member(&self, _: ObjectPlace) -> Option<String> {
            None
        }

        fn cgroup_path(&self, _: CgroupId) -> Option<String> {
            None
        }
    }

    #[test]
    fn all_ends_are_found_with_as_many_questions_as_one() {
        let functions = vec![(0x1000, 0x1040), (0x1040, 0x1050), (0x1050, 0x3000)];
        let names = Table(functions, Cell::new(0));
        let seen = |start: u64| (start, start + 0x1000);
        let ends = ends_of(&[seen(0x1000), seen(0x1040), seen(0x1050)], &names);
        assert_eq!(ends, [0x1040, 0x1050, 0x2050]);
        // 256 places where each may end.
        assert_eq!(names.1.get(), 8);
        assert_eq!(ends_of(&[(0x1000, 0x1008)], &names), [0x1008]);
        assert!(ends_of(&[], &names).is_empty());
    }
}
