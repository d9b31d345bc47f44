//! `/proc/PID/stat` and `/proc/PID/schedstat`.
//!
//! In: their text. Out: numbers. Refuses: damaged text. The command name may hold spaces and brackets.

/// What `/proc/PID/stat` says of a process, its threads that have ended included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessStat {
    /// Whether it has ended and waits to be reaped.
    pub is_zombie: bool,
    /// Its parent.
    pub parent: u32,
    /// Ticks from boot to its begin: with the id, what makes it the same process.
    pub start_ticks: u64,
    /// Its own.
    pub own: Spent,
    /// Of its children that it has waited for, and theirs.
    pub reaped: Spent,
}

/// What a process spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// User time.
    pub user_ticks: u64,
    /// System time.
    pub system_ticks: u64,
    /// Page faults.
    pub nr_faults: u64,
}

impl Spent {
    /// Of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            user_ticks: self.user_ticks.saturating_add(other.user_ticks),
            system_ticks: self.system_ticks.saturating_add(other.system_ticks),
            nr_faults: self.nr_faults.saturating_add(other.nr_faults),
        }
    }

    /// What is left without `other`; never less than nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self {
            user_ticks: self.user_ticks.saturating_sub(other.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(other.system_ticks),
            nr_faults: self.nr_faults.saturating_sub(other.nr_faults),
        }
    }
}

/// What `/proc/TID/schedstat` says of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedStat {
    /// Time runnable without running.
    pub wait_ns: u64,
    /// Times it got a CPU.
    pub nr_runs: u64,
}

/// Parses `/proc/PID/stat` (proc_pid_stat(5)).
#[must_use]
pub fn parse_process_stat(text: &str) -> Option<ProcessStat> {
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The state, behind the name, is field 3.
    let number = |field: usize| words.get(field - 3)?.parse::<u64>().ok();
    let faults = |minor, major| Some(number(minor)?.saturating_add(number(major)?));
    // Times of reaped children are signed, and empty for kernel threads.
    Some(ProcessStat {
        is_zombie: matches!(*words.first()?, "Z" | "X"),
        parent: u32::try_from(number(4)?).ok()?,
        start_ticks: number(22)?,
        own: Spent {
            user_ticks: number(14)?,
            system_ticks: number(15)?,
            nr_faults: faults(10, 12)?,
        },
        reaped: Spent {
            user_ticks: number(16).unwrap_or(0),
            system_ticks: number(17).unwrap_or(0),
            nr_faults: faults(11, 13)?,
        },
    })
}

/// Parses `/proc/TID/schedstat`: time run, time waited, times run.
#[must_use]
pub fn parse_schedstat(text: &str) -> Option<SchedStat> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || words.next()?.parse::<u64>().ok();
    let _run_ns = next()?;
    Some(SchedStat {
        wait_ns: next()?,
        nr_runs: next()?,
    })
}
