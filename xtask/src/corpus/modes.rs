//! What the ground-truth module can make and what its books say is right.
//!
//! In: `livelock-truth/modes.json`. Out: scenarios beside those of the lab. Refuses: expectations without a reason, and fields
//! that it does not know.

use anyhow::Context as _;
use livelock_core::verdict::{CauseClass, Status};
use serde::Deserialize;

use super::catalogue::{Kind, Maker, Module, Needs, Scenario};

/// The catalogue, beside the sources of what it is about.
const MODES: &str = include_str!("../../../livelock-truth/modes.json");

/// What sets the names of these scenarios apart from the lab's.
const PREFIX: &str = "truth:";

/// One entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mode {
    name: String,
    class: CauseClass,
    kind: Kind,
    /// As in the lab: the worst status that is allowed, of a positive the only one.
    expected_status: Status,
    /// Of a boundary whose books show the waste: with less than this it was missed.
    least_status: Option<Status>,
    /// The reason, from what the module counts.
    #[expect(dead_code, reason = "for people; an entry without it is refused")]
    why: String,
    needs: Needs,
    module: Module,
}

/// All modes, in the order of the file.
pub(super) fn read() -> anyhow::Result<Vec<Scenario>> {
    let modes: Vec<Mode> =
        serde_json::from_str(MODES).context("failed to read the catalogue of the module")?;
    Ok(modes.into_iter().map(scenario).collect())
}

/// The mode of this scenario; None if the lab makes it.
pub(super) fn module_of(scenario: &str) -> Option<Module> {
    if !scenario.starts_with(PREFIX) {
        return None;
    }
    let modes = read().ok()?;
    let mode = modes.into_iter().find(|mode| mode.name == scenario)?;
    match mode.made_by {
        Maker::Module(module) => Some(module),
        Maker::Lab => None,
    }
}

fn scenario(mode: Mode) -> Scenario {
    Scenario {
        name: format!("{PREFIX}{}", mode.name),
        class: mode.class,
        expected_status: mode.expected_status,
        least_status: mode.least_status,
        kind: mode.kind,
        needs: mode.needs,
        made_by: Maker::Module(mode.module),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::super::catalogue::Oracle;
    use super::*;

    fn sources() -> String {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../livelock-truth");
        ["spin.c", "sleep.c", "retry.c", "flood.c", "softirq.c"]
            .map(|file| fs::read_to_string(dir.join(file)).unwrap())
            .concat()
    }

    fn modules() -> Vec<(Scenario, Module)> {
        let all = read().unwrap();
        all.into_iter()
            .filter_map(|scenario| match scenario.made_by.clone() {
                Maker::Module(module) => Some((scenario, module)),
                Maker::Lab => None,
            })
            .collect()
    }

    #[test]
    fn each_mode_of_the_module_has_an_entry() {
        let wanted: BTreeSet<String> = sources()
            .lines()
            .filter_map(|line| line.trim().strip_prefix(".name = \""))
            .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
            .collect();
        let listed: BTreeSet<String> = modules()
            .iter()
            .flat_map(|(_, module)| &module.parameters)
            .filter_map(|word| word.strip_prefix("mode=").map(str::to_owned))
            .collect();
        assert!(wanted.len() > 10, "{wanted:?}");
        assert_eq!(listed, wanted);
    }

    #[test]
    fn locks_and_paths_are_the_module_s() {
        let sources = sources();
        for (scenario, module) in modules() {
            let names = module
                .locks
                .iter()
                .chain(&module.paths)
                .chain(&module.holder);
            for name in names {
                assert!(sources.contains(&format!("\"{name}\"")), "{name}");
            }
            if let Some(holder) = &module.holder {
                assert!(module.paths.contains(holder), "{}", scenario.name);
            }
        }
    }

    #[test]
    fn statuses_and_kinds_agree() {
        for (scenario, module) in modules() {
            let least = scenario.least_status.map(Status::severity);
            match scenario.kind {
                Kind::Positive => {
                    assert_eq!(scenario.expected_status, Status::Livelock);
                    assert_eq!(least, None, "{}", scenario.name);
                }
                Kind::Boundary => assert!(
                    least.is_none_or(|least| least <= scenario.expected_status.severity()),
                    "{}",
                    scenario.name
                ),
                Kind::LookAlike => {
                    assert_eq!(least, None, "{}", scenario.name);
                    assert_eq!(module.oracle, None, "{}", scenario.name);
                }
            }
        }
    }

    #[test]
    fn a_mode_is_found_by_its_scenario() {
        let module = module_of("truth:named-holder").unwrap();
        assert_eq!(module.holder.as_deref(), Some("truth_holder_path"));
        assert!(module_of("named-holder").is_none());
        assert!(module_of("truth:none").is_none());
    }

    /// Two CPUs are the case that no lock event shows, whatever else the guest has.
    #[test]
    fn two_threads_are_a_scenario_of_their_own() {
        let all = read().unwrap();
        let two = all
            .iter()
            .find(|mode| mode.name == "truth:spin-hot-two")
            .unwrap();
        assert_eq!(two.kind, Kind::Boundary);
        assert_eq!(two.expected_status, Status::Contended);
        assert_eq!((two.needs.nr_cpus_min, two.least_status), (2, None));
        assert_eq!(two.oracle(), Some(Oracle::OneThread));
        let module = module_of("truth:spin-hot-two").unwrap();
        assert!(module.parameters.contains(&"nr_threads=2".to_owned()));
        assert_eq!((module.locks.len(), module.holder), (0, None));
    }
}
