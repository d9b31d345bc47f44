//! The report of a corpus.
//!
//! In: observations by kernel and number of CPUs. Out: `livelock.corpus/v1`. Refuses: to leave the
//! observations out; a figure can be traced to its verdicts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::class;
use super::host_load::HostLoad;
use super::observation::Observation;
use super::oracle;
use super::place;
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
    /// What the machine did beside the guests, if it was told to; of reports scored together, in the first of them.
    #[serde(default)]
    pub(super) host_load: Option<HostLoad>,
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
    /// Whatever the status; null without a verdict, and in a control.
    #[serde(default)]
    pub(super) class_of_all_is_right: Option<bool>,
    /// Lock and caller, whatever the status; null where it is not judged.
    #[serde(default)]
    pub(super) place_is_strictly_right: Option<bool>,
    /// Null where the load has no holder of its own.
    #[serde(default)]
    pub(super) holder_is_right: Option<bool>,
}

impl Report {
    /// A report without results.
    pub(super) fn new(diagnose_secs: u64, hypervisor_flag: bool) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            diagnose_secs,
            diagnose_args: Vec::new(),
            hypervisor_flag,
            host_load: None,
            cells: Vec::new(),
            all: None,
        }
    }

    /// Several reports as one. Refuses those that were not made alike.
    pub(super) fn merged(parts: Vec<Self>) -> anyhow::Result<Self> {
        let first = parts.first().context("there is no report to merge")?;
        let mut merged = Self::new(first.diagnose_secs, first.hypervisor_flag);
        merged.diagnose_args.clone_from(&first.diagnose_args);
        merged.host_load = first.host_load;
        let mut cells: BTreeMap<(String, u32), Vec<Observation>> = BTreeMap::new();
        let mut texts = BTreeSet::new();
        for part in parts {
            let text =
                serde_json::to_string(&part.cells).context("failed to compare the reports")?;
            ensure!(texts.insert(text), "one of the reports is given twice");
            ensure!(part.schema == SCHEMA, "{} is not {SCHEMA}", part.schema);
            let is_alike = part.diagnose_secs == merged.diagnose_secs
                && part.diagnose_args == merged.diagnose_args
                && part.host_load.map(|load| load.nr_threads)
                    == merged.host_load.map(|load| load.nr_threads)
                && part.hypervisor_flag == merged.hypervisor_flag;
            ensure!(
                is_alike,
                "the reports were made with different options, so they have no figures in common"
            );
            for cell in part.cells {
                let observations = cells.entry((cell.kernel, cell.nr_cpus)).or_default();
                observations.extend(
                    cell.observations
                        .into_iter()
                        .map(|judged| judged.observation),
                );
            }
        }
        for ((kernel, nr_cpus), observations) in cells {
            merged.add(&kernel, nr_cpus, observations);
        }
        Ok(merged)
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
        class_is_right: class::is_right(&observation),
        place_is_right: place::is_right(&observation),
        class_of_all_is_right: class::is_right_of_all(&observation),
        place_is_strictly_right: place::is_strictly_right_of_all(&observation),
        holder_is_right: place::is_holder_right(&observation),
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

    #[test]
    fn parts_are_scored_as_one_if_they_were_made_alike() {
        let found = observation(Kind::Positive, Status::Livelock, Status::Livelock);
        let missed = observation(Kind::Positive, Status::Livelock, Status::Busy);
        let part = |kernel, observations| {
            let mut part = Report::new(5, false);
            part.add(kernel, 4, observations);
            part
        };
        let parts = vec![
            part("6.1", vec![found.clone()]),
            part("7.3", vec![found.clone()]),
            part("6.1", vec![missed]),
        ];
        let merged = Report::merged(parts).unwrap();
        assert_eq!(merged.cells.len(), 2);
        let recall = merged.cells[0].score.recall;
        assert_eq!((recall.nr, recall.of), (1, 2));
        let mut other = part("6.1", vec![found]);
        other.diagnose_args.push("--max-level=2".to_owned());
        assert!(Report::merged(vec![part("6.1", Vec::new()), other]).is_err());
        assert!(Report::merged(Vec::new()).is_err());
        let twice = || {
            part(
                "7.3",
                vec![observation(Kind::Positive, Status::Livelock, Status::Busy)],
            )
        };
        assert!(Report::merged(vec![twice(), twice()]).is_err());
    }
}
