//! The moment shown as a page.
//!
//! In: what the screen keeps. Out: a [`Document`]. Refuses: flame graphs, since paths are kept for the moment only, and
//! windows that came after the one shown.

use std::sync::Arc;

use livelock_core::hist::WaitHistogram;

use super::snapshot::{Snapshot, Source};
use super::state::Screen;
use crate::report::{Document, Histograms, Moment, Origin, Timeline};

impl Screen {
    /// Where windows come from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The verdict of the moment shown, with the windows before it as far as they are kept; `None` before the first.
    pub(crate) fn document(&self, origin: Origin) -> Option<Document> {
        let shown = self.shown()?;
        // What is frozen may have left the history since.
        let newest = std::iter::once(&shown.snapshot);
        let older = self.history.back_from(shown.number().saturating_sub(1));
        let newest_first: Vec<&Arc<Snapshot>> = newest.chain(older).collect();
        let mut timeline = Timeline::default();
        for snapshot in newest_first.iter().rev() {
            timeline.push(&moment(snapshot));
        }
        let verdict = shown.snapshot.verdict.clone();
        let nr_windows = verdict.window.nr_windows as usize;
        let of_verdict = newest_first.get(..nr_windows.min(newest_first.len()));
        Some(Document {
            histograms: histograms(&verdict, of_verdict.unwrap_or_default()),
            verdict,
            origin,
            timeline,
            flames: None,
        })
    }
}

fn moment(snapshot: &Snapshot) -> Moment<'_> {
    let cpus = snapshot.cpus.iter();
    Moment {
        status: snapshot.verdict.status,
        duration_ns: snapshot.summary.duration_ns,
        no_progress: snapshot.summary.no_progress,
        time: snapshot.time.as_ref(),
        cpus: cpus.map(|cpu| (cpu.cpu, &cpu.time)).collect(),
        busy: snapshot.summary.busy_pct.map(|pct| pct / 100.0),
        tokens_per_busy_sec: snapshot.tokens_per_busy_sec,
        baseline_per_busy_sec: snapshot.baseline_per_busy_sec,
    }
}

fn histograms(
    verdict: &livelock_core::verdict::Verdict,
    snapshots: &[&Arc<Snapshot>],
) -> Histograms {
    let sum = |addr: Option<&str>| {
        let mut sum = WaitHistogram::default();
        for now in snapshots.iter().filter_map(|snapshot| snapshot.lock(addr)) {
            sum.merge(&WaitHistogram::from_counts(now.buckets.iter().copied()));
        }
        sum
    };
    let locks = verdict.locks.iter();
    locks
        .map(|lock| (lock.addr.clone(), sum(lock.addr.as_deref())))
        .collect()
}
