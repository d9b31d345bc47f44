//! One boot of QEMU, emulated, from start to end.
//!
//! In: a kernel image, an initramfs, a machine. Out: the path of the console log. Refuses: to run
//! longer than its time limit, and to leave QEMU behind when xtask dies.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};

use super::disk::Image;
use super::emulator::Emulator;
use crate::paths;
use crate::tools;

/// How often to look whether QEMU has ended.
const POLL_PERIOD: Duration = Duration::from_millis(50);

/// The machine to emulate.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Machine {
    /// Kernel, by the short name of `cargo xtask vm list`
    #[arg(long, default_value = "6.1")]
    pub(crate) kernel: String,
    /// CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) cpus: u32,
    /// Memory of the guest, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub(crate) memory_mib: u32,
    /// Show the guest that it is one: test-and-set spinlocks instead of queued ones, no spin events
    #[arg(long)]
    pub(crate) hypervisor_flag: bool,
    /// Give the guest a scratch disk, with an ext4 file system at /disk
    #[arg(long)]
    pub(crate) disk: bool,
    /// More words for the kernel's command line
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "",
        allow_hyphen_values = true
    )]
    pub(crate) append: String,
    /// End the guest after this many seconds
    #[arg(long = "timeout", value_name = "SECS", default_value_t = 120)]
    pub(crate) timeout_secs: u64,
}

/// How a guest came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It powered off.
    PoweredOff,
    /// Whoever watched it gave it up.
    GivenUp,
}

/// Boots `vmlinuz` with `initramfs` and returns the console log once the guest has powered off.
pub(crate) fn boot(machine: &Machine, vmlinuz: &Path, initramfs: &[u8]) -> anyhow::Result<PathBuf> {
    let limit = Duration::from_secs(machine.timeout_secs);
    let begin = Instant::now();
    let mut go_on = |_: &Path| Ok(begin.elapsed() < limit);
    match boot_while(machine, vmlinuz, initramfs, &mut go_on)? {
        (log, End::PoweredOff) => Ok(log),
        (log, End::GivenUp) => bail!("{}", overdue(limit, &log)),
    }
}

/// Complaint about a guest that took longer than `limit`.
pub(crate) fn overdue(limit: Duration, log: &Path) -> String {
    format!(
        "the guest did not end within {} s; see {}, or allow more with --timeout",
        limit.as_secs(),
        log.display()
    )
}

/// As [`boot`], for as long as `go_on` says so. It is called all the time, with the console log.
pub(crate) fn boot_while(
    machine: &Machine,
    vmlinuz: &Path,
    initramfs: &[u8],
    go_on: &mut dyn FnMut(&Path) -> anyhow::Result<bool>,
) -> anyhow::Result<(PathBuf, End)> {
    let run_name = run_name(&machine.kernel);
    let log = paths::vm_dir("logs")?.join(format!("{run_name}.log"));
    let initrd = paths::vm_dir("run")?.join(format!("{run_name}.cpio"));
    fs::write(&initrd, initramfs)
        .with_context(|| format!("failed to write {}", initrd.display()))?;
    let image = || paths::vm_dir("run").map(|dir| dir.join(format!("{run_name}.disk")));
    let outcome = machine
        .disk
        .then(|| Image::new(image()?))
        .transpose()
        .and_then(|image| {
            let qemu = start(machine, vmlinuz, &initrd, &log, image.as_ref())?;
            wait(qemu, &log, go_on)
        });
    // The log is kept, the initramfs is not: it is made in milliseconds and holds whole programs.
    let removed = fs::remove_file(&initrd);
    let end = outcome?;
    removed.with_context(|| format!("failed to remove {}", initrd.display()))?;
    Ok((log, end))
}

fn start(
    machine: &Machine,
    vmlinuz: &Path,
    initrd: &Path,
    log: &Path,
    image: Option<&Image>,
) -> anyhow::Result<Child> {
    let cpu = if machine.hypervisor_flag {
        "max"
    } else {
        "max,-hypervisor"
    };
    let errors = log.with_extension("qemu");
    let errors =
        File::create(&errors).with_context(|| format!("failed to make {}", errors.display()))?;
    let mut command = Emulator::find()?.command();
    command
        .args(["-accel", "tcg,thread=multi", "-cpu", cpu])
        .args([
            "-smp",
            &machine.cpus.to_string(),
            "-m",
            &machine.memory_mib.to_string(),
        ])
        .args([
            "-display",
            "none",
            "-monitor",
            "none",
            "-nic",
            "none",
            "-no-reboot",
        ])
        .arg("-serial")
        .arg(format!("file:{}", log.display()))
        .arg("-kernel")
        .arg(vmlinuz)
        .arg("-initrd")
        .arg(initrd)
        .arg("-append")
        .arg(format!(
            "console=ttyS0 quiet loglevel=1 panic=-1 {}",
            machine.append
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors);
    if let Some(image) = image {
        command.arg("-drive").arg(image.drive());
    }
    // SAFETY: between fork and exec only `prctl` is called, which is a plain system call.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        });
    }
    command
        .spawn()
        .map_err(|err| tools::start_error("QEMU", err))
}

fn wait(
    mut qemu: Child,
    log: &Path,
    go_on: &mut dyn FnMut(&Path) -> anyhow::Result<bool>,
) -> anyhow::Result<End> {
    loop {
        if let Some(status) = qemu.try_wait().context("failed to wait for QEMU")? {
            if !status.success() {
                let errors = fs::read_to_string(log.with_extension("qemu")).unwrap_or_default();
                bail!("QEMU ended with {status}: {}", errors.trim());
            }
            return Ok(End::PoweredOff);
        }
        let verdict = go_on(log);
        if !matches!(verdict, Ok(true)) {
            qemu.kill().context("failed to end QEMU")?;
            qemu.wait().context("failed to wait for QEMU")?;
            return verdict.map(|_| End::GivenUp);
        }
        thread::sleep(POLL_PERIOD);
    }
}

/// A name that no other run has: kernel, time and process.
fn run_name(kernel: &str) -> String {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{kernel}-{}-{}",
        since_epoch.as_millis(),
        std::process::id()
    )
}
