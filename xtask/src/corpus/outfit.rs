//! What the guests of a cell get beside the programs: the ground-truth module, drivers of a disk, modules of their kernel.
//!
//! In: a kernel, and what its tasks ask for. Out: files for the initramfs. Refuses: to let one thing that cannot be had keep
//! the others from being measured.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::catalogue::{Maker, Scenario};
use crate::vm::disk::{self, Module};
use crate::vm::kernels::Kernel;
use crate::vm::module;

/// Files for all guests of one kernel.
#[derive(Debug)]
pub(super) struct Outfit {
    /// Static programs and the module.
    pub(super) programs: Vec<PathBuf>,
    /// Why there is no module.
    no_module: Option<String>,
    disk_modules: Vec<Module>,
    /// Why there is no disk.
    no_disk: Option<String>,
    /// Modules that scenarios ask for by name.
    wanted_modules: Vec<Module>,
    /// Why one of them is not there, by the names that were asked for.
    not_had: Vec<(Vec<String>, String)>,
}

impl Outfit {
    /// Builds and reads what is needed and not there yet.
    pub(super) fn of<'a>(
        kernel: &Kernel,
        programs: &[PathBuf],
        scenarios: impl Iterator<Item = &'a Scenario> + Clone,
    ) -> Self {
        let mut outfit = Self {
            programs: programs.to_vec(),
            no_module: None,
            disk_modules: Vec::new(),
            no_disk: None,
            wanted_modules: Vec::new(),
            not_had: Vec::new(),
        };
        if scenarios.clone().any(needs_module) {
            match module::build(kernel) {
                Ok(path) => outfit.programs.push(path),
                Err(err) => outfit.no_module = Some(format!("no module: {err:#}")),
            }
        }
        if scenarios.clone().any(needs_disk) {
            match disk::modules(kernel) {
                Ok(modules) => outfit.disk_modules = modules,
                Err(err) => outfit.no_disk = Some(format!("no disk: {err:#}")),
            }
        }
        let asked: BTreeSet<&Vec<String>> = scenarios.map(|it| &it.needs.kernel_modules).collect();
        for names in asked {
            outfit.add_modules(kernel, names);
        }
        outfit
    }

    fn add_modules(&mut self, kernel: &Kernel, names: &[String]) {
        match disk::named(kernel, names) {
            // What two scenarios need is loaded once.
            Ok(modules) => {
                for module in modules {
                    if !self.wanted_modules.contains(&module) {
                        self.wanted_modules.push(module);
                    }
                }
            }
            Err(err) => {
                let reason = format!("no module of the kernel: {err:#}");
                self.not_had.push((names.to_vec(), reason));
            }
        }
    }

    /// What this scenario needs and the guests will not have.
    pub(super) fn lacks(&self, scenario: &Scenario) -> Option<&str> {
        let module = self.no_module.as_deref().filter(|_| needs_module(scenario));
        let disk = self.no_disk.as_deref().filter(|_| needs_disk(scenario));
        let asked = &scenario.needs.kernel_modules;
        let not_had = self.not_had.iter().find(|(names, _)| names == asked);
        module
            .or(disk)
            .or(not_had.map(|(_, reason)| reason.as_str()))
    }

    /// Drivers for a guest that runs these; none if it needs no disk.
    pub(super) fn disk_modules<'a>(
        &self,
        mut scenarios: impl Iterator<Item = &'a Scenario>,
    ) -> &[Module] {
        if scenarios.any(needs_disk) {
            &self.disk_modules
        } else {
            &[]
        }
    }

    /// Modules of the kernel for a guest that runs these; none if it needs none.
    pub(super) fn wanted_modules<'a>(
        &self,
        mut scenarios: impl Iterator<Item = &'a Scenario>,
    ) -> &[Module] {
        if scenarios.any(|scenario| !scenario.needs.kernel_modules.is_empty()) {
            &self.wanted_modules
        } else {
            &[]
        }
    }
}

fn needs_module(scenario: &Scenario) -> bool {
    matches!(scenario.made_by, Maker::Module(_))
}

fn needs_disk(scenario: &Scenario) -> bool {
    scenario.needs.disk_filesystem
}

#[cfg(test)]
mod tests {
    use livelock_core::verdict::CauseClass;

    use super::super::catalogue::Kind;
    use super::super::catalogue::tests::scenario;
    use super::super::modes;
    use super::*;

    #[test]
    fn what_is_missing_is_missed_by_those_who_need_it() {
        let outfit = Outfit {
            programs: Vec::new(),
            no_module: Some("no module: a".to_owned()),
            disk_modules: Vec::new(),
            no_disk: Some("no disk: b".to_owned()),
            wanted_modules: Vec::new(),
            not_had: vec![(vec!["nft_ct".to_owned()], "no module c".to_owned())],
        };
        let plain = scenario("fd-table", CauseClass::None, Kind::Positive);
        let mut disk = plain.clone();
        disk.needs.disk_filesystem = true;
        let mut tracked = plain.clone();
        tracked.needs.kernel_modules = vec!["nft_ct".to_owned()];
        let mode = modes::read().unwrap().remove(0);
        assert_eq!(outfit.lacks(&plain), None);
        assert_eq!(outfit.lacks(&disk), Some("no disk: b"));
        assert_eq!(outfit.lacks(&tracked), Some("no module c"));
        assert_eq!(outfit.lacks(&mode), Some("no module: a"));
    }
}
