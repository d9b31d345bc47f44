//! Wrappers of system calls as C libraries have them, calls, and names of this very program.

use livelock_core::ids::{CodeAddr, Tgid};

use super::UserCode;
use super::caller::{depth_words, ends_with_call};

const MOV_SYSCALL: [u8; 7] = [0xb8, 0x20, 0, 0, 0, 0x0f, 0x05];

#[test]
fn a_plain_wrapper_has_its_return_address_on_top() {
    // endbr64; mov $32,%eax; syscall
    let code = [&[0xf3, 0x0f, 0x1e, 0xfa][..], &MOV_SYSCALL].concat();
    assert_eq!(depth_words(&code), Some(0));
    assert_eq!(depth_words(&MOV_SYSCALL), Some(0));
}

#[test]
fn what_a_wrapper_pushes_lies_before_it() {
    // push %rbx; sub $0x18,%rsp; call +0; mov $32,%eax; syscall
    let pushing = [
        &[0x53, 0x48, 0x83, 0xec, 0x18, 0xe8, 0, 0, 0, 0][..],
        &MOV_SYSCALL,
    ]
    .concat();
    assert_eq!(depth_words(&pushing), Some(4));
    // A first path that returns, then one that takes its room itself: close() of glibc.
    let two_paths = [
        &MOV_SYSCALL[..],
        &[0xc3, 0x48, 0x83, 0xec, 0x18],
        &MOV_SYSCALL,
    ]
    .concat();
    assert_eq!(depth_words(&two_paths), Some(3));
}

#[test]
fn code_that_cannot_be_followed_has_no_caller() {
    assert_eq!(depth_words(&[0xb8, 0x20, 0, 0, 0]), None, "no system call");
    assert_eq!(depth_words(&[]), None);
    // mov %rdi,%rsp
    let moved = [&[0x48, 0x89, 0xfc][..], &MOV_SYSCALL].concat();
    assert_eq!(depth_words(&moved), None);
    // add $8,%rsp: more than there is.
    let popped = [&[0x48, 0x83, 0xc4, 0x08][..], &MOV_SYSCALL].concat();
    assert_eq!(depth_words(&popped), None);
}

#[test]
fn calls_of_all_lengths_are_told_from_other_code() {
    for call in [
        &[0x90, 0x90, 0x90, 0xe8, 1, 2, 3, 4][..],
        &[0xff, 0xd0],
        &[0x41, 0xff, 0xd4],
        &[0xff, 0x50, 0x18],
        &[0xff, 0x15, 1, 2, 3, 4],
    ] {
        assert!(ends_with_call(call), "{call:x?}");
    }
    for other in [&[0x90; 8][..], &[0x0f, 0x05], &[0xe9, 1, 2, 3, 4], &[]] {
        assert!(!ends_with_call(other), "{other:x?}");
    }
}

#[test]
fn a_function_of_this_program_has_its_name_file_and_line() {
    let code = UserCode::start(true).expect("a thread");
    let me = Tgid(std::process::id());
    let here = CodeAddr(a_function_of_this_program_has_its_name_file_and_line as *const () as u64);
    // Debug information of a test takes longer to read than a window's close waits.
    let function = |code: &UserCode, process, addr| {
        let _ = code.function(process, addr);
        code.settle();
        code.function(process, addr)
    };
    let Some(found) = function(&code, me, here) else {
        eprintln!("skipped: this process may not look at its own maps");
        return;
    };
    let name = found.name.as_deref().unwrap_or_default();
    assert!(name.contains("a_function_of_this_program"), "{found:?}");
    assert_eq!(found.offset_bytes, 0);
    let exe = std::env::current_exe().expect("a path");
    assert_eq!(found.module.as_deref(), exe.to_str());
    assert!(
        found.file_offset_bytes.is_some_and(|offset| offset > 0),
        "{found:?}"
    );
    let source = found.source.expect("tests are built with lines");
    assert!(
        source.file.ends_with("tests.rs") && source.line > Some(0),
        "{source:?}"
    );

    let names_only = UserCode::start(false).expect("a thread");
    let found = function(&names_only, me, here).expect("the same");
    assert_eq!(found.source, None);
    assert_eq!(
        function(&code, me, CodeAddr(1)),
        None,
        "nothing is mapped there"
    );
    assert_eq!(
        function(&code, Tgid(u32::MAX >> 1), here),
        None,
        "no such process"
    );
}
