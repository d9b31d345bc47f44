//! The kernel's own word, from its boot log.
//!
//! In: records of `/dev/kmsg`. Out: the message about paravirtual spinlocks, and whether the log still
//! reaches back to boot, so that its absence means something. Refuses: to read past the first
//! [`BOOT_NS`] of uptime, and to wait for new records.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

/// Spinlocks are set up before the second CPU starts; on slow hosts with many CPUs that is seconds.
const BOOT_NS: u64 = 120_000_000_000;
/// Records read at most.
const MAX_RECORDS: usize = 100_000;
/// `CONSOLE_EXT_LOG_MAX` of the kernel: longest record.
const MAX_RECORD_BYTES: usize = 8192;

/// What the kernel logged about paravirtual spinlocks.
///
/// From `kvm_spinlock_init`, `hv_init_spinlocks` and `xen_init_spinlocks` (arch/x86): KVM and Xen
/// clear `virt_spin_lock_key` when they disable paravirtual spinlocks by choice, which leaves native ones;
/// KVM without host support, and Hyper-V always, leave it set, which leaves test-and-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PvMessage {
    /// `PV spinlocks enabled`.
    Enabled,
    /// Disabled by choice: native.
    DisabledNative,
    /// Disabled for want of support: test-and-set.
    DisabledTestAndSet,
}

/// What the boot log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootLog {
    /// The last message about paravirtual spinlocks.
    pub pv: Option<PvMessage>,
    /// Whether the log starts with the first record since boot.
    pub is_complete: bool,
}

/// Reads records as of `/dev/kmsg`: `prio,seq,usec,flags;text`, one by one.
#[must_use]
pub fn parse_boot_log<'text>(records: impl IntoIterator<Item = &'text str>) -> BootLog {
    let mut log = BootLog::default();
    for (index, record) in records.into_iter().enumerate() {
        let Some((head, text)) = record.split_once(';') else {
            continue;
        };
        let mut fields = head.split(',').skip(1).map(str::parse::<u64>);
        let (sequence, uptime_us) = (fields.next(), fields.next());
        if index == 0 {
            log.is_complete = sequence == Some(Ok(0));
        }
        if let Some(Ok(uptime_us)) = uptime_us
            && uptime_us > BOOT_NS / 1000
        {
            break;
        }
        log.pv = pv_message(text).or(log.pv);
    }
    log
}

fn pv_message(text: &str) -> Option<PvMessage> {
    let line = text.lines().next()?;
    if line.contains("PV spinlocks enabled") {
        return Some(PvMessage::Enabled);
    }
    let (subject, reason) = line.split_once("PV spinlocks disabled")?;
    let by_choice = ["KVM_HINTS_REALTIME", "single CPU", "nopvspin"];
    if by_choice.iter().any(|word| reason.contains(word)) || subject.starts_with("xen:") {
        Some(PvMessage::DisabledNative)
    } else if reason.contains("no host support")
        || subject.starts_with("Hyper-V:")
        || subject.starts_with("hv:")
    {
        Some(PvMessage::DisabledTestAndSet)
    } else {
        None
    }
}

/// Reads `/dev/kmsg` from its oldest record on.
pub(super) fn read_boot_log() -> io::Result<BootLog> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/kmsg")?;
    let mut records = Vec::new();
    let mut buffer = [0; MAX_RECORD_BYTES];
    while records.len() < MAX_RECORDS {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => {
                let record = String::from_utf8_lossy(&buffer[..len]).into_owned();
                let is_late = uptime_us(&record).is_some_and(|us| us > BOOT_NS / 1000);
                records.push(record);
                if is_late {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // Overwritten while we read; the next read continues with the oldest record left.
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(parse_boot_log(records.iter().map(String::as_str)))
}

fn uptime_us(record: &str) -> Option<u64> {
    record.split([',', ';']).nth(2)?.parse().ok()
}
