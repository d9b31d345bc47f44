//! Child processes and what they use.
//!
//! In: a command. Out: a child that does not outlive its owner; CPU time and peak memory of a process.
//! Refuses: to leave a child behind.

use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Nice value of the measuring thread: in a storm on every CPU, its clock reads must not queue.
const RAISED_NICE: libc::c_int = -20;

/// Time between two looks at a child that is about to end.
const POLL: Duration = Duration::from_millis(2);

/// A child that is killed when its owner gives up on it.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command
            .spawn()
            .map(Self)
            .map_err(|err| crate::tools::start_error(&program, err))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Its status if it has ended.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.0.try_wait().context("failed to look at a child")
    }

    /// Waits for its end, and calls `watch` in the meantime.
    pub(crate) fn wait(
        &mut self,
        at_most: Duration,
        mut watch: impl FnMut(),
    ) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if started.elapsed() > at_most {
                bail!("process {} did not end within {at_most:?}", self.pid());
            }
            watch();
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        // A child that has been waited for has no process id any more.
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = libc::pid_t::try_from(self.pid()).context("a process id out of range")?;
        // SAFETY: takes no pointer; our own child, not waited for yet.
        if unsafe { libc::kill(pid, libc::SIGTERM) } != 0 {
            return Err(std::io::Error::last_os_error()).context("failed to end a child");
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of process `pid` since its start, exited threads included; `None` if it is gone.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: writes one word to `clock`.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one `timespec` to `time`.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let secs = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(secs, nanos))
}

/// Most memory that process `pid` has had resident so far (`VmHWM`); `None` if it is gone.
pub(crate) fn peak_resident_bytes(pid: u32) -> Option<u64> {
    vm_hwm_bytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn vm_hwm_bytes(status: &str) -> Option<u64> {
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?
        .trim()
        .strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

/// Raises the calling thread until dropped. Children must be started outside, at the priority that a
/// shell would give them.
pub(crate) struct Raised(());

impl Raised {
    pub(crate) fn new() -> Self {
        set_nice(RAISED_NICE);
        Self(())
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        set_nice(0);
    }
}

fn set_nice(nice: libc::c_int) {
    // SAFETY: takes no pointer; 0 is the calling thread. A refusal costs precision, not correctness.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vm_hwm_is_in_kib() {
        assert_eq!(
            vm_hwm_bytes("Name:\tlivelock\nVmHWM:\t   21504 kB\n"),
            Some(21504 * 1024)
        );
        assert_eq!(vm_hwm_bytes("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn own_cpu_time_grows() {
        let before = cpu_time(std::process::id()).unwrap();
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(5) {}
        assert!(cpu_time(std::process::id()).unwrap() > before);
    }
}
