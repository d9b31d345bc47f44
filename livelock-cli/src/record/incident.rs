//! When a flight recorder writes.
//!
//! In: the status of the recent windows and when they ended. Out: what to do with the window. Refuses: to write for
//! longer than it looks back, so that an incident that lasts does not fill the disk.

use livelock_core::ids::MonotonicNs;

/// What to do with a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Only keep it.
    Keep,
    /// Write it, and what is kept before it.
    Begin,
    /// Write it.
    Go,
    /// Write it; the incident is over.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Watching,
    Writing { since: MonotonicNs },
    Cooling { since: MonotonicNs },
}

/// Where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incident {
    span_ns: u64,
    cooldown_ns: u64,
    state: State,
}

impl Incident {
    pub(super) const fn new(span_ns: u64, cooldown_ns: u64) -> Self {
        Self {
            span_ns,
            cooldown_ns,
            state: State::Watching,
        }
    }

    /// After a window that ended at `now`.
    pub(super) fn step(&mut self, is_hit: bool, now: MonotonicNs) -> Step {
        if let State::Cooling { since } = self.state
            && now.since(since) >= self.cooldown_ns
        {
            self.state = State::Watching;
        }
        match self.state {
            State::Watching if is_hit => {
                self.state = State::Writing { since: now };
                Step::Begin
            }
            State::Writing { since } if !is_hit || now.since(since) >= self.span_ns => {
                self.state = State::Cooling { since: now };
                Step::End
            }
            State::Writing { .. } => Step::Go,
            State::Watching | State::Cooling { .. } => Step::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_begins_goes_on_ends_and_cools_down() {
        let mut incident = Incident::new(5, 3);
        let mut steps = Vec::new();
        let hits = [0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        for (now, hit) in (0..).zip(hits) {
            steps.push(incident.step(hit == 1, MonotonicNs(now)));
        }
        use Step::{Begin, End, Go, Keep};
        // The second one is as long as the past that is kept, and no longer.
        let expected = [
            Keep, Begin, Go, End, Keep, Keep, Begin, Go, Go, Go, Go, End, Keep,
        ];
        assert_eq!(steps, expected);
    }
}
