//! Which tracks there are.
//!
//! In: windows, waits. Out: ids of tracks, described when first needed. Refuses: more than [`NR_LOCKS`] locks and
//! [`NR_LANES`] waits side by side on one of them.

use std::collections::{BTreeMap, BTreeSet};

use livelock_core::event::WaitEvent;
use livelock_core::ids::{CpuId, LockAddr, MonotonicNs};

use super::draw::Paper;
use super::packet::{ChildOrdering, CounterDescriptor, TrackDescriptor};
use crate::export::Moment;

/// Locks with tracks of their own: more than a screen holds.
const NR_LOCKS: usize = 64;
/// Locks that one window adds, those that burned and were waited for most.
const NR_LOCKS_A_WINDOW: usize = 4;
/// Sleeping waits of one lock drawn side by side.
const NR_LANES: usize = 64;

/// Track of verdicts, and the counters below it.
pub(super) const VERDICTS: u64 = 1;
const CPUS: u64 = 2;
/// CPU tracks are this and the number of the CPU.
const FIRST_CPU: u64 = 1 << 32;
/// Locks have a block of ids each.
const FIRST_LOCK: u64 = 1 << 40;
const IDS_A_LOCK: u64 = 256;

/// A counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gauge {
    Busy,
    Burn,
    User,
    InFlight,
}

impl Gauge {
    const ALL: [Self; 4] = [Self::Busy, Self::Burn, Self::User, Self::InFlight];

    pub(super) const fn track(self) -> u64 {
        16 + self as u64
    }

    const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Busy => ("busy CPUs", "%"),
            Self::Burn => ("spinning CPUs", "%"),
            Self::User => ("user share of busy", "%"),
            Self::InFlight => ("waits open", "waits"),
        }
    }
}

#[derive(Default)]
struct LockTracks {
    first_id: u64,
    has_holds: bool,
    /// When each lane is free again.
    lanes: Vec<MonotonicNs>,
}

/// All that were described.
#[derive(Default)]
pub(super) struct Tracks {
    cpus: BTreeSet<CpuId>,
    locks: BTreeMap<LockAddr, LockTracks>,
}

fn track(uuid: u64, parent: Option<u64>, name: String) -> TrackDescriptor {
    TrackDescriptor {
        uuid: Some(uuid),
        parent_uuid: parent,
        name: Some(name),
        ..TrackDescriptor::default()
    }
}

impl Tracks {
    pub(super) fn describe_roots(&self, paper: &mut Paper) {
        let explicit = Some(i32::from(ChildOrdering::Explicit));
        for (uuid, name, rank) in [
            (VERDICTS, "livelock: verdicts", 0),
            (CPUS, "CPUs: spin waits", 1),
        ] {
            paper.describe(TrackDescriptor {
                child_ordering: explicit,
                sibling_order_rank: Some(rank),
                ..track(uuid, None, name.to_owned())
            });
        }
        for (gauge, rank) in Gauge::ALL.into_iter().zip(0..) {
            let (name, unit) = gauge.name();
            paper.describe(TrackDescriptor {
                counter: Some(CounterDescriptor {
                    unit_name: Some(unit.to_owned()),
                }),
                sibling_order_rank: Some(rank),
                ..track(gauge.track(), Some(VERDICTS), name.to_owned())
            });
        }
    }

    /// Gives tracks to the locks that were hottest in this window.
    pub(super) fn choose(&mut self, moment: &Moment<'_>, paper: &mut Paper) {
        let mut hot: Vec<_> = moment
            .window
            .locks
            .iter()
            .filter_map(|lock| Some((lock.spin_ns.max(lock.wait_ns), lock.lock?)))
            .filter(|(ns, _)| *ns > 0)
            .collect();
        hot.sort_unstable();
        for (_, lock) in hot.into_iter().rev().take(NR_LOCKS_A_WINDOW) {
            if self.locks.contains_key(&lock) || self.locks.len() >= NR_LOCKS {
                continue;
            }
            let first_id = FIRST_LOCK + self.locks.len() as u64 * IDS_A_LOCK;
            let named = moment.judge.lock_name(Some(lock), moment.names);
            let name = named.map_or_else(String::new, |named| named.name + " ");
            paper.describe(track(first_id, None, format!("lock {name}{lock}")));
            let tracks = LockTracks {
                first_id,
                ..LockTracks::default()
            };
            self.locks.insert(lock, tracks);
        }
    }

    /// The track of a CPU.
    pub(super) fn cpu(&mut self, cpu: CpuId, paper: &mut Paper) -> u64 {
        let uuid = FIRST_CPU + u64::from(cpu.0);
        if self.cpus.insert(cpu) {
            paper.describe(TrackDescriptor {
                sibling_order_rank: i32::try_from(cpu.0).ok(),
                ..track(uuid, Some(CPUS), format!("CPU {}", cpu.0))
            });
        }
        uuid
    }

    /// The track of the holds of a lock; `None`: it has none.
    pub(super) fn holding(&mut self, lock: LockAddr, paper: &mut Paper) -> Option<u64> {
        let tracks = self.locks.get_mut(&lock)?;
        let uuid = tracks.first_id + 1;
        if !std::mem::replace(&mut tracks.has_holds, true) {
            paper.describe(track(uuid, Some(tracks.first_id), "held by".to_owned()));
        }
        Some(uuid)
    }

    /// A track of its lock that is free while `wait` lasts; `None`: there is none.
    pub(super) fn waiting(&mut self, wait: &WaitEvent, paper: &mut Paper) -> Option<u64> {
        let tracks = self.locks.get_mut(&wait.lock)?;
        let free = tracks.lanes.iter().position(|until| *until <= wait.begin);
        let lane = match free {
            Some(lane) => lane,
            None if tracks.lanes.len() < NR_LANES => {
                tracks.lanes.push(MonotonicNs(0));
                let lane = tracks.lanes.len() - 1;
                let uuid = tracks.first_id + 2 + lane as u64;
                paper.describe(track(uuid, Some(tracks.first_id), "waiting".to_owned()));
                lane
            }
            None => return None,
        };
        if let Some(until) = tracks.lanes.get_mut(lane) {
            *until = wait.end;
        }
        Some(tracks.first_id + 2 + lane as u64)
    }
}
