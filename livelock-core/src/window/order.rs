//! What a window holds, in an order that does not depend on how it came.
//!
//! In: events of one kind. Out: the same, by time, and by everything else where times are equal. Refuses: nothing.

use crate::event::{
    InFlightWait, LockCallEvent, ReleaseEvent, SampleEvent, SampleMode, StackEvent, WaitEvent,
};

/// Open waits by lock.
pub(super) fn in_flight(waits: &mut [InFlightWait]) {
    waits.sort_by_key(|w| {
        let rest = (w.spinning, w.kind, w.stack);
        (w.lock, w.begin, w.cpu, w.pid, w.tgid, w.spin_ns, rest)
    });
}

/// Waits by end.
pub(super) fn waits(waits: &mut [WaitEvent]) {
    waits.sort_by_key(|w| {
        let rest = (w.spin_ns, w.acquired, w.kind, w.stack);
        (w.end, w.lock, w.begin, w.cpu, w.pid, w.tgid, rest)
    });
}

/// Stacks by id.
pub(super) fn stacks(stacks: &mut [StackEvent]) {
    stacks.sort_by(|a, b| {
        (a.id, a.taken, a.lock, a.kind, a.weight, &a.task)
            .cmp(&(b.id, b.taken, b.lock, b.kind, b.weight, &b.task))
            .then_with(|| {
                (a.cgroup, a.place, &a.owner, &a.frames)
                    .cmp(&(b.cgroup, b.place, &b.owner, &b.frames))
            })
    });
}

/// Samples by time.
pub(super) fn samples(samples: &mut [SampleEvent]) {
    samples.sort_by(|a, b| {
        let user = |s: &SampleEvent| matches!(s.mode, SampleMode::User);
        (
            a.taken,
            a.cpu,
            &a.task,
            user(a),
            a.in_traced_spin,
            (a.in_self, a.prio, a.user_ip, a.first_arg),
            &a.frames,
        )
            .cmp(&(
                b.taken,
                b.cpu,
                &b.task,
                user(b),
                b.in_traced_spin,
                (b.in_self, b.prio, b.user_ip, b.first_arg),
                &b.frames,
            ))
    });
}

/// Releases by time.
pub(super) fn releases(releases: &mut [ReleaseEvent]) {
    releases.sort_by_key(|r| {
        (
            r.released, r.lock, r.acquired, r.cpu, r.pid, r.tgid, r.stack,
        )
    });
}

/// Watched calls by time.
pub(super) fn lock_calls(calls: &mut [LockCallEvent]) {
    calls.sort_by(|a, b| {
        (a.at, a.cpu, a.kind, a.lock, &a.task).cmp(&(b.at, b.cpu, b.kind, b.lock, &b.task))
    });
}
