//! The session over time, in a bounded number of columns.
//!
//! In: windows, one after the other. Out: columns of one window or of several neighbours, however long the session was.
//! Refuses: to lose time; merged columns hold the sums of theirs.

use std::collections::BTreeMap;

use livelock_core::ids::CpuId;
use livelock_core::verdict::{Status, TimeLedger};

use crate::screen::category::{Category, shares};

/// Columns kept: with this many a chart of a page's width is still read column by column. When one more comes,
/// neighbours are merged.
pub(super) const MAX_COLUMNS: usize = 160;

/// Time by category, in nanoseconds of CPU or of any other unit that adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spent([f64; Category::ALL.len()]);

impl Spent {
    /// What was spent in `weight` according to `time`; all of it is unknown without one.
    fn of(time: Option<&TimeLedger>, weight: f64) -> Self {
        let mut spent = Self::default();
        let Some(time) = time else {
            spent.0[Category::Unknown as usize] = weight;
            return spent;
        };
        for (category, pct) in shares(time) {
            spent.0[category as usize] += weight * pct / 100.0;
        }
        spent
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Share of `category`; 0 of nothing.
    pub(super) fn pct(&self, category: Category) -> f64 {
        let whole: f64 = self.0.iter().sum();
        let mine = self.0.get(category as usize).copied().unwrap_or(0.0);
        if whole > 0.0 {
            100.0 * mine / whole
        } else {
            0.0
        }
    }

    /// What most of it went to.
    pub(super) fn dominant(&self) -> Category {
        let by_share = |a: &Category, b: &Category| self.pct(*a).total_cmp(&self.pct(*b));
        let most = Category::ALL.into_iter().max_by(by_share);
        most.unwrap_or(Category::Unknown)
    }
}

/// A window.
#[derive(Clone, Debug)]
pub(crate) struct Moment<'a> {
    /// Of the windows up to this one.
    pub(crate) status: Status,
    pub(crate) duration_ns: u64,
    pub(crate) no_progress: bool,
    /// `None`: not known.
    pub(crate) time: Option<&'a TimeLedger>,
    pub(crate) cpus: Vec<(CpuId, &'a TimeLedger)>,
    /// Busy share of the CPUs' time, 0 to 1.
    pub(crate) busy: Option<f64>,
    pub(crate) tokens_per_busy_sec: Option<f64>,
    pub(crate) baseline_per_busy_sec: Option<f64>,
}

/// One window or several.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    /// From the begin of the first window.
    pub(super) begin_ns: u64,
    pub(super) duration_ns: u64,
    pub(super) nr_windows: u64,
    pub(super) nr_no_progress: u64,
    /// The worst.
    pub(super) status: Status,
    pub(super) spent: Spent,
    pub(super) cpus: BTreeMap<CpuId, Spent>,
    /// Tokens, and the busy time in which they were counted.
    tokens: f64,
    busy_ns: f64,
    pub(super) baseline_per_busy_sec: Option<f64>,
}

impl Column {
    fn of(moment: &Moment<'_>, begin_ns: u64) -> Self {
        let weight = moment.duration_ns as f64;
        let counted = moment
            .tokens_per_busy_sec
            .zip(moment.busy)
            .map(|(pi, busy)| (pi * busy * weight, busy * weight));
        let (tokens, busy_ns) = counted.unwrap_or((0.0, 0.0));
        let cpus = moment.cpus.iter();
        Self {
            begin_ns,
            duration_ns: moment.duration_ns,
            nr_windows: 1,
            nr_no_progress: u64::from(moment.no_progress),
            status: moment.status,
            spent: Spent::of(moment.time, weight),
            cpus: cpus
                .map(|(cpu, time)| (*cpu, Spent::of(Some(time), weight)))
                .collect(),
            tokens,
            busy_ns,
            baseline_per_busy_sec: moment.baseline_per_busy_sec,
        }
    }

    fn merge(&mut self, later: Self) {
        self.duration_ns += later.duration_ns;
        self.nr_windows += later.nr_windows;
        self.nr_no_progress += later.nr_no_progress;
        if later.status.severity() > self.status.severity() || self.status == Status::CannotTell {
            self.status = later.status;
        }
        self.spent.merge(&later.spent);
        for (cpu, spent) in &later.cpus {
            self.cpus.entry(*cpu).or_default().merge(spent);
        }
        self.tokens += later.tokens;
        self.busy_ns += later.busy_ns;
        self.baseline_per_busy_sec = later.baseline_per_busy_sec.or(self.baseline_per_busy_sec);
    }

    /// Tokens per busy second; `None`: could not see.
    pub(super) fn tokens_per_busy_sec(&self) -> Option<f64> {
        (self.busy_ns > 0.0).then(|| self.tokens / self.busy_ns)
    }
}

/// All columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timeline {
    columns: Vec<Column>,
    duration_ns: u64,
}

impl Timeline {
    /// The next window.
    pub(crate) fn push(&mut self, moment: &Moment<'_>) {
        if self.columns.len() >= MAX_COLUMNS {
            self.halve();
        }
        self.columns.push(Column::of(moment, self.duration_ns));
        self.duration_ns = self.duration_ns.saturating_add(moment.duration_ns);
    }

    fn halve(&mut self) {
        let mut halved: Vec<Column> = Vec::with_capacity(MAX_COLUMNS);
        for (index, column) in std::mem::take(&mut self.columns).into_iter().enumerate() {
            match halved.last_mut().filter(|_| index % 2 == 1) {
                Some(last) => last.merge(column),
                None => halved.push(column),
            }
        }
        self.columns = halved;
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) const fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    /// Windows of the longest column.
    pub(super) fn nr_merged(&self) -> u64 {
        let most = self.columns.iter().map(|column| column.nr_windows).max();
        most.unwrap_or(0)
    }

    pub(super) fn nr_windows(&self) -> u64 {
        self.columns.iter().map(|column| column.nr_windows).sum()
    }

    /// All of it in one.
    pub(super) fn sum(&self) -> Spent {
        let mut sum = Spent::default();
        self.columns
            .iter()
            .for_each(|column| sum.merge(&column.spent));
        sum
    }

    /// Each CPU over all of it.
    pub(super) fn cpus(&self) -> BTreeMap<CpuId, Spent> {
        let mut sums: BTreeMap<CpuId, Spent> = BTreeMap::new();
        for (cpu, spent) in self.columns.iter().flat_map(|column| &column.cpus) {
            sums.entry(*cpu).or_default().merge(spent);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_no_more_columns_than_an_hour_and_no_time_is_lost() {
        let mut timeline = Timeline::default();
        let (spin, idle) = (
            TimeLedger {
                traced_spin_pct: Some(100.0),
                ..TimeLedger::default()
            },
            TimeLedger {
                idle_pct: Some(100.0),
                ..TimeLedger::default()
            },
        );
        for number in 0..86_400_u64 {
            let is_bad = number < 21_600;
            let time = if is_bad { &spin } else { &idle };
            timeline.push(&Moment {
                status: if number == 70_000 {
                    Status::Contended
                } else {
                    Status::Healthy
                },
                duration_ns: 1_000_000_000,
                no_progress: is_bad,
                time: Some(time),
                cpus: vec![(CpuId(3), time)],
                busy: Some(0.5),
                tokens_per_busy_sec: Some(7.0),
                baseline_per_busy_sec: None,
            });
        }
        assert!(timeline.columns().len() <= MAX_COLUMNS);
        assert!(timeline.columns().len() > MAX_COLUMNS / 2);
        assert_eq!(timeline.nr_windows(), 86_400);
        assert_eq!(timeline.duration_ns(), 86_400_000_000_000);
        assert!((timeline.sum().pct(Category::Spin) - 25.0).abs() < 1e-6);
        assert!((timeline.cpus()[&CpuId(3)].pct(Category::Idle) - 75.0).abs() < 1e-6);
        let nr_contended = |column: &&Column| column.status == Status::Contended;
        assert_eq!(timeline.columns().iter().filter(nr_contended).count(), 1);
        for column in timeline.columns() {
            assert!(
                column
                    .tokens_per_busy_sec()
                    .is_some_and(|pi| (pi - 7.0).abs() < 1e-9)
            );
        }
        let nr_bad: u64 = timeline
            .columns()
            .iter()
            .map(|column| column.nr_no_progress)
            .sum();
        assert_eq!(nr_bad, 21_600);
    }

    #[test]
    fn what_was_not_seen_is_unknown() {
        let unknown = Spent::of(None, 1.0);
        assert!((unknown.pct(Category::Unknown) - 100.0).abs() < 1e-9);
        assert_eq!(unknown.dominant(), Category::Unknown);
        assert!(Spent::default().pct(Category::Idle) < 1e-9);
    }
}
