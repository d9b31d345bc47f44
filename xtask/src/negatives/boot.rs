//! The boot of a whole distribution in a guest, watched from the inside.
//!
//! In: a kernel. Out: what was said of the boot and the quiet after it. Refuses: to fetch a package twice; the system
//! is kept below `target/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::observe::{Seen, Settings, read};
use crate::vm::boot::{self, Machine};
use crate::vm::{build, fetch, kernels};
use crate::{paths, tools};

/// Its name among the loads.
pub(super) const NAME: &str = "boot";
const WHAT: &str = "Debian boots in a guest: systemd, udev, dbus, ssh, cron, syslog; from early in the boot to the quiet after it";

/// Programs and their packages.
pub(super) const NEEDS: &[(&str, &str)] = &[
    ("debootstrap", "debootstrap"),
    ("cpio", "cpio"),
    ("qemu-system-x86_64", "qemu-system-x86"),
];

const NR_CPUS: u32 = 4;
const MEMORY_MIB: u32 = 2048;
/// The system is unpacked and booted by emulated CPUs.
const BOOT_SECS: u64 = 240;

/// Starts as early as systemd starts anything.
const UNIT: &str = "[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=exec
ExecStart=/usr/bin/observe-boot
";

/// Makes a system once; what nobody reads at boot is left out of it.
const SYSTEM: &str = r#"
    if [ ! -e root.complete ]; then
        rm -rf root
        debootstrap --variant=minbase --include=systemd-sysv,dbus,udev,openssh-server,cron,rsyslog,kmod bookworm root
        rm -rf root/var/cache/apt/* root/var/lib/apt/lists/* root/usr/share/doc root/usr/share/locale root/usr/share/man
        : > root/etc/fstab
        ln -sf sbin/init root/init
        touch root.complete
    fi
    mkdir -p root/etc/systemd/system/sysinit.target.wants
    cp observe-boot.service root/etc/systemd/system/
    ln -sf ../observe-boot.service root/etc/systemd/system/sysinit.target.wants/
    install -m 755 observe-boot livelock root/usr/bin/
"#;

/// Boots, and reads what came over the console.
pub(super) fn observe(dir: &Path, kernel: &str, settings: &Settings<'_>) -> anyhow::Result<Seen> {
    paths::make_dir(dir)?;
    let vmlinuz = fetch::vmlinuz(kernels::by_name(kernel)?, false)?;
    system(dir, settings)?;
    let archive = pack(dir)?;
    let machine = Machine {
        kernel: kernel.to_owned(),
        cpus: NR_CPUS,
        memory_mib: MEMORY_MIB,
        hypervisor_flag: false,
        disk: false,
        append: String::new(),
        timeout_secs: BOOT_SECS + settings.secs,
    };
    let log = boot::boot(&machine, &vmlinuz, &archive)?;
    let bytes = fs::read(&log).with_context(|| format!("failed to read {}", log.display()))?;
    let mut seen = read(&records(&String::from_utf8_lossy(&bytes)))
        .with_context(|| format!("failed to make sense of {}", log.display()))?;
    NAME.clone_into(&mut seen.name);
    seen.what = format!("{WHAT} (Linux {kernel}, {NR_CPUS} emulated CPUs)");
    Ok(seen)
}

fn system(dir: &Path, settings: &Settings<'_>) -> anyhow::Result<()> {
    let program: PathBuf = build::programs(build::Profile::Release, true)?
        .into_iter()
        .find(|path| path.ends_with("livelock"))
        .context("there is no static livelock; leave --no-build out")?;
    fs::copy(&program, dir.join("livelock"))
        .with_context(|| format!("failed to copy {}", program.display()))?;
    let script = format!(
        "#!/bin/sh\nlivelock export --duration {}s --window {}ms {} --output /run/stream\n\
         {{ echo; cat /run/stream; echo; }} >/dev/ttyS0\nsleep 1\nsystemctl poweroff -f -f\n",
        settings.secs,
        settings.window_ms,
        settings.more.join(" "),
    );
    for (name, text) in [
        ("observe-boot", script.as_str()),
        ("observe-boot.service", UNIT),
    ] {
        fs::write(dir.join(name), text).with_context(|| format!("failed to write {name}"))?;
    }
    let mut bash = Command::new("bash");
    tools::run(
        bash.args(["-ec", SYSTEM])
            .env("PATH", tools::path_with_sbin())
            .current_dir(dir),
    )
}

/// The system as an initramfs.
fn pack(dir: &Path) -> anyhow::Result<Vec<u8>> {
    let output = Command::new("bash")
        .args([
            "-c",
            "set -o pipefail; find . -xdev | cpio --create --format=newc --quiet",
        ])
        .current_dir(dir.join("root"))
        .stdin(Stdio::null())
        .stderr(io::stderr())
        .output()
        .map_err(|err| tools::start_error("bash", err))?;
    anyhow::ensure!(output.status.success(), "cpio failed; its message is above");
    Ok(output.stdout)
}

/// The lines of the stream among those of the console.
fn records(console: &str) -> String {
    console
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("{\"record\""))
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_among_messages() {
        let console = "[  OK  ] Reached target\r\n{\"record\":\"window\"}\r\n[   80.3] reboot: Power down\r\n";
        assert_eq!(records(console), "{\"record\":\"window\"}\n");
    }
}
