//! What the lab can make, and what `livelock` is expected to say about it.
//!
//! In: nothing. Out: [`SCENARIOS`], as a table or as JSON. Refuses: to know how a scenario is made.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde::Serialize;

/// Must `livelock` accuse the scenario, or leave it alone?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A live lock: it must be named.
    Positive,
    /// Busy and healthy: it must not be accused.
    LookAlike,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::LookAlike => "look-alike",
        }
    }
}

/// One scenario. `class` and `expected_status` are spelled as in `livelock.verdict/v1`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Scenario {
    /// Name of the subcommand.
    pub(crate) name: &'static str,
    /// One line for a human.
    pub(crate) description: &'static str,
    /// Cause class of the expected verdict.
    pub(crate) class: &'static str,
    /// Status of the expected verdict with native queued spinlocks on 4 or more CPUs, one thread
    /// per CPU.
    pub(crate) expected_status: &'static str,
    /// Positive or look-alike.
    pub(crate) kind: Kind,
}

/// All scenarios, in the order of the subcommands.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fd-table",
        description: "dup and close on one shared file table: all threads want files->file_lock",
        class: "spin_collapse",
        expected_status: "livelock",
        kind: Kind::Positive,
    },
    Scenario {
        name: "futex-bucket",
        description: "futex wait that fails with EAGAIN on one word: all threads want one hash bucket",
        class: "spin_collapse",
        expected_status: "livelock",
        kind: Kind::Positive,
    },
    Scenario {
        name: "compute",
        description: "arithmetic in registers: all CPUs busy in user mode, no kernel lock",
        class: "user_compute",
        expected_status: "busy",
        kind: Kind::LookAlike,
    },
    Scenario {
        name: "getppid",
        description: "a system call without a lock, in a loop: all CPUs busy in the kernel, progressing",
        class: "kernel_work",
        expected_status: "busy",
        kind: Kind::LookAlike,
    },
    Scenario {
        name: "pipe-resize",
        description: "many threads resize one pipe and compute in between: its mutex is contended, user code progresses",
        class: "lock_contention",
        expected_status: "contended",
        kind: Kind::LookAlike,
    },
];

/// The catalog as text, with a final line feed.
pub(crate) fn list(json: bool) -> anyhow::Result<String> {
    if json {
        let mut text =
            serde_json::to_string_pretty(SCENARIOS).context("failed to write the list")?;
        text.push('\n');
        return Ok(text);
    }
    let mut text = format!(
        "{:<14}{:<12}{:<17}{:<10}{}\n",
        "NAME", "KIND", "CLASS", "EXPECTED", "DESCRIPTION"
    );
    for scenario in SCENARIOS {
        writeln!(
            text,
            "{:<14}{:<12}{:<17}{:<10}{}",
            scenario.name,
            scenario.kind.as_str(),
            scenario.class,
            scenario.expected_status,
            scenario.description
        )
        .context("failed to write the list")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCENARIOS.len());
    }

    #[test]
    fn only_positives_expect_an_accusation() {
        for scenario in SCENARIOS {
            let accused = scenario.expected_status == "livelock";
            assert_eq!(
                accused,
                scenario.kind == Kind::Positive,
                "{}",
                scenario.name
            );
        }
    }

    #[test]
    fn json_carries_every_field() {
        let list: serde_json::Value = serde_json::from_str(&list(true).unwrap()).unwrap();
        assert_eq!(list.as_array().unwrap().len(), SCENARIOS.len());
        for key in ["name", "description", "class", "expected_status", "kind"] {
            assert!(list[0][key].is_string(), "{key}");
        }
        assert_eq!(list[2]["kind"], "look-alike");
    }

    #[test]
    fn the_table_has_one_line_per_scenario() {
        assert_eq!(list(false).unwrap().lines().count(), SCENARIOS.len() + 1);
    }
}
