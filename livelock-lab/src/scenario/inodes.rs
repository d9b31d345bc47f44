//! Inodes: writes to one file, files made and removed, files written back.
//!
//! In: a plan. Out: threads that write, create, unlink and sync. Refuses: files outside its folder;
//! `sync` is that of the folder's file system only.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::scratch::{Scratch, path_bytes};
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "pwrite-memory",
        description: "pwrite to one file in memory: all threads want the inode's read-write semaphore",
        class: Class::RwsemSpin,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: pwrite_memory,
    },
    Scenario {
        name: "pwrite-disk",
        description: "pwrite to one file on a disk: the inode's semaphore, and the file system's work",
        class: Class::RwsemSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs {
            disk_filesystem: true,
            ..Needs::FOUR_CPUS
        },
        prepare: pwrite_disk,
    },
    Scenario {
        name: "create-one-dir",
        description: "make and remove files in one folder: all threads want its read-write semaphore",
        class: Class::RwsemSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: create_one_dir,
    },
    Scenario {
        name: "create-own-dirs",
        description: "make and remove files in a folder a thread, in memory: the list of all inodes",
        class: Class::WritebackInode,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::COLLAPSE,
        prepare: create_own_dirs,
    },
    Scenario {
        name: "create-on-disk",
        description: "make and remove files in a folder a thread, on a disk: object caches and the journal",
        class: Class::SlabJournal,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs {
            disk_filesystem: true,
            ..Needs::FOUR_CPUS
        },
        prepare: create_on_disk,
    },
    Scenario {
        name: "fsync-files",
        description: "write and fsync a file a thread: all of them want the journal of one disk",
        class: Class::SlabJournal,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs {
            disk_filesystem: true,
            ..Needs::FOUR_CPUS
        },
        prepare: fsync_files,
    },
    Scenario {
        name: "sync-storm",
        description: "dirty a file a thread and sync their file system: lists of dirty inodes",
        class: Class::WritebackInode,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs {
            disk_filesystem: true,
            ..Needs::FOUR_CPUS
        },
        prepare: sync_storm,
    },
];

/// Small enough that taking the lock is most of the work.
const WRITE_BYTES: usize = 64;

fn pwrite_memory(_: &Plan) -> anyhow::Result<Work> {
    pwrite_one(Scratch::in_memory()?)
}

fn pwrite_disk(_: &Plan) -> anyhow::Result<Work> {
    pwrite_one(Scratch::on_disk()?)
}

fn pwrite_one(scratch: Scratch) -> anyhow::Result<Work> {
    let file = Arc::new(scratch.file("shared", 4096)?);
    Ok(Work::by_thread(move |index| {
        let file = Arc::clone(&file);
        let offset = (index * WRITE_BYTES % 4096) as u64;
        plan::op(move || file.write_all_at(&[1; WRITE_BYTES], offset))
    })?
    .keep(scratch))
}

fn create_one_dir(_: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::in_memory()?;
    let folder = scratch.path().to_owned();
    Ok(Work::by_thread(move |index| {
        create_and_unlink(path_bytes(&folder.join(index.to_string()))?)
    })?
    .keep(scratch))
}

fn create_own_dirs(plan: &Plan) -> anyhow::Result<Work> {
    create_in_folders(plan, Scratch::in_memory()?)
}

fn create_on_disk(plan: &Plan) -> anyhow::Result<Work> {
    create_in_folders(plan, Scratch::on_disk()?)
}

fn create_in_folders(plan: &Plan, scratch: Scratch) -> anyhow::Result<Work> {
    let folders: Vec<PathBuf> = (0..plan.nr_threads)
        .map(|index| scratch.folder(&index.to_string()))
        .collect::<Result<_, _>>()?;
    Ok(Work::by_thread(move |index| {
        let folder = folders.get(index).context("no folder for this thread")?;
        create_and_unlink(path_bytes(&folder.join("file"))?)
    })?
    .keep(scratch))
}

/// `mknod` makes a file without opening it: the table of open files is not what this is about.
fn create_and_unlink(name: CString) -> anyhow::Result<plan::Op> {
    plan::op(move || {
        // SAFETY: the path ends with NUL.
        sys::done(unsafe { libc::mknod(name.as_ptr(), libc::S_IFREG | 0o600, 0) })?;
        // SAFETY: the path ends with NUL.
        sys::done(unsafe { libc::unlink(name.as_ptr()) }).map(drop)
    })
}

fn fsync_files(plan: &Plan) -> anyhow::Result<Work> {
    dirty_files(plan, Scratch::on_disk()?, File::sync_all)
}

fn sync_storm(plan: &Plan) -> anyhow::Result<Work> {
    dirty_files(plan, Scratch::on_disk()?, |file| {
        // SAFETY: takes a number; the file is open.
        sys::done(unsafe { libc::syncfs(file.as_raw_fd()) }).map(drop)
    })
}

fn dirty_files(
    plan: &Plan,
    scratch: Scratch,
    sync: fn(&File) -> io::Result<()>,
) -> anyhow::Result<Work> {
    let files: Vec<Arc<File>> = (0..plan.nr_threads)
        .map(|index| scratch.file(&index.to_string(), 4096).map(Arc::new))
        .collect::<Result<_, _>>()?;
    Ok(Work::by_thread(move |index| {
        let file = Arc::clone(files.get(index).context("no file for this thread")?);
        plan::op(move || {
            file.write_all_at(&[1; WRITE_BYTES], 0)?;
            sync(&file)
        })
    })?
    .keep(scratch))
}
