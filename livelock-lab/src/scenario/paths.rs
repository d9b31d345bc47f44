//! Paths: lookups that all want one dentry, and writers that make them start again.
//!
//! In: a plan. Out: threads that walk paths, rename and mount. Refuses: the machine's own mounts; the
//! mount storm has a mount namespace of its own, which ends with the process.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::ptr;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::child;
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::scratch::{Scratch, path_bytes};
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "dentry-stat",
        description: "stat one file: all threads count the users of its dentry up and down",
        class: Class::Lockref,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: dentry_stat,
    },
    Scenario {
        name: "dentry-open",
        description: "open and close one file from processes with tables of their own",
        class: Class::Lockref,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: dentry_open,
    },
    Scenario {
        name: "path-deep",
        description: "stat a path with symlinks and .. in it: many dentries of the same folders",
        class: Class::Lockref,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: path_deep,
    },
    Scenario {
        name: "rename-readers",
        description: "one thread in four renames, the others ask for their working folder: rename_lock makes them start again",
        class: Class::SeqlockRetry,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: rename_readers,
    },
    Scenario {
        name: "mount-walkers",
        description: "one thread in four mounts and unmounts, the others walk paths: mount_lock makes them start again",
        class: Class::SeqlockRetry,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs {
            root: true,
            mount_namespace: true,
            ..Needs::FOUR_CPUS
        },
        prepare: mount_walkers,
    },
    Scenario {
        name: "rename-across",
        description: "rename files from folder to folder: all threads want s_vfs_rename_mutex",
        class: Class::MutexSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: rename_across,
    },
    Scenario {
        name: "rename-one-dir",
        description: "rename files in one folder: all threads want its read-write semaphore",
        class: Class::RwsemSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: rename_one_dir,
    },
];

/// Folders of the deep path.
const DEPTH: usize = 8;

/// One thread of this many writes, the others read.
const NR_THREADS_PER_WRITER: usize = 4;

fn dentry_stat(_: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::in_memory()?;
    scratch.file("shared", 0)?;
    let name = scratch.name("shared")?;
    Ok(Work::shared(move || sys::stat(&name))?.keep(scratch))
}

fn dentry_open(_: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::in_memory()?;
    scratch.file("shared", 0)?;
    let name = scratch.name("shared")?;
    Ok(Work::by_thread(move |_| {
        let name = name.clone();
        child::in_process(move || sys::open(&name, libc::O_RDONLY).map(|_| 1))
    })?
    .keep(scratch))
}

fn path_deep(_: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::in_memory()?;
    let name = deep_path(&scratch)?;
    Ok(Work::shared(move || sys::stat(&name))?.keep(scratch))
}

/// `real/0/1/…/7` behind a symlink, left and entered again through `..` at each step.
fn deep_path(scratch: &Scratch) -> anyhow::Result<CString> {
    let mut folder = "real".to_owned();
    let mut path = "link".to_owned();
    for level in 0..DEPTH {
        folder = format!("{folder}/{level}");
        path = format!("{path}/{level}/../{level}");
    }
    scratch.folder(&folder)?;
    symlink("real", scratch.path().join("link")).context("failed to make a symbolic link")?;
    scratch.name(&path)
}

fn rename(from: &CString, to: &CString) -> io::Result<()> {
    // SAFETY: both paths end with NUL.
    sys::done(unsafe { libc::rename(from.as_ptr(), to.as_ptr()) }).map(drop)
}

/// There and back again is one operation.
fn swap(from: CString, to: CString) -> anyhow::Result<plan::Op> {
    plan::op(move || {
        rename(&from, &to)?;
        rename(&to, &from)
    })
}

fn rename_readers(plan: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::in_memory()?;
    let folder = scratch.folder("deep/1/2/3/4/5/6/7/8")?;
    for index in 0..plan.nr_threads {
        scratch.folder(&format!("writer-{index}/a"))?;
    }
    std::env::set_current_dir(&folder).context("failed to enter a folder")?;
    let root = scratch.path().to_owned();
    Ok(Work::by_thread(move |index| {
        if index.is_multiple_of(NR_THREADS_PER_WRITER) {
            let own = root.join(format!("writer-{index}"));
            return swap(path_bytes(&own.join("a"))?, path_bytes(&own.join("b"))?);
        }
        plan::op(get_cwd)
    })?
    .keep(scratch))
}

/// The name of the working folder is put together without a lock, and again if somebody renamed.
fn get_cwd() -> io::Result<()> {
    let mut name = [0_u8; 512];
    // SAFETY: the kernel writes at most the length of a live local.
    sys::done(unsafe { libc::syscall(libc::SYS_getcwd, name.as_mut_ptr(), name.len()) }).map(drop)
}

fn mount_walkers(plan: &Plan) -> anyhow::Result<Work> {
    own_mounts()?;
    let scratch = Scratch::in_memory()?;
    let walk = deep_path(&scratch)?;
    for index in 0..plan.nr_threads {
        scratch.folder(&format!("mount-{index}"))?;
    }
    let root = scratch.path().to_owned();
    Ok(Work::by_thread(move |index| {
        if !index.is_multiple_of(NR_THREADS_PER_WRITER) {
            let walk = walk.clone();
            return plan::op(move || sys::stat(&walk));
        }
        let target = path_bytes(&root.join(format!("mount-{index}")))?;
        plan::op(move || {
            mount(c"tmpfs", &target, 0)?;
            // SAFETY: the path ends with NUL.
            sys::done(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
        })
    })?
    .keep(scratch))
}

/// A mount namespace of this process, from which nothing gets out. Must come before the threads.
pub(crate) fn own_mounts() -> anyhow::Result<()> {
    // SAFETY: takes a number; there is one thread so far.
    sys::done(unsafe { libc::unshare(libc::CLONE_NEWNS) }).map_err(|err| {
        Missing::because(
            &err,
            "a mount namespace of its own cannot be made",
            "run it as root (CAP_SYS_ADMIN)",
        )
    })?;
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)
        .context("failed to make the mounts of this namespace private")
}

/// Mounts a file system that needs no device, named by its type.
pub(crate) fn mount(
    kind: &std::ffi::CStr,
    target: &std::ffi::CStr,
    flags: libc::c_ulong,
) -> io::Result<()> {
    // SAFETY: all strings end with NUL; no data is allowed.
    sys::done(unsafe {
        libc::mount(
            kind.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            ptr::null(),
        )
    })
    .map(drop)
}

fn rename_across(plan: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::in_memory()?;
    let (left, right) = (scratch.folder("left")?, scratch.folder("right")?);
    for index in 0..plan.nr_threads {
        fs::write(left.join(index.to_string()), "").context("failed to make a file")?;
    }
    Ok(Work::by_thread(move |index| {
        let name = index.to_string();
        swap(
            path_bytes(&left.join(&name))?,
            path_bytes(&right.join(&name))?,
        )
    })?
    .keep(scratch))
}

fn rename_one_dir(plan: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::in_memory()?;
    for index in 0..plan.nr_threads {
        scratch.file(&format!("a-{index}"), 0)?;
    }
    let root = scratch.path().to_owned();
    Ok(Work::by_thread(move |index| {
        swap(
            path_bytes(&root.join(format!("a-{index}")))?,
            path_bytes(&root.join(format!("b-{index}")))?,
        )
    })?
    .keep(scratch))
}
