//! Breakpoints of the debug registers, by perf events.
//!
//! In: an instruction of the kernel, a CPU. Out: an event that counts its hits up to a limit. Refuses: user code, and hits
//! without a limit.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use aya_obj::generated::{perf_event_attr, perf_type_id};
use livelock_core::ids::{CodeAddr, CpuId};

/// `HW_BREAKPOINT_X` and the length that goes with it, include/uapi/linux/hw_breakpoint.h, v6.1.
const BREAKPOINT_EXECUTE: u32 = 4;
const EXECUTE_LEN_BYTES: u64 = size_of::<libc::c_long>() as u64;

/// `PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_GROUP`, `PERF_FLAG_FD_CLOEXEC`, `PERF_EVENT_IOC_REFRESH` and `PERF_EVENT_IOC_SET_BPF`,
/// include/uapi/linux/perf_event.h, v6.1.
const GROUP_WITH_TIME: u64 = 1 | 8;
const CLOSE_ON_EXEC: libc::c_ulong = 8;
const REFRESH: libc::c_ulong = 0x2402;
const SET_BPF: libc::c_ulong = 0x4004_2408;

/// How long it may take until all CPUs are armed. One answers within microseconds; in a storm, or emulated, it may take a
/// tenth of a second for each breakpoint, and all of them together several windows.
const ARM_FOR: Duration = Duration::from_millis(100);

/// CPUs that are armed for each place however long they take: two, since it takes two to be in each other's way.
pub(super) const NR_CPUS_AT_LEAST: usize = 2;

/// How long arming has taken.
#[derive(Debug)]
pub(super) struct ArmingTime(Instant);

impl ArmingTime {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Whether those that are armed for `nr_places` have to do.
    pub(super) fn is_over(&self, nr_armed: usize, nr_places: usize) -> bool {
        suffices(self.0.elapsed(), nr_armed, nr_places)
    }
}

fn suffices(elapsed: Duration, nr_armed: usize, nr_places: usize) -> bool {
    nr_armed >= NR_CPUS_AT_LEAST * nr_places && elapsed > ARM_FOR
}

/// An event for each time that `cpu` comes by `addr`. It waits for [`let_hit`], and for that of the `leader` of its group if
/// it has one: then all of them begin at the same moment, and end with the leader.
pub(super) fn arm_at(addr: CodeAddr, cpu: CpuId, leader: Option<&File>) -> io::Result<File> {
    // SAFETY: plain integers, for which zero is valid.
    let mut event: perf_event_attr = unsafe { std::mem::zeroed() };
    event.size = u32::try_from(size_of::<perf_event_attr>()).map_err(io::Error::other)?;
    event.type_ = perf_type_id::PERF_TYPE_BREAKPOINT as u32;
    event.bp_type = BREAKPOINT_EXECUTE;
    event.__bindgen_anon_3.bp_addr = addr.0;
    event.__bindgen_anon_4.bp_len = EXECUTE_LEN_BYTES;
    event.__bindgen_anon_1.sample_period = 1;
    event.read_format = GROUP_WITH_TIME;
    event.set_disabled(1);
    event.set_exclude_user(1);
    event.set_exclude_hv(1);
    let cpu = libc::c_int::try_from(cpu.0).map_err(io::Error::other)?;
    let every_process: libc::pid_t = -1;
    let group = leader.map_or(-1, |leader| leader.as_raw_fd());
    // SAFETY: the kernel reads `event`, which outlives the call.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const event,
            every_process,
            cpu,
            group,
            CLOSE_ON_EXEC,
        )
    };
    match libc::c_int::try_from(opened) {
        // SAFETY: a descriptor that the kernel has just made for us.
        Ok(fd) if fd >= 0 => Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) })),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Runs `program` at each hit.
pub(super) fn run_at(event: &File, program: BorrowedFd<'_>) -> io::Result<()> {
    control(event, SET_BPF, program.as_raw_fd())
}

/// Lets it be hit `nr` times from now on.
pub(super) fn let_hit(event: &File, nr: i32) -> io::Result<()> {
    control(event, REFRESH, nr)
}

fn control(event: &File, request: libc::c_ulong, argument: libc::c_int) -> io::Result<()> {
    // SAFETY: an event of ours, and a request that takes a number.
    if unsafe { libc::ioctl(event.as_raw_fd(), request, argument) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cpus_a_place_are_armed_however_late_and_more_while_there_is_time() {
        let late = ARM_FOR + Duration::from_millis(1);
        assert!(!suffices(late, 0, 1) && !suffices(late, 1, 1));
        assert!(suffices(late, 2, 1));
        assert!(!suffices(late, 3, 2), "one place has one CPU only");
        assert!(suffices(late, 4, 2));
        assert!(!suffices(ARM_FOR, 64, 1), "there is time for more");
    }
}
