//! Which scenarios, how often, in which order.
//!
//! In: the catalogue and the words of `--only`. Out: tasks. Refuses: words that match nothing.

use std::sync::Arc;

use anyhow::ensure;

use super::catalogue::{Maker, Scenario, word};

/// One scenario to diagnose.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Which time, from 1.
    pub(super) run: u32,
    pub(super) scenario: Arc<Scenario>,
}

/// The scenarios whose name, class, kind or maker (`lab`, `truth`) is one of `only`; all of them without any.
pub(super) fn select(
    scenarios: Vec<Scenario>,
    only: &[String],
) -> anyhow::Result<Vec<Arc<Scenario>>> {
    let is_meant = |scenario: &Scenario, text: &str| {
        let label = text.replace('_', "-");
        text == scenario.name
            || text == word(scenario.class)
            || label == word(scenario.kind)
            || text == maker(scenario)
    };
    for text in only {
        ensure!(
            scenarios.iter().any(|scenario| is_meant(scenario, text)),
            "--only {text}: no scenario has this name, class, kind or maker; {}",
            next_step(&scenarios, text)
        );
    }
    Ok(scenarios
        .into_iter()
        .filter(|scenario| only.is_empty() || only.iter().any(|text| is_meant(scenario, text)))
        .map(Arc::new)
        .collect())
}

/// What to type instead of `text`.
fn next_step(scenarios: &[Scenario], text: &str) -> String {
    let of_module = format!("truth:{text}");
    if scenarios.iter().any(|scenario| scenario.name == of_module) {
        return format!("the module's mode is `--only {of_module}`");
    }
    "see `livelock-lab list`, and livelock-truth/modes.json for those of the module (`--only truth:MODE`)"
        .to_owned()
}

fn maker(scenario: &Scenario) -> &'static str {
    match scenario.made_by {
        Maker::Lab => "lab",
        Maker::Module(_) => "truth",
    }
}

/// All runs of all scenarios. The first run has the order of the catalogue, the others are shuffled
/// by their number: what a scenario leaves behind then meets another successor each time. What
/// writes to the console comes last, because the results come over the same line.
pub(super) fn tasks(scenarios: &[Arc<Scenario>], nr_runs: u32) -> Vec<Task> {
    let mut tasks = Vec::new();
    for run in 1..=nr_runs {
        let mut order: Vec<_> = scenarios.to_vec();
        if run > 1 {
            shuffle(&mut order, u64::from(run));
        }
        tasks.extend(order.into_iter().map(|scenario| Task { run, scenario }));
    }
    tasks.sort_by_key(|task| task.scenario.needs.kernel_log);
    tasks
}

/// Fisher and Yates, with the multiplier of Knuth's MMIX: the same seed gives the same order
/// everywhere. The upper bits of such a generator are the good ones.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let nr_choices = last as u64 + 1;
        let chosen = usize::try_from((state >> 33) % nr_choices).unwrap_or(last);
        items.swap(last, chosen);
    }
}

#[cfg(test)]
mod tests {
    use livelock_core::verdict::CauseClass;

    use super::super::catalogue::Kind;
    use super::super::catalogue::tests::scenario;
    use super::super::modes;
    use super::*;

    fn catalogue() -> Vec<Scenario> {
        let mut flood = scenario("kmsg-flood", CauseClass::Console, Kind::Boundary);
        flood.needs.kernel_log = true;
        vec![
            flood,
            scenario("fd-table", CauseClass::SpinCollapse, Kind::Positive),
            scenario("compute", CauseClass::UserCompute, Kind::LookAlike),
            scenario("getppid", CauseClass::KernelWork, Kind::LookAlike),
        ]
    }

    fn names(only: &[&str]) -> Vec<String> {
        let only: Vec<_> = only.iter().map(|&text| text.to_owned()).collect();
        select(catalogue(), &only)
            .unwrap()
            .iter()
            .map(|scenario| scenario.name.clone())
            .collect()
    }

    #[test]
    fn names_classes_and_kinds_are_understood() {
        assert_eq!(names(&[]).len(), 4);
        assert_eq!(names(&["look-alike"]), ["compute", "getppid"]);
        assert_eq!(names(&["look_alike"]), ["compute", "getppid"]);
        assert_eq!(
            names(&["spin_collapse", "getppid"]),
            ["fd-table", "getppid"]
        );
        let message = select(catalogue(), &["fd".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(message.contains("--only fd"), "{message}");
    }

    #[test]
    fn modes_of_the_module_are_chosen_like_the_rest() {
        let mut all = catalogue();
        all.extend(modes::read().unwrap());
        let chosen = |only: &[&str]| -> Vec<String> {
            let only: Vec<_> = only.iter().map(|&text| text.to_owned()).collect();
            let scenarios = select(all.clone(), &only).unwrap();
            scenarios.iter().map(|it| it.name.clone()).collect()
        };
        assert_eq!(chosen(&["truth:spin-hot"]), ["truth:spin-hot"]);
        assert_eq!(chosen(&["lab"]).len(), 4);
        assert_eq!(chosen(&["truth"]).len(), modes::read().unwrap().len());
        assert!(chosen(&["positive"]).contains(&"truth:irq-off".to_owned()));
        assert!(chosen(&["look-alike"]).contains(&"truth:compute".to_owned()));
    }

    #[test]
    fn each_run_has_all_and_the_console_comes_last() {
        let scenarios: Vec<_> = catalogue().into_iter().map(Arc::new).collect();
        let tasks = tasks(&scenarios, 3);
        assert_eq!(tasks.len(), 12);
        let order: Vec<_> = tasks
            .iter()
            .map(|task| task.scenario.name.as_str())
            .collect();
        assert_eq!(order[..3], ["fd-table", "compute", "getppid"]);
        assert_eq!(order[9..], ["kmsg-flood"; 3]);
        for run in 1..=3 {
            assert_eq!(tasks.iter().filter(|task| task.run == run).count(), 4);
        }
    }

    #[test]
    fn a_shuffle_is_a_reproducible_permutation() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..50).collect();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(shuffled(2), shuffled(2));
        assert_ne!(shuffled(2), shuffled(3));
        let mut sorted = shuffled(2);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
