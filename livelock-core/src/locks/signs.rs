//! Signs that somebody has let go of a lock.
//!
//! In: begins of waits, samples, traced releases. Out: the first moment at which a holder is known to hold it no more.
//! Refuses: signs for locks that several may have at once, except the release itself.

use std::collections::{BTreeMap, BTreeSet};

use super::holders::is_exclusive;
use crate::event::{InFlightWait, LockKind, ReleaseEvent, SampleEvent, SampleMode, WaitEvent};
use crate::ids::{CpuId, LockAddr, MonotonicNs, Pid};
use crate::thresholds::RAN_BETWEEN_NS;

/// Idle tasks share a thread id; each has its CPU.
type Actor = (Pid, Option<CpuId>);

fn actor(pid: Pid, cpu: CpuId) -> Actor {
    (pid, (pid.0 == 0).then_some(cpu))
}

/// Moments at which somebody is known to have none of the locks that it had.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Begins of waits.
    begins: Vec<((LockAddr, Actor), MonotonicNs)>,
    /// User mode.
    user: Vec<(Actor, MonotonicNs)>,
    /// Samples, by CPU: other tasks run there, or want a lock.
    ran: BTreeMap<CpuId, Vec<Ran>>,
    /// Traced releases, by the acquisition that they end.
    releases: BTreeMap<(LockAddr, Pid, MonotonicNs), MonotonicNs>,
    /// Signs seen in earlier windows, by acquisition.
    earlier: BTreeMap<(LockAddr, Pid, MonotonicNs), MonotonicNs>,
}

/// Who ran at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ran {
    at: MonotonicNs,
    pid: Pid,
    /// First argument of where it was: the lock, if that is code that wants one.
    wants: Option<u64>,
    /// Whether it was in a traced wait.
    is_waiting: bool,
}

impl Ran {
    const fn of(sample: &SampleEvent) -> Self {
        Self {
            at: sample.taken,
            pid: sample.task.pid,
            wants: sample.first_arg,
            is_waiting: sample.in_traced_spin,
        }
    }
}

/// The first moment of `key` that is not before `from`.
fn first_from<K: Ord + Copy>(
    all: &[(K, MonotonicNs)],
    key: K,
    from: MonotonicNs,
) -> Option<MonotonicNs> {
    let first = all.partition_point(|entry| *entry < (key, from));
    let found = all.get(first).filter(|(found, _)| *found == key);
    found.map(|(_, at)| *at)
}

impl Signs {
    /// What waits and samples tell of the holders of `locks`.
    pub(super) fn new<'a>(
        waits: impl Iterator<Item = &'a WaitEvent>,
        open: &[InFlightWait],
        samples: &[SampleEvent],
        locks: &BTreeSet<LockAddr>,
    ) -> Self {
        let mut signs = Self::default();
        let completed = waits.map(|w| (w.lock, actor(w.pid, w.cpu), w.begin));
        let open = open.iter().map(|w| (w.lock, actor(w.pid, w.cpu), w.begin));
        signs.begins = completed
            .chain(open)
            .filter(|(lock, ..)| locks.contains(lock))
            .map(|(lock, who, begin)| ((lock, who), begin))
            .collect();
        signs.begins.sort_unstable();
        for sample in samples {
            let pid = sample.task.pid;
            let at = sample.taken;
            if sample.mode == SampleMode::User {
                signs.user.push((actor(pid, sample.cpu), at));
            }
            signs
                .ran
                .entry(sample.cpu)
                .or_default()
                .push(Ran::of(sample));
        }
        signs.user.sort_unstable();
        signs.ran.values_mut().for_each(|all| all.sort_unstable());
        signs
    }

    /// With traced releases.
    pub(super) fn with_releases(mut self, releases: &[ReleaseEvent]) -> Self {
        let by_acquisition = releases.iter().map(|release| {
            (
                (release.lock, release.pid, release.acquired),
                release.released,
            )
        });
        self.releases.extend(by_acquisition);
        self
    }

    /// `holder` was seen to have let go by `at` in an earlier window.
    pub(super) fn keep(&mut self, holder: &WaitEvent, at: MonotonicNs) {
        let key = (holder.lock, holder.pid, holder.end);
        self.earlier.insert(key, at);
    }

    /// When `holder` let go, if that was traced.
    pub(super) fn released(&self, holder: &WaitEvent) -> Option<MonotonicNs> {
        let key = (holder.lock, holder.pid, holder.end);
        self.releases.get(&key).copied()
    }

    /// The last sample of `holder`, which stays on its CPU, before `until`, if there is one well before it: it ran meanwhile. A single
    /// one, or several at once, may be of the moment in which a CPU that had stood still went on, with the lock already let go. Who has
    /// the lock for an argument may want it again (the first in line is not traced; where it is an object that begins with its lock, one
    /// sign is lost), and who waits may do so for this one.
    pub(super) fn seen_running(
        &self,
        holder: &WaitEvent,
        until: MonotonicNs,
    ) -> Option<MonotonicNs> {
        let ran = self
            .ran
            .get(&holder.cpu)
            .filter(|_| holder.stays_on_cpu())?;
        let first = ran.partition_point(|ran| ran.at <= holder.end);
        let last = ran.partition_point(|ran| ran.at < until);
        let mut mine = ran.get(first..last)?.iter().filter(|ran| {
            ran.pid == holder.pid && !ran.is_waiting && ran.wants != Some(holder.lock.0)
        });
        let first = mine.next()?.at;
        let last = mine.next_back()?.at;
        (last.since(first) >= RAN_BETWEEN_NS).then_some(last)
    }

    /// The first sign that `holder` has let go; `None` if there is none, or none could be for such a lock.
    pub(super) fn let_go(&self, holder: &WaitEvent) -> Option<MonotonicNs> {
        if let Some(released) = self.released(holder) {
            return Some(released);
        }
        if !is_exclusive(holder.kind) {
            return None;
        }
        let who = actor(holder.pid, holder.cpu);
        let came_back = first_from(&self.begins, (holder.lock, who), holder.end);
        let in_user = first_from(&self.user, who, holder.end);
        // Nobody is switched out with a spinlock held.
        let replaced = self
            .ran
            .get(&holder.cpu)
            .filter(|_| holder.kind == LockKind::Spinlock)
            .and_then(|all| {
                let first = all.partition_point(|ran| ran.at < holder.end);
                all.get(first..)?
                    .iter()
                    .find(|ran| ran.pid != holder.pid)
                    .map(|ran| ran.at)
            });
        let key = (holder.lock, holder.pid, holder.end);
        let earlier = self.earlier.get(&key).copied();
        [came_back, in_user, replaced, earlier]
            .into_iter()
            .flatten()
            .min()
    }
}
