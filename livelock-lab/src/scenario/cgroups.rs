//! Control groups: readers of statistics over many groups, and memory that does not fit its group.
//!
//! In: a plan. Out: processes in groups of the lab's own. Refuses: to change a group that it has not
//! made, but for handing the memory controller to its own, and to leave one behind.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::child;
use crate::needs::{Missing, Needs};
use crate::plan::{self, Op, Plan, Work};
use crate::scenario::paths;
use crate::scratch::{Scratch, path_bytes};
use crate::sys::{PAGE_BYTES, Region};

const OWN_CGROUP: Needs = Needs {
    root: true,
    mount_namespace: true,
    cgroup_v2: true,
    ..Needs::TWO_CPUS
};

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cgroup-stat",
        description: "read memory.stat over 200 groups in which pages come and go: the lock of the statistics",
        class: Class::CgroupRstat,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs {
            vm_native_spinlocks: true,
            nr_cpus_min: 4,
            ..OWN_CGROUP
        },
        prepare: stat,
    },
    Scenario {
        name: "memcg-lazyfree",
        description: "fill pages that may be reclaimed, in a group too small for them: reclaim at each step, with success",
        class: Class::ReclaimThrash,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: OWN_CGROUP,
        prepare: lazyfree,
    },
    Scenario {
        name: "memcg-thrash",
        description: "read a hot file that is larger than the memory of its group: each page is reclaimed before it is read again",
        class: Class::ReclaimThrash,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs {
            disk_filesystem: true,
            ..OWN_CGROUP
        },
        prepare: thrash,
    },
];

const REMEDY: &str =
    "run it as root, on a host whose cgroup v2 hierarchy has the memory controller (no cgroup v1)";

/// What a group hands on to the groups in it.
const SWITCH: &str = "cgroup.subtree_control";

/// Groups whose statistics are put together.
const NR_GROUPS: usize = 200;

/// Memory of a small group, and what is wanted of it by all threads together.
const LIMIT_BYTES: usize = 16 * 1024 * 1024;
const HOT_BYTES: usize = 3 * LIMIT_BYTES;
const LAZY_BYTES: usize = 1024 * 1024;

/// Tries to remove a group: the processes in it end a moment after they are killed.
const NR_REMOVALS: u32 = 100;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

/// Groups of the lab's own; removed when dropped.
struct Groups {
    path: PathBuf,
    /// Where the host did not hand the memory controller to its groups before.
    takes_back: Option<PathBuf>,
}

impl Groups {
    /// Makes a group, with `nr_inner` groups in it. The hierarchy is mounted in a namespace of this
    /// process, wherever the host has it.
    fn new(scratch: &Scratch, nr_inner: usize) -> anyhow::Result<Self> {
        let root = scratch.folder("cgroup")?;
        paths::mount(c"cgroup2", &path_bytes(&root)?, 0)
            .map_err(|err| Missing::because(&err, "cgroup v2 cannot be mounted", REMEDY))?;
        let switch = root.join(SWITCH);
        let before = fs::read_to_string(&switch).context("failed to read a cgroup")?;
        hand_on_memory(&root)?;
        let path = root.join(format!("livelock-lab-{}", std::process::id()));
        fs::create_dir(&path)
            .map_err(|err| Missing::because(&err, "a cgroup cannot be made", REMEDY))?;
        let groups = Self {
            path,
            takes_back: Some(switch).filter(|_| !before.contains("memory")),
        };
        if nr_inner > 0 {
            hand_on_memory(&groups.path)?;
        }
        for index in 0..nr_inner {
            fs::create_dir(groups.inner(index)).context("failed to make a cgroup")?;
        }
        Ok(groups)
    }

    fn inner(&self, index: usize) -> PathBuf {
        self.path.join(index.to_string())
    }
}

fn hand_on_memory(group: &Path) -> Result<(), Missing> {
    fs::write(group.join(SWITCH), "+memory").map_err(|err| {
        Missing::because(
            &err,
            "cgroup v2 has no memory controller to hand on",
            REMEDY,
        )
    })
}

/// Moves the calling process.
fn enter(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

impl Drop for Groups {
    fn drop(&mut self) {
        let inner = (0..NR_GROUPS).map(|index| self.inner(index));
        let mut groups: Vec<_> = inner.filter(|group| group.exists()).collect();
        groups.push(self.path.clone());
        // Since Linux 5.14; the children end anyway, with the threads that made them.
        fs::write(self.path.join("cgroup.kill"), "1").unwrap_or_default();
        for _ in 0..NR_REMOVALS {
            groups.retain(|group| fs::remove_dir(group).is_err());
            if groups.is_empty() {
                if let Some(switch) = &self.takes_back {
                    fs::write(switch, "-memory").unwrap_or_default();
                }
                return;
            }
            thread::sleep(REMOVAL_PAUSE);
        }
        eprintln!(
            "livelock-lab: failed to remove the cgroup {}; remove it by hand",
            self.path.display()
        );
    }
}

/// Unmounts before the folder is removed: what is in a cgroup mount is no file.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Ok(path) = path_bytes(&self.0) {
            // SAFETY: the path ends with NUL.
            unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
        }
    }
}

fn mapped(nr_bytes: usize) -> io::Result<Region> {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    Region::anonymous(nr_bytes, prot, libc::MAP_PRIVATE)
}

/// Odd threads have a process that wanders through the groups and makes pages come and go; the
/// others read the statistics of all.
fn stat(_: &Plan) -> anyhow::Result<Work> {
    paths::own_mounts()?;
    let scratch = Scratch::new()?;
    let mounted = Mounted(scratch.path().join("cgroup"));
    let groups = Groups::new(&scratch, NR_GROUPS)?;
    let inner: Vec<_> = (0..NR_GROUPS).map(|index| groups.inner(index)).collect();
    let inner = Arc::new(inner);
    let file = groups.path.join("memory.stat");
    Ok(Work::by_thread(move |index| {
        if index.is_multiple_of(2) {
            let file = File::open(&file).context("failed to open memory.stat")?;
            let mut text = vec![0; 8192];
            return plan::op(move || file.read_at(&mut text, 0).map(drop));
        }
        let inner = Arc::clone(&inner);
        let mut turn = index;
        child::in_process(move || {
            turn = (turn + 1) % inner.len();
            if let Some(group) = inner.get(turn) {
                enter(group)?;
            }
            mapped(16 * PAGE_BYTES)?.touch();
            Ok(0)
        })
    })?
    .keep(groups)
    .keep(mounted)
    .keep(scratch))
}

/// A process in a group of `LIMIT_BYTES` for each thread's operation.
fn limited(
    scratch: Scratch,
    make: impl Fn(usize) -> anyhow::Result<Op> + Send + Sync + 'static,
) -> anyhow::Result<Work> {
    paths::own_mounts()?;
    let mounted = Mounted(scratch.path().join("cgroup"));
    let groups = Groups::new(&scratch, 0)?;
    let group = groups.path.clone();
    fs::write(group.join("memory.max"), LIMIT_BYTES.to_string())
        .context("failed to limit the memory of a cgroup")?;
    Ok(Work::by_thread(move |index| {
        let mut op = make(index)?;
        let group = group.clone();
        let mut entered = false;
        child::in_process(move || {
            if !entered {
                enter(&group)?;
                entered = true;
            }
            op()
        })
    })?
    .keep(groups)
    .keep(mounted)
    .keep(scratch))
}

/// Pages marked as free stay until somebody wants memory: reclaim always succeeds.
fn lazyfree(plan: &Plan) -> anyhow::Result<Work> {
    let nr_steps = HOT_BYTES / plan.nr_threads.max(1) / LAZY_BYTES;
    limited(Scratch::new()?, move |_| {
        let regions: Vec<_> = (0..nr_steps.max(1))
            .map(|_| mapped(LAZY_BYTES))
            .collect::<Result<_, _>>()
            .context("failed to map memory")?;
        let mut turn = 0;
        plan::op(move || {
            turn = (turn + 1) % regions.len();
            let Some(region) = regions.get(turn) else {
                return Ok(());
            };
            region.touch();
            region.advise(libc::MADV_FREE)
        })
    })
}

fn thrash(_: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::on_disk()?;
    let file = scratch.file("hot", HOT_BYTES)?;
    // Dirty pages cannot be dropped, and those in the cache belong to another group.
    file.sync_all()?;
    // SAFETY: takes numbers; the file is open.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    let file = Arc::new(file);
    limited(scratch, move |index| {
        let hot = Region::of_file(&*file, HOT_BYTES, libc::PROT_READ, 0)
            .context("failed to map a file")?;
        let mut at = index * LAZY_BYTES;
        plan::op(move || {
            at = (at + LAZY_BYTES) % HOT_BYTES;
            hot.look(at, LAZY_BYTES);
            Ok(())
        })
    })
}
