//! What part of the host is judged, and how closely.
//!
//! In: `--cpu`, `--cgroup`, `--pid`, `--max-level`, `--sample-hz`, `--user-stacks`, `--source-lines`. Out: a [`Scope`]. Refuses: two scopes at once, and paths that are
//! not absolute; whether a group or a process exists is asked when the session begins.

use clap::Args;
use livelock_core::ids::Tgid;
use livelock_core::scope::Scope;

use crate::host::cpus_of_list;

/// Samples a second and CPU; not 100, to stay out of step with timers of the kernel.
pub(super) const SAMPLE_HZ: u64 = 99;

/// Probe level up to which the tool may look if nothing is said.
pub(super) const MAX_LEVEL: u8 = 1;

/// The options.
#[derive(Debug, Args)]
pub(super) struct ScopeArgs {
    /// Judge these CPUs only, e.g. 0-3,8
    #[arg(short, long, value_name = "LIST", value_parser = cpu_list)]
    cpu: Option<Scope>,

    /// Judge the tasks of this cgroup v2 and those below it only
    ///
    /// A path below /sys/fs/cgroup, or as behind `0::` in /proc/PID/cgroup. Not together with --cpu or --pid. Example:
    /// --cgroup /system.slice/nginx.service
    #[arg(long, value_name = "PATH", value_parser = cgroup_path, conflicts_with_all = ["cpu", "pid"])]
    cgroup: Option<String>,

    /// Judge this process and all its descendants only, those forked later included
    ///
    /// Not together with --cpu or --cgroup. Example: --pid $(pidof -s postgres)
    #[arg(long, value_name = "PID", value_parser = pid, conflicts_with = "cpu")]
    pid: Option<Tgid>,

    /// Highest probe level: 0 never looks closer than contention, samples and /proc; 2 also counts trylocks and
    /// guarded reads, with breakpoints of the CPU, and watches the calls around those that fail
    #[arg(long, value_name = "LEVEL", default_value_t = MAX_LEVEL, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(super) max_level: u8,

    /// Samples a second and CPU; not a round number, to stay out of step with timers
    #[arg(long, value_name = "HZ", default_value_t = SAMPLE_HZ, value_parser = clap::value_parser!(u64).range(20..=1000))]
    pub(super) sample_hz: u64,

    /// Also take the user side of stacks, and name its functions, in containers as well
    ///
    /// By frame pointers: of code without them (most libraries) only the function that entered the kernel and its caller are
    /// sure. Doubles the cost of a stack.
    #[arg(long)]
    user_stacks: bool,

    /// Name lines of sources as well where a program has debug information; implies --user-stacks
    #[arg(long)]
    source_lines: bool,
}

/// What is wanted of the user side of stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserCodeWanted {
    /// Nothing.
    No,
    /// Names of functions.
    Names,
    /// Lines of sources as well.
    Lines,
}

impl ScopeArgs {
    /// What is wanted of user code.
    pub(super) const fn user_code(&self) -> UserCodeWanted {
        match (self.source_lines, self.user_stacks) {
            (true, _) => UserCodeWanted::Lines,
            (false, true) => UserCodeWanted::Names,
            (false, false) => UserCodeWanted::No,
        }
    }

    /// The scope; the whole host if none was typed.
    pub(super) fn scope(self) -> Scope {
        match (self.cgroup, self.pid, self.cpu) {
            (Some(path), ..) => Scope::of_cgroup(path),
            (_, Some(root), _) => Scope::of_tree(root),
            (.., cpu) => cpu.unwrap_or_default(),
        }
    }
}

fn cpu_list(text: &str) -> Result<Scope, ScopeArgError> {
    let cpus = cpus_of_list(text).ok_or(ScopeArgError::Cpus)?;
    Ok(Scope::of_cpus(cpus))
}

fn cgroup_path(text: &str) -> Result<String, ScopeArgError> {
    let path = text.strip_prefix("0::").unwrap_or(text);
    let climbs = path.split('/').any(|part| part == "..");
    if path.starts_with('/') && !climbs {
        Ok(path.to_owned())
    } else {
        Err(ScopeArgError::Cgroup)
    }
}

fn pid(text: &str) -> Result<Tgid, ScopeArgError> {
    let pid = text.parse().ok().filter(|&pid: &u32| pid > 0);
    pid.map(Tgid).ok_or(ScopeArgError::Pid)
}

/// Not a scope.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum ScopeArgError {
    #[error("not a list of CPUs: type numbers and ranges, such as 0-3,8")]
    Cpus,
    #[error(
        "not the path of a control group: type it from the first `/` on, without `..`, such as /system.slice/nginx.service"
    )]
    Cgroup,
    #[error("not a process id: type a number from 1 on, such as $(pidof -s nginx)")]
    Pid,
}
