//! What the lab can make and what it expects of the tool.
//!
//! In: the static programs. Out: the scenarios of `livelock-lab list --json`. Refuses: words that
//! are not in the closed lists of the verdict.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use livelock_core::verdict::{CauseClass, Status};
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Needs {
    pub(super) nr_cpus_min: u32,
    pub(super) vm_native_spinlocks: bool,
    pub(super) kernel_log: bool,
}

/// One scenario.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) class: CauseClass,
    pub(super) expected_status: Status,
    pub(super) kind: Kind,
    pub(super) needs: Needs,
}

/// Asks the lab; its static program runs here as well as in the guest.
pub(super) fn read(programs: &[PathBuf]) -> anyhow::Result<Vec<Scenario>> {
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
            kind,
            needs: Needs {
                nr_cpus_min: 1,
                vm_native_spinlocks: false,
                kernel_log: false,
            },
        }
    }

    #[test]
    fn reads_what_the_lab_writes() {
        let text = r#"[{"name": "fd-table", "description": "x", "class": "spin_collapse",
            "expected_status": "livelock", "kind": "look-alike",
            "needs": {"nr_cpus_min": 4, "vm_native_spinlocks": true, "root": false, "kernel_log": false}}]"#;
        let scenarios: Vec<Scenario> = serde_json::from_str(text).unwrap();
        assert_eq!(scenarios[0].kind, Kind::LookAlike);
        assert_eq!(scenarios[0].needs.nr_cpus_min, 4);
        assert!(serde_json::from_str::<Vec<Scenario>>(&text.replace("spin_c", "c")).is_err());
    }

    #[test]
    fn words_are_those_of_json() {
        assert_eq!(word(Kind::LookAlike), "look-alike");
        assert_eq!(word(CauseClass::LongHold), "long_hold");
    }
}
