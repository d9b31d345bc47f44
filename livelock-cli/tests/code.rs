//! Code of a process and of the kernel, as they run.
//!
//! In: a child that retries a `cmpxchg` for ever, the kernel's spinlocks. Out: what is seen of their code.
//! Refuses: to fail where code cannot be read; such a test says `live: skipped` with the reason, past the
//! harness's capture.

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use livelock_cli::code::{CodeSource, Kcore, LiveCode};
    use livelock_cli::names::{KernelSymbols, LiveNames};
    use livelock_core::code::{AtomicNear, AtomicOp, AtomicPlace, Code, CodeSpace};
    use livelock_core::ids::{CodeAddr, Tgid};
    use livelock_core::names::Names as _;

    fn no_names() -> LiveNames {
        LiveNames::new(None, None, None)
    }

    fn skip(test: &str, reason: impl std::fmt::Display) {
        let line = format!("live: skipped {test}: {reason}\n");
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("standard error");
    }

    /// A child process that is ended with its owner.
    struct Child(libc::pid_t);

    impl Drop for Child {
        fn drop(&mut self) {
            // SAFETY: plain system calls on a child of ours that nobody else waits for.
            unsafe {
                libc::kill(self.0, libc::SIGKILL);
                libc::waitpid(self.0, std::ptr::null_mut(), libc::__WALL);
            }
        }
    }

    impl Child {
        /// Starts a child that adds to a counter as a lock-free structure would, without end.
        fn retrying() -> Self {
            let mut counter = 0_u64;
            // SAFETY: the child does nothing but the loop below: no allocation, no lock, no system call.
            let pid = unsafe { libc::fork() };
            assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
            if pid == 0 {
                // SAFETY: touches only `counter`, which lives as long as the child, and never returns.
                unsafe {
                    std::arch::asm!(
                        "3: mov rax, [rdi]",
                        "2: lea rsi, [rax + 1]",
                        "lock cmpxchg [rdi], rsi",
                        "jne 2b",
                        "jmp 3b",
                        in("rdi") &raw mut counter,
                        options(noreturn)
                    )
                }
            }
            Self(pid)
        }

        fn seize(&self) -> std::io::Result<()> {
            // SAFETY: a request without pointers to a child of ours.
            let done = unsafe { libc::ptrace(libc::PTRACE_SEIZE, self.0, 0, 0) };
            if done == 0 {
                Ok(())
            } else {
                Err(std::io::Error::last_os_error())
            }
        }

        /// Where it is right now.
        fn sample(&self) -> CodeAddr {
            // SAFETY: all zeros are a value of this plain structure.
            let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
            // SAFETY: requests to a child of ours that is seized; `registers` outlives the one that fills it.
            unsafe {
                assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, self.0, 0, 0), 0);
                let mut status = 0;
                assert_eq!(libc::waitpid(self.0, &raw mut status, libc::__WALL), self.0);
                assert!(libc::WIFSTOPPED(status), "status {status:#x}");
                let into = &raw mut registers;
                assert_eq!(libc::ptrace(libc::PTRACE_GETREGS, self.0, 0, into), 0);
                assert_eq!(libc::ptrace(libc::PTRACE_CONT, self.0, 0, 0), 0);
            }
            CodeAddr(registers.rip)
        }
    }

    #[test]
    fn a_process_that_retries_is_seen_to() {
        const NR_SAMPLES: usize = 100;
        const LOOP_BYTES: u64 = 16;
        const LOCKED_BYTES: u64 = 5;
        let child = Child::retrying();
        if let Err(error) = child.seize() {
            return skip("a_process_that_retries_is_seen_to", error);
        }
        let tgid = u32::try_from(child.0).expect("a process id");
        let space = CodeSpace::User(Tgid(tgid));
        let code = LiveCode::open();
        let names = no_names();
        let code_of = code.with_names(&names);
        // It may not have come into its loop yet.
        std::thread::sleep(std::time::Duration::from_millis(50));
        for _ in 0..NR_SAMPLES {
            let addr = child.sample();
            let facts = code_of.facts(space, addr).expect("facts");
            assert!(facts.in_loop && facts.loop_has_atomic, "{addr}: {facts:?}");
            assert!(!facts.loop_has_pause, "{addr}: {facts:?}");
            // The inner loop, and the outer for what is only in that one.
            assert!(matches!(facts.loop_len_bytes, Some(11 | 16)), "{facts:?}");
            let is_hit = |near: AtomicNear| near.op == AtomicOp::Cmpxchg;
            assert!(facts.atomic.is_none_or(is_hit), "{addr}: {facts:?}");
        }

        // An emulator takes no samples within the loop, so the instruction is looked for.
        let place_at = |addr: u64| Some(code_of.facts(space, CodeAddr(addr))?.atomic?.place);
        let near = child.sample().0;
        let locked = (near - LOOP_BYTES..near + LOOP_BYTES)
            .find(|&addr| place_at(addr) == Some(AtomicPlace::At))
            .expect("the locked instruction");
        let next = locked + LOCKED_BYTES;
        assert_eq!(place_at(next), Some(AtomicPlace::After));

        let last = child.sample();
        assert!(code.read(space, last, None).is_ok());
        drop(child);
        let gone = code.read(space, last, None).expect_err("gone");
        assert!(
            matches!(
                gone,
                CodeSource::Unreadable { .. } | CodeSource::ProcessGone { .. }
            ),
            "{gone:?}"
        );
        assert_eq!(
            code.read(space, last, None),
            Err(CodeSource::ProcessGone { tgid })
        );
        assert!(code_of.facts(space, last).is_some(), "the answer is kept");
        code.forget();
        assert_eq!(code_of.facts(space, last), None);
    }

    #[test]
    fn what_is_not_mapped_is_not_seen() {
        let code = LiveCode::open();
        let me = CodeSpace::User(Tgid(std::process::id()));
        for addr in [0, 8, 4096, u64::MAX, 1 << 63] {
            assert_eq!(
                code.read(me, CodeAddr(addr), None),
                Err(CodeSource::Unreadable { addr })
            );
        }
        let kernel_thread = CodeSpace::User(Tgid(2));
        assert!(code.read(kernel_thread, CodeAddr(4096), None).is_err());
    }

    #[test]
    fn a_waiter_for_a_kernel_spinlock_pauses_in_a_loop() {
        const TEST: &str = "a_waiter_for_a_kernel_spinlock_pauses_in_a_loop";
        const FUNCTION: &str = "native_queued_spin_lock_slowpath";
        let kcore = match Kcore::open(Path::new("/proc/kcore")) {
            Ok(kcore) => kcore,
            Err(error) => {
                let code = LiveCode::open();
                assert_eq!(code.kernel_refusal(), Some(error));
                let refused = code.read(CodeSpace::Kernel, CodeAddr(1), None);
                assert_eq!(refused, Err(error));
                return skip(TEST, format!("failed to {error}"));
            }
        };
        let kallsyms = std::fs::read_to_string("/proc/kallsyms").expect("/proc/kallsyms");
        let start_addr = kallsyms.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let addr = u64::from_str_radix(words.next()?, 16).ok()?;
            (words.nth(1)? == FUNCTION && addr != 0).then_some(addr)
        });
        let Some(start_addr) = start_addr else {
            return skip(TEST, format!("no address of {FUNCTION} in /proc/kallsyms"));
        };
        let mut text = [0; 0x300];
        assert_eq!(kcore.read(start_addr, &mut text).expect("text"), text.len());

        let code = LiveCode::open();
        assert_eq!(code.kernel_refusal(), None);
        let names = LiveNames::new(KernelSymbols::load().ok(), None, None);
        let code_of = code.with_names(&names);
        let mut nr_loops = 0;
        for (at, _) in text
            .windows(2)
            .enumerate()
            .filter(|(_, it)| *it == [0xf3, 0x90])
        {
            let addr = CodeAddr(start_addr + at as u64);
            let facts = code_of.facts(CodeSpace::Kernel, addr).expect("facts");
            eprintln!("{FUNCTION}+{at:#x}: {facts:?}");
            let is_inside = names.function(addr).is_some_and(|it| it.name == FUNCTION);
            nr_loops += usize::from(is_inside && facts.in_loop && facts.loop_has_pause);
        }
        assert!(nr_loops >= 2, "one for the pending bit, one for the queue");
    }
}
