//! What the lab and the ground-truth module can make, and what that expects of the tool.
//!
//! In: the static programs. Out: the scenarios of `livelock-lab list --json` and the modes of the module. Refuses: words that
//! are not in the closed lists of the verdict.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use livelock_core::verdict::{CauseClass, Status};
use serde::{Deserialize, Serialize};

use super::modes;
use crate::tools;

/// File name of the lab's program.
const LAB: &str = "livelock-lab";

/// What a scenario is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Must be named.
    Positive,
    /// May be named, up to a status.
    Boundary,
    /// Must not be accused.
    LookAlike,
}

/// What a scenario needs, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Needs {
    pub(super) nr_cpus_min: u32,
    pub(super) vm_native_spinlocks: bool,
    pub(super) disk_filesystem: bool,
    pub(super) kernel_log: bool,
    /// Modules of the guest's kernel, by name.
    #[serde(default)]
    pub(super) kernel_modules: Vec<String>,
}

/// Who makes a load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Maker {
    /// `livelock-lab`, under the scenario's name.
    #[default]
    Lab,
    /// The ground-truth module.
    Module(Module),
}

/// A mode of the ground-truth module.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Module {
    /// `mode=NAME`, and what differs from its defaults.
    pub(super) parameters: Vec<String>,
    /// Locks that the first lock of a verdict may be; none if no lock event tells of them.
    pub(super) locks: Vec<String>,
    /// Functions of the module that its threads are in.
    pub(super) paths: Vec<String>,
    /// The one that holds; none if all of them do the same.
    pub(super) holder: Option<String>,
    /// How the books tell whether it came about; none if it always does.
    pub(super) oracle: Option<Oracle>,
}

/// How is it known whether a live lock came about in this run, without asking the tool?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Oracle {
    /// All threads together against one alone, measured before.
    OneThread,
    /// Tries that failed against operations that were completed.
    FailedTries,
}

/// One scenario.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) class: CauseClass,
    /// The worst status that is allowed, of a positive the only one.
    pub(super) expected_status: Status,
    /// Of a boundary that must be told: with less it was missed.
    #[serde(skip)]
    pub(super) least_status: Option<Status>,
    pub(super) kind: Kind,
    pub(super) needs: Needs,
    #[serde(skip)]
    pub(super) made_by: Maker,
}

impl Scenario {
    /// How it is known whether a live lock came about; none if that is not asked: for starvation, which a single thread
    /// makes, for reclaim, which the size of a group makes, and for what is healthy. Of a boundary it is asked whether more became of it
    /// than it should.
    pub(super) fn oracle(&self) -> Option<Oracle> {
        match (self.kind, self.expected_status, &self.made_by) {
            (Kind::Positive, Status::Livelock, Maker::Lab) => {
                self.needs.vm_native_spinlocks.then_some(Oracle::OneThread)
            }
            (Kind::Positive, Status::Livelock, Maker::Module(module))
            | (Kind::Boundary, Status::Contended, Maker::Module(module)) => module.oracle,
            (Kind::Boundary, Status::Contended, Maker::Lab) => {
                (!ONE_AT_A_TIME.contains(&self.class)).then_some(Oracle::OneThread)
            }
            _ => None,
        }
    }
}

/// Classes whose threads are one at a time in user space, so that more of them do less by construction: it says nothing of the kernel.
const ONE_AT_A_TIME: [CauseClass; 3] = [
    CauseClass::UserSpin,
    CauseClass::AtomicHotLine,
    CauseClass::TransactionRestart,
];

/// All scenarios.
pub(super) fn read(programs: &[PathBuf]) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = read_lab(programs)?;
    scenarios.extend(modes::read()?);
    Ok(scenarios)
}

/// Asks the lab; its static program runs here as well as in the guest.
fn read_lab(programs: &[PathBuf]) -> anyhow::Result<Vec<Scenario>> {
    let lab = programs
        .iter()
        .find(|path| path.ends_with(LAB))
        .context("there is no livelock-lab to ask for its scenarios")?;
    let text = tools::output(Command::new(lab).args(["list", "--json"]))?;
    serde_json::from_str(&text).context("failed to read the list of scenarios")
}

/// The word that JSON has for a value of a closed list.
pub(super) fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A scenario that needs nothing in particular.
    pub(in crate::corpus) fn scenario(name: &str, class: CauseClass, kind: Kind) -> Scenario {
        Scenario {
            name: name.to_owned(),
            class,
            expected_status: if kind == Kind::LookAlike {
                Status::Busy
            } else {
                Status::Livelock
            },
            least_status: None,
            kind,
            needs: Needs {
                nr_cpus_min: 1,
                vm_native_spinlocks: false,
                disk_filesystem: false,
                kernel_log: false,
                kernel_modules: Vec::new(),
            },
            made_by: Maker::Lab,
        }
    }

    #[test]
    fn reads_what_the_lab_writes() {
        let text = r#"[{"name": "fd-table", "description": "x", "class": "spin_collapse",
            "expected_status": "livelock", "kind": "look-alike",
            "needs": {"nr_cpus_min": 4, "vm_native_spinlocks": true, "root": false, "disk_filesystem": false, "kernel_log": false}}]"#;
        let scenarios: Vec<Scenario> = serde_json::from_str(text).unwrap();
        assert_eq!(scenarios[0].kind, Kind::LookAlike);
        assert_eq!(scenarios[0].needs.nr_cpus_min, 4);
        assert!(serde_json::from_str::<Vec<Scenario>>(&text.replace("spin_c", "c")).is_err());
    }

    #[test]
    fn a_collapse_of_spinlocks_is_measured_against_one_thread() {
        let mut seen = scenario("fd-table", CauseClass::SpinCollapse, Kind::Positive);
        assert_eq!(seen.oracle(), None);
        seen.needs.vm_native_spinlocks = true;
        assert_eq!(seen.oracle(), Some(Oracle::OneThread));
        seen.expected_status = Status::Starved;
        assert_eq!(seen.oracle(), None);
        seen.expected_status = Status::Livelock;
        seen.kind = Kind::Boundary;
        assert_eq!(seen.oracle(), None);
    }

    #[test]
    fn so_is_a_boundary_that_should_not_be_one() {
        let mut seen = scenario("create-on-disk", CauseClass::SlabJournal, Kind::Boundary);
        seen.expected_status = Status::Contended;
        assert_eq!(seen.oracle(), Some(Oracle::OneThread));
        seen.class = CauseClass::AtomicHotLine;
        assert_eq!(seen.oracle(), None, "its threads are one at a time");
        seen.class = CauseClass::SlabJournal;
        seen.kind = Kind::LookAlike;
        assert_eq!(seen.oracle(), None);
    }

    #[test]
    fn words_are_those_of_json() {
        assert_eq!(word(Kind::LookAlike), "look-alike");
        assert_eq!(word(CauseClass::LongHold), "long_hold");
    }
}
