//! One file for each class of causes: its locks, its functions, how it is recognised, what to do.
//!
//! In: [`Facts`] of a span. Out: [`Detection`]s. Refuses: the status; whether it is a live lock is the rules'
//! to say, and a detector says of what kind. docs/verdicts/ has a page for each.

mod facts;
mod loops;
#[cfg(test)]
mod place_tests;
mod registry;
mod shared;
#[cfg(test)]
mod tests;

mod atomic_hot_line;
mod cgroup_rstat;
mod conntrack;
mod console;
mod fault_loop;
mod futex_bucket;
mod holder_preemption;
mod interrupt_storm;
mod ipi_storm;
mod legitimate_polling;
mod lockref;
mod long_hold;
mod memory_locks;
mod mutex_spin;
mod rcu;
mod receive_livelock;
mod reclaim_thrash;
mod rt_starvation;
mod rwsem_spin;
mod seqlock_retry;
mod slab_journal;
mod slow_clock;
mod spin_collapse;
mod tasklist_signal;
mod thundering_herd;
mod timer_storm;
mod tracer_overhead;
mod transaction_restart;
mod trylock_retry;
mod user_spin;
mod workqueue_hog;
mod writeback_inode;

pub(crate) use conntrack::COUNTING;
pub use facts::Facts;
pub use loops::one_line_share;
pub use registry::{DETECTORS, class_of_function, class_of_lock, detect, has_locks, remedies_of};
pub use transaction_restart::is_transactional;

use crate::cause_class::CauseClass;
use crate::verdict::Evidence;

/// What a detection speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nature {
    /// Which lock or loop the waste is on. The most telling, since it says where to go.
    Place,
    /// How the waste comes about.
    Mechanism,
    /// Runnable work that does not run.
    Starvation,
    /// What busy CPUs do, whether or not it is worth it.
    Work,
    /// Looks like trouble and is none.
    Exonerated,
}

/// A class that the facts fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Class.
    pub class: CauseClass,
    /// What it speaks of.
    pub nature: Nature,
    /// Share of busy time that it explains, 0 to 1.
    pub share: f64,
    /// Signals.
    pub evidence: Vec<Evidence>,
    /// One line for a human.
    pub summary: String,
}

/// What to do: action, why it helps, what it costs, command that confirms it.
pub type Row = (&'static str, &'static str, &'static str, &'static str);

/// A class, as data and code.
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    /// Class.
    pub class: CauseClass,
    /// Names of its locks: exact, or with a trailing `*` by their beginning.
    pub locks: &'static [&'static str],
    /// Its functions, likewise. The innermost function of a stack that is in any list decides.
    pub functions: &'static [&'static str],
    /// Whether the place is all that it is told by.
    pub is_place: bool,
    /// Whether the facts fit.
    pub detect: fn(&Detector, &Facts<'_>) -> Option<Detection>,
    /// Remedies.
    pub remedies: &'static [Row],
}

impl Detector {
    /// A class that is told by where CPUs wait: its locks and its functions.
    const fn place(
        class: CauseClass,
        locks: &'static [&'static str],
        functions: &'static [&'static str],
        remedies: &'static [Row],
    ) -> Self {
        Self {
            class,
            locks,
            functions,
            is_place: true,
            detect: shared::place,
            remedies,
        }
    }

    /// The same class, recognised by `detect`.
    const fn by(self, detect: fn(&Detector, &Facts<'_>) -> Option<Detection>) -> Self {
        Self {
            detect,
            is_place: false,
            ..self
        }
    }
}
