//! What the kernel knows of a loaded program and aya does not tell.
//!
//! In: a program's descriptor. Out: runs skipped because the program was already running on that CPU
//! (Linux 6.1 and later; older kernels do not count them). Refuses: guessing on older kernels.

use std::os::fd::{AsRawFd, BorrowedFd};

use aya_obj::generated::bpf_prog_info;

/// `BPF_OBJ_GET_INFO_BY_FD` of `enum bpf_cmd`, `include/uapi/linux/bpf.h`, v6.18.
const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;

#[repr(C)]
struct InfoByFd {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// `recursion_misses` of `struct bpf_prog_info` (field since 5.12, counted for these programs since
/// 6.1); `None` if the kernel does not fill it.
pub(super) fn recursion_misses(program: BorrowedFd<'_>) -> Option<u64> {
    // SAFETY: plain integers, for which zero is valid.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut request = InfoByFd {
        bpf_fd: u32::try_from(program.as_raw_fd()).ok()?,
        info_len: u32::try_from(size_of::<bpf_prog_info>()).ok()?,
        info: (&raw mut info) as u64,
    };
    // SAFETY: the kernel writes at most `info_len` bytes to `info`, which lives until after the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_OBJ_GET_INFO_BY_FD,
            &raw mut request,
            size_of::<InfoByFd>(),
        )
    };
    let filled = usize::try_from(request.info_len).unwrap_or(0);
    let end_of_field = std::mem::offset_of!(bpf_prog_info, recursion_misses) + size_of::<u64>();
    (result == 0 && filled >= end_of_field).then_some(info.recursion_misses)
}
