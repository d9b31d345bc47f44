//! What the lab can make, and what `livelock` is expected to say about it.
//!
//! In: the tables of `scenario`. Out: the catalogue, as a table or as JSON. Refuses: words outside
//! the closed lists of classes, statuses and kinds.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde::{Serialize, Serializer};

use crate::needs::Needs;
use crate::plan::{Plan, Work};
use crate::scenario;

/// Must `livelock` accuse the scenario, may it, or must it leave it alone?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A live lock or a starvation: it must be named.
    Positive,
    /// Between the two: it wastes CPU and still progresses, or progresses in a way that the kernel
    /// cannot see. Naming it is right, calling it worse than `expected_status` is wrong.
    Boundary,
    /// Busy and healthy: it must not be accused.
    LookAlike,
}

impl Kind {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Boundary => "boundary",
            Self::LookAlike => "look-alike",
        }
    }
}

/// Names an enum's variants once, for JSON and for the table.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

words! {
    /// Worst status that is allowed; spelled as in `livelock.verdict/v1`.
    Status {
        /// Busy, and nothing is achieved.
        Livelock = "livelock",
        /// Runnable work does not get CPU.
        Starved = "starved",
        /// Busy waiting for locks, or wasting CPU in another way, and progressing.
        Contended = "contended",
        /// Busy and progressing.
        Busy = "busy",
        /// Neither.
        Healthy = "healthy",
    }
}

words! {
    /// What the CPUs are busy with.
    Class {
        /// One spinlock, all CPUs.
        SpinCollapse = "spin_collapse",
        /// A spinlock that is held for long, by a walk of a list.
        LongHold = "long_hold",
        /// The lock and counter of a dentry.
        Lockref = "lockref",
        /// Readers that start again because of writers.
        SeqlockRetry = "seqlock_retry",
        /// Optimistic spinning on a read-write semaphore.
        RwsemSpin = "rwsem_spin",
        /// Optimistic spinning on a mutex.
        MutexSpin = "mutex_spin",
        /// The hash bucket of a futex.
        FutexBucket = "futex_bucket",
        /// `tasklist_lock` and the locks of signals.
        TasklistSignal = "tasklist_signal",
        /// Locks of address spaces and of page lists.
        MemoryLocks = "memory_locks",
        /// Lists of dirty inodes.
        WritebackInode = "writeback_inode",
        /// Statistics of control groups.
        CgroupRstat = "cgroup_rstat",
        /// Object caches and journals of file systems.
        SlabJournal = "slab_journal",
        /// Locks that are tried, not taken, and backed off from.
        TrylockRetry = "trylock_retry",
        /// One cache line that all CPUs write, without a lock.
        AtomicHotLine = "atomic_hot_line",
        /// A page fault that comes again and again.
        FaultLoop = "fault_loop",
        /// Pages that are reclaimed and needed again.
        ReclaimThrash = "reclaim_thrash",
        /// Real-time tasks that leave others no CPU.
        RtStarvation = "rt_starvation",
        /// Optimistic transactions that start again.
        TransactionRestart = "transaction_restart",
        /// Packets that are received only to be dropped.
        ReceiveLivelock = "receive_livelock",
        /// CPUs that interrupt each other.
        IpiStorm = "ipi_storm",
        /// Timers that expire faster than they are of use.
        TimerStorm = "timer_storm",
        /// Tracers, profilers and debuggers.
        TracerOverhead = "tracer_overhead",
        /// The kernel's console.
        Console = "console",
        /// Connection tracking and its tables.
        Conntrack = "conntrack",
        /// A clock that all CPUs read from outside of themselves.
        SlowClock = "slow_clock",
        /// Grace periods and callbacks of RCU.
        Rcu = "rcu",
        /// One event that wakes everybody.
        ThunderingHerd = "thundering_herd",
        /// Work items that keep kernel workers busy.
        WorkqueueHog = "workqueue_hog",
        /// Programs that poll on purpose.
        LegitimatePolling = "legitimate_polling",
        /// Spinlocks of user space.
        UserSpin = "user_spin",
        /// A lock that is contended while the work gets done.
        LockContention = "lock_contention",
        /// Waiters that sleep.
        SleepingLock = "sleeping_lock",
        /// Computation in user mode.
        UserCompute = "user_compute",
        /// System calls that get their work done.
        KernelWork = "kernel_work",
        /// Nothing in particular.
        None = "none",
    }
}

/// One scenario.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Scenario {
    /// Name of the subcommand.
    pub(crate) name: &'static str,
    /// One line for a human.
    pub(crate) description: &'static str,
    /// What its CPUs are busy with.
    pub(crate) class: Class,
    /// Worst status that is allowed with what `needs` asks for, one thread per CPU.
    pub(crate) expected_status: Status,
    /// Positive, boundary or look-alike.
    pub(crate) kind: Kind,
    /// What it needs of the machine.
    pub(crate) needs: Needs,
    /// Makes the load.
    #[serde(skip)]
    pub(crate) prepare: fn(&Plan) -> anyhow::Result<Work>,
}

/// All scenarios, in the order of the subcommands.
pub(crate) fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    scenario::GROUPS.iter().copied().flatten()
}

/// The catalog as text, with a final line feed.
pub(crate) fn list(json: bool) -> anyhow::Result<String> {
    if json {
        let scenarios: Vec<_> = scenarios().collect();
        let mut text =
            serde_json::to_string_pretty(&scenarios).context("failed to write the list")?;
        text.push('\n');
        return Ok(text);
    }
    let mut text = format!(
        "{:<19}{:<12}{:<21}{:<11}{}\n",
        "NAME", "KIND", "CLASS", "AT WORST", "DESCRIPTION"
    );
    for scenario in scenarios() {
        writeln!(
            text,
            "{:<19}{:<12}{:<21}{:<11}{}",
            scenario.name,
            scenario.kind.label(),
            scenario.class.word(),
            scenario.expected_status.word(),
            scenario.description
        )
        .context("failed to write the list")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_thread() {
        let mut names = HashSet::new();
        for scenario in scenarios() {
            assert!(names.insert(scenario.name), "{} twice", scenario.name);
            assert!(!scenario.description.is_empty(), "{}", scenario.name);
            assert!(
                scenario.name.len() <= 18,
                "{} breaks the table",
                scenario.name
            );
        }
    }

    #[test]
    fn kinds_and_statuses_agree() {
        for scenario in scenarios() {
            let accused = matches!(
                scenario.expected_status,
                Status::Livelock | Status::Starved | Status::Contended
            );
            match scenario.kind {
                Kind::Positive => assert!(accused, "{}", scenario.name),
                Kind::Boundary => {
                    assert_ne!(
                        scenario.expected_status,
                        Status::Healthy,
                        "{}",
                        scenario.name
                    );
                }
                Kind::LookAlike => assert!(
                    !matches!(scenario.expected_status, Status::Livelock | Status::Starved),
                    "{}",
                    scenario.name
                ),
            }
        }
    }

    #[test]
    fn spinlock_collapses_say_that_they_need_spinlocks() {
        for scenario in scenarios() {
            if scenario.class == Class::SpinCollapse && scenario.kind == Kind::Positive {
                assert!(scenario.needs.vm_native_spinlocks, "{}", scenario.name);
                assert!(scenario.needs.nr_cpus_min >= 4, "{}", scenario.name);
            }
        }
    }

    #[test]
    fn words_are_snake_case_and_unique() {
        for scenario in scenarios() {
            let word = scenario.class.word();
            assert!(
                word.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{word}"
            );
        }
    }

    #[test]
    fn the_list_as_json() {
        insta::assert_snapshot!(list(true).unwrap());
    }

    #[test]
    fn the_list_as_text() {
        insta::assert_snapshot!(list(false).unwrap());
    }
}
