//! One guest, from a script to its results.
//!
//! In: a machine, programs, a script. Out: what the script left behind. Refuses: to drop the log of
//! a guest that failed; every error names it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::boot::{self, End, Machine};
use super::build::{self, Profile};
use super::console::{self, Results};
use super::{disk, fetch, initramfs, kernels, module};

/// Wall time that is left for boot and for sending the results, so that the guest's own time limit
/// strikes first and the results still arrive. A boot takes about 10 s on two cores.
const BOOT_RESERVE_SECS: u64 = 40;

/// Boots before a kernel whose guests die counts as broken.
const MAX_BOOTS: u32 = 3;

/// What a kernel says of a breakpoint that it did not set, or no longer has. The kernel patches its code
/// through breakpoints and all CPUs agree before it takes one away, but a CPU of a threaded emulator
/// may have translated the code in between (see `emulator.rs`).
const EMULATOR_FAULT: &[u8] = b"Oops: int3";

/// Words that betray a lockup detector, a stall detector or a crash in the kernel's log.
const ALARMS: &[&str] = &[
    "soft lockup",
    "hard lockup",
    "detected stall",
    "self-detected stall",
    "detected expedited stall",
    "workqueue lockup",
    "blocked for more than",
    "bug:",
    "oops:",
    "kernel panic",
];

/// What the guest gets beside the kernel.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Content {
    /// Do not build; take the static programs of the last build
    #[arg(long)]
    pub(crate) no_build: bool,
    /// How the static programs are compiled
    #[arg(long, value_enum, default_value_t)]
    pub(crate) profile: Profile,
    /// Put one more static program (or script) into the guest's /bin
    #[arg(long = "add", value_name = "PROGRAM")]
    pub(crate) extra: Vec<PathBuf>,
    /// Load this module of the guest's kernel, and those it depends on; repeatable
    #[arg(long = "module", value_name = "NAME")]
    pub(crate) modules: Vec<String>,
}

/// Boots, runs `script`, and brings back the guest's `/result` folder. With `has_module` the guest has
/// the ground-truth module; loading it is up to the script.
pub(crate) fn run(
    machine: &Machine,
    content: &Content,
    has_module: bool,
    script: &str,
) -> anyhow::Result<Results> {
    let limit_secs = machine.timeout_secs.saturating_sub(BOOT_RESERVE_SECS);
    ensure!(
        limit_secs > 0,
        "--timeout {} leaves no time beside the boot; give it more than {BOOT_RESERVE_SECS}",
        machine.timeout_secs
    );
    let kernel = kernels::by_name(&machine.kernel)?;
    let vmlinuz = fetch::vmlinuz(kernel, false)?;
    let mut programs = build::programs(content.profile, content.no_build)?;
    programs.extend(content.extra.iter().cloned());
    if has_module {
        programs.push(module::build(kernel)?);
    }
    let disk_modules = if machine.disk {
        disk::modules(kernel)?
    } else {
        Vec::new()
    };
    let initramfs = initramfs::pack(&initramfs::Content {
        programs: &programs,
        disk_modules: &disk_modules,
        wanted_modules: &disk::named(kernel, &content.modules)?,
        script,
        limit_secs,
    })?;
    let (log_path, log) = boot_to_end(machine, &vmlinuz, &initramfs)?;
    console::parse(&log).with_context(|| {
        let alarms = alarm_lines(&log).join("; ");
        let alarms = if alarms.is_empty() {
            "nothing"
        } else {
            &alarms
        };
        format!(
            "failed to read {} (its kernel complains of: {alarms})",
            log_path.display()
        )
    })
}

/// Boots and returns the console log of the first guest that the emulator did not fail. A guest may
/// die before its first process runs, when nothing under test has run yet, or of [`EMULATOR_FAULT`]. That fault may
/// as well hang it without a word, so that it takes two guests that hang to say that one does.
fn boot_to_end(
    machine: &Machine,
    vmlinuz: &Path,
    initramfs: &[u8],
) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let limit = Duration::from_secs(machine.timeout_secs);
    let mut nr_overdue = 0;
    for _ in 0..MAX_BOOTS {
        eprintln!(
            "vm: booting kernel {} with {} CPUs",
            machine.kernel, machine.cpus
        );
        let begin = Instant::now();
        let mut go_on = |_: &Path| Ok(begin.elapsed() < limit);
        let (log_path, end) = boot::boot_while(machine, vmlinuz, initramfs, &mut go_on)?;
        let log = fs::read(&log_path)
            .with_context(|| format!("failed to read {}", log_path.display()))?;
        let failure = if is_emulator_fault(&log) {
            "a CPU kept a breakpoint that was gone, which is a fault of the emulator"
        } else if !console::has_started(&log) {
            "the kernel died while booting"
        } else if end == End::PoweredOff {
            return Ok((log_path, log));
        } else if nr_overdue == 0 {
            nr_overdue += 1;
            "the guest hung, once"
        } else {
            bail!("{}", boot::overdue(limit, &log_path));
        };
        eprintln!("vm: warning: {failure}; see {}", log_path.display());
    }
    bail!("{MAX_BOOTS} guests died; their logs are above")
}

/// Did this guest die of the emulator?
fn is_emulator_fault(log: &[u8]) -> bool {
    log.windows(EMULATOR_FAULT.len())
        .any(|part| part == EMULATOR_FAULT)
}

/// Lines of the kernel's log in which a watchdog or a crash speaks.
pub(crate) fn alarm_lines(dmesg: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(dmesg)
        .lines()
        .filter(|line| {
            let line = line.to_ascii_lowercase();
            ALARMS.iter().any(|alarm| line.contains(alarm))
        })
        .map(str::to_owned)
        .collect()
}

/// A word that the guest's shell reads as exactly this text.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_watchdogs_say_and_nothing_else() {
        let dmesg = b"[1] watchdog: Delayed init of the lockup detector failed: -22\n\
            [2] clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable\n\
            [3] watchdog: BUG: soft lockup - CPU#1 stuck for 26s!\n\
            [4] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
            [5] INFO: task sh:1 blocked for more than 120 seconds.\n";
        let lines = alarm_lines(dmesg);
        assert_eq!(lines.len(), 3, "{lines:?}");
    }

    #[test]
    fn quotes_survive_the_shell() {
        assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
    }
}
