//! The report of a corpus.
//!
//! In: observations by kernel and number of CPUs. Out: `livelock.corpus/v1`. Refuses: to leave the
//! observations out; a figure can be traced to its verdicts.

use serde::{Deserialize, Serialize};

use super::observation::Observation;
use super::oracle;
use super::score::{self, Grade, Score};

/// Name and version of the document.
const SCHEMA: &str = "livelock.corpus/v1";

/// The document. Fields are added, never renamed, within v1.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) schema: String,
    /// How long each scenario was observed.
    pub(super) diagnose_secs: u64,
    /// What else `livelock diagnose` was called with.
    #[serde(default)]
    pub(super) diagnose_args: Vec<String>,
    /// Test-and-set spinlocks.
    pub(super) hypervisor_flag: bool,
    pub(super) cells: Vec<Cell>,
    /// Over all cells; null before the first.
    pub(super) all: Option<Score>,
}

/// One kernel on one number of CPUs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cell {
    pub(super) kernel: String,
    pub(super) nr_cpus: u32,
    pub(super) score: Score,
    pub(super) observations: Vec<Judged>,
}

/// An observation and what it is worth.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    #[serde(flatten)]
    pub(super) observation: Observation,
    pub(super) grade: Grade,
    /// Whether a live lock came about; null where that is not asked or not known.
    #[serde(default)]
    pub(super) is_made: Option<bool>,
    /// Null where it is not judged.
    pub(super) class_is_right: Option<bool>,
    /// Null where it is not judged.
    pub(super) place_is_right: Option<bool>,
}

impl Report {
    /// A report without results.
    pub(super) fn new(diagnose_secs: u64, hypervisor_flag: bool) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            diagnose_secs,
            diagnose_args: Vec::new(),
            hypervisor_flag,
            cells: Vec::new(),
            all: None,
        }
    }

    /// Adds a cell and scores it.
    pub(super) fn add(&mut self, kernel: &str, nr_cpus: u32, observations: Vec<Observation>) {
        self.cells.push(Cell {
            kernel: kernel.to_owned(),
            nr_cpus,
            score: score::score(&observations),
            observations: observations.into_iter().map(judge).collect(),
        });
        let all: Vec<_> = self
            .cells
            .iter()
            .flat_map(|cell| &cell.observations)
            .map(|judged| judged.observation.clone())
            .collect();
        self.all = Some(score::score(&all));
    }
}

fn judge(observation: Observation) -> Judged {
    Judged {
        grade: score::grade(&observation),
        is_made: oracle::is_made(&observation),
        class_is_right: score::class_is_right(&observation),
        place_is_right: score::place_is_right(&observation),
        observation,
    }
}

#[cfg(test)]
mod tests {
    use livelock_core::verdict::Status;

    use super::super::catalogue::Kind;
    use super::super::score::tests::observation;
    use super::*;

    #[test]
    fn a_report_survives_its_file() {
        let mut report = Report::new(5, false);
        let found = observation(Kind::Positive, Status::Livelock, Status::Livelock);
        let missed = observation(Kind::Positive, Status::Livelock, Status::Busy);
        report.add("6.1", 4, vec![found.clone()]);
        report.add("7.3", 4, vec![found, missed]);
        let text = serde_json::to_string(&report).unwrap();
        let report: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(report.cells[1].observations[1].grade, Grade::Missed);
        let all = report.all.unwrap();
        assert_eq!((all.recall.nr, all.recall.of), (2, 3));
    }
}
