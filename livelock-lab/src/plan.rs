//! What a scenario makes of a load: one operation per thread, and what is to be undone at the end.
//!
//! In: the number of threads and CPUs. Out: [`Work`], a maker of operations and guards. Refuses: to
//! run anything; that is `run`.

use std::any::Any;
use std::io;

use anyhow::ensure;

/// One thread's operation: says how many it completed, which is 0 for a wait that timed out. It must
/// return within a fraction of a second unless the scenario is about operations that do not.
pub(crate) type Op = Box<dyn FnMut() -> io::Result<u64>>;

/// Makes the operation of thread `index`, in that thread.
pub(crate) type MakeOp = Box<dyn Fn(usize) -> anyhow::Result<Op> + Send + Sync>;

/// What is known before the threads start.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Threads of the load.
    pub(crate) nr_threads: usize,
    /// CPUs that this process may use.
    pub(crate) cpu_ids: Vec<usize>,
}

impl Plan {
    /// Refuses fewer threads than the scenario has parts to play.
    pub(crate) fn at_least(&self, nr_threads: usize) -> anyhow::Result<()> {
        ensure!(
            self.nr_threads >= nr_threads,
            "this scenario takes {nr_threads} threads or more; ask for them with --threads {nr_threads}"
        );
        Ok(())
    }
}

/// A load, ready to run.
pub(crate) struct Work {
    /// Makes the operations.
    pub(crate) make: MakeOp,
    /// Dropped when the load is over, also if threads still run.
    pub(crate) guards: Vec<Box<dyn Any>>,
}

impl Work {
    /// Each thread does what `make` gives it.
    pub(crate) fn by_thread<M>(make: M) -> anyhow::Result<Self>
    where
        M: Fn(usize) -> anyhow::Result<Op> + Send + Sync + 'static,
    {
        Ok(Self {
            make: Box::new(make),
            guards: Vec::new(),
        })
    }

    /// All threads do the same with what they share.
    pub(crate) fn shared<O>(op: O) -> anyhow::Result<Self>
    where
        O: Fn() -> io::Result<()> + Clone + Send + Sync + 'static,
    {
        Self::by_thread(move |_| {
            let op = op.clone();
            Ok(Box::new(move || op().map(|()| 1)))
        })
    }

    /// Keeps `guard` until the load is over.
    pub(crate) fn keep(mut self, guard: impl Any) -> Self {
        self.guards.push(Box::new(guard));
        self
    }
}

/// An operation that completes exactly one thing.
pub(crate) fn op(mut once: impl FnMut() -> io::Result<()> + 'static) -> anyhow::Result<Op> {
    Ok(Box::new(move || once().map(|()| 1)))
}

/// An operation that counts by itself.
pub(crate) fn counted(some: impl FnMut() -> io::Result<u64> + 'static) -> anyhow::Result<Op> {
    Ok(Box::new(some))
}
