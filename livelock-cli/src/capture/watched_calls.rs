//! Calls around a trylock, recorded for a moment: which lock is held while another is tried for.
//!
//! In: a trylock that fails, the calls around it. Out: records in a ring, by programs of ours at breakpoints. Refuses: to
//! record more of a call than [`NR_HITS`] on a CPU, so that the ring holds all there can be.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;
use std::time::Duration;

use aya::Ebpf;
use livelock_common::CALL_RING;
use livelock_core::attempts::Suspect;
use livelock_core::ids::CpuId;
use livelock_core::lock_call::{LockCallKind, LockCallSite};
use livelock_core::thresholds::{NR_CALLS_WATCHED, NR_SITES_COUNTED};

use super::CaptureError;
use super::hits::{ArmingTime, arm_at, let_hit, run_at};
use super::load::perf_event;

/// Hits of a call on one CPU after which it is let alone. Those of all sites fill the ring, which is emptied in between.
const NR_HITS: usize = CALL_RING / NR_CALLS_WATCHED / NR_SITES_COUNTED;

/// How long calls are watched: several times what it takes whoever tries 1000 times a second to use up the hits.
const WATCH_FOR: Duration = Duration::from_millis(100);

/// Programs that record calls, loaded.
#[derive(Debug)]
pub(super) struct CallPrograms {
    lock: OwnedFd,
    trylock: OwnedFd,
    unlock: OwnedFd,
}

impl CallPrograms {
    pub(super) fn load(ebpf: &mut Ebpf) -> Result<Self, CaptureError> {
        Ok(Self {
            lock: load(ebpf, "lock_call")?,
            trylock: load(ebpf, "trylock_call")?,
            unlock: load(ebpf, "unlock_call")?,
        })
    }

    const fn of(&self, kind: LockCallKind) -> &OwnedFd {
        match kind {
            LockCallKind::Lock => &self.lock,
            LockCallKind::Trylock => &self.trylock,
            LockCallKind::Unlock => &self.unlock,
        }
    }

    /// Records the calls of `suspect` for [`WATCH_FOR`], on the CPUs on which it was seen, or as many as answer in time.
    pub(super) fn watch(&self, suspect: &Suspect) {
        let time = ArmingTime::begin();
        let cpus = suspect.cpus.iter().enumerate();
        let armed: io::Result<Vec<Vec<File>>> = cpus
            .take_while(|(nr_armed, _)| !time.is_over(*nr_armed, 1))
            .map(|(_, &cpu)| self.arm(&suspect.found.calls, cpu))
            .collect();
        let begun = armed.and_then(|groups| {
            for events in &groups {
                begin(events)?;
            }
            Ok(groups)
        });
        match begun {
            Ok(_armed) => {
                thread::sleep(WATCH_FOR);
                log::debug!("watched the calls around {}", suspect.found.site.tried_at);
            }
            // Somebody else has the registers, or a CPU is gone.
            Err(error) => log::debug!("cannot watch calls: {error}"),
        }
    }

    /// Events for `calls` on `cpu`, a group that waits for [`begin`].
    fn arm(&self, calls: &[LockCallSite], cpu: CpuId) -> io::Result<Vec<File>> {
        let mut events: Vec<File> = Vec::new();
        for call in calls {
            let event = arm_at(call.at, cpu, events.first())?;
            run_at(&event, self.of(call.kind).as_fd())?;
            events.push(event);
        }
        Ok(events)
    }
}

/// Lets a group be hit, all at the same moment: what is seen of one call without the others tells nothing. The first is the
/// leader, after whose last hit the others are let alone as well.
fn begin(events: &[File]) -> io::Result<()> {
    let nr_hits = i32::try_from(NR_HITS).unwrap_or(1);
    events
        .iter()
        .rev()
        .try_for_each(|event| let_hit(event, nr_hits))
}

fn load(ebpf: &mut Ebpf, program: &'static str) -> Result<OwnedFd, CaptureError> {
    let failed = |source| CaptureError::Load {
        program,
        source: Box::new(source),
    };
    let loaded = perf_event(ebpf, program)?;
    loaded.load().map_err(failed)?;
    let fd = loaded.fd().map_err(failed)?.as_fd().try_clone_to_owned();
    fd.map_err(|source| failed(aya::programs::ProgramError::IOError(source)))
}
