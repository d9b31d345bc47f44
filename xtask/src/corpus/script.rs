//! The guest's side: one script that diagnoses many scenarios.
//!
//! In: tasks, and how to look at them. Out: a shell script that sends the files of each scenario over the console as soon as
//! it is over. Refuses: to know what the files mean.

use super::catalogue::{Maker, Oracle};
use super::plan::Task;
use crate::vm::{disk, guest};

/// What the script does, apart from its numbers.
const FUNCTIONS: &str = include_str!("guest.sh");

/// Time that a diagnosis may take beside its windows: attaching to 8 emulated CPUs that starve has taken 27 s, detaching 17 s.
const ATTACH_SECS: u64 = 75;

/// How many times as long as asked it looks on at most.
const MOST_TIMES: u64 = 4;

/// How long a load may take to have all its threads, to end after SIGTERM, and once more after SIGKILL.
const LOAD_END_SECS: u64 = 15;

/// How long one thread alone is measured, in seconds: 15 times as long as the lab takes to look at its clock, and short
/// beside the diagnosis.
const ALONE_SECS: f64 = 1.5;

/// How long that may take with making the load and undoing it.
const ALONE_LIMIT_SECS: u64 = 30;

/// Where most loads have their files.
const MEMORY_DIR: &str = "/tmp";

/// How each scenario is looked at.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// Between the start of a load and its diagnosis.
    pub(super) delay_secs: u64,
    /// The diagnosis.
    pub(super) diagnose_secs: u64,
    /// More arguments for `livelock diagnose`.
    pub(super) diagnose_args: Vec<String>,
    /// Is a recording wanted?
    pub(super) is_recorded: bool,
}

impl Look {
    /// Longest time that a diagnosis may take.
    const fn diagnose_limit_secs(&self) -> u64 {
        MOST_TIMES * self.diagnose_secs + ATTACH_SECS
    }

    /// Longest time that one scenario may take in the guest; sending its results is not in it.
    pub(super) fn scenario_limit_secs(&self) -> u64 {
        ALONE_LIMIT_SECS + self.delay_secs + self.diagnose_limit_secs() + 3 * LOAD_END_SECS
    }
}

/// The script for `tasks`, each with its index.
pub(super) fn script<'a>(
    tasks: impl Iterator<Item = (usize, &'a Task)>,
    nr_cpus: u32,
    look: &Look,
) -> String {
    let mut script = settings(nr_cpus, look);
    script.push_str(FUNCTIONS);
    for (index, task) in tasks {
        script.push_str(&call(index, task));
    }
    script
}

fn settings(nr_cpus: u32, look: &Look) -> String {
    let Look {
        delay_secs,
        diagnose_secs,
        ..
    } = look;
    let mut args: Vec<String> = look
        .diagnose_args
        .iter()
        .map(|arg| guest::quote(arg))
        .collect();
    if look.is_recorded {
        args.push("--record recording".to_owned());
    }
    format!(
        r#"nr_cpus={nr_cpus}
delay_secs={delay_secs}
diagnose_secs={diagnose_secs}
alone_secs={ALONE_SECS}
alone_limit_secs={ALONE_LIMIT_SECS}
end_tries={end_tries}
lab_secs={lab_secs}
tool() {{
	timeout -s KILL {limit_secs} livelock diagnose --duration {diagnose_secs}s --window 300ms --format json --output verdict {args} "$@"
}}
"#,
        end_tries = LOAD_END_SECS * 10,
        // The script ends the lab; this only bounds it.
        lab_secs = 2 * look.scenario_limit_secs(),
        limit_secs = look.diagnose_limit_secs(),
        args = args.join(" "),
    )
}

fn call(index: usize, task: &Task) -> String {
    let scenario = &task.scenario;
    let alone = u8::from(scenario.oracle() == Some(Oracle::OneThread));
    match &scenario.made_by {
        Maker::Lab => {
            let dir = if scenario.needs.disk_filesystem {
                disk::MOUNT_POINT
            } else {
                MEMORY_DIR
            };
            let name = guest::quote(&scenario.name);
            format!("observe_lab {index} {dir} {alone} {name}\n")
        }
        Maker::Module(module) => {
            let words: Vec<_> = module
                .parameters
                .iter()
                .map(|word| guest::quote(word))
                .collect();
            format!("observe_truth {index} {alone} {}\n", words.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use livelock_core::verdict::CauseClass;

    use super::super::catalogue::Kind;
    use super::super::catalogue::tests::scenario;
    use super::super::modes;
    use super::*;

    fn look() -> Look {
        Look {
            delay_secs: 1,
            diagnose_secs: 7,
            diagnose_args: vec!["--max-level=0".to_owned()],
            is_recorded: true,
        }
    }

    fn all() -> String {
        let mut collapse = scenario("fd-table", CauseClass::None, Kind::Positive);
        collapse.needs.vm_native_spinlocks = true;
        let mut disk = scenario("memcg-thrash", CauseClass::None, Kind::Positive);
        disk.needs.disk_filesystem = true;
        let mode = modes::read()
            .unwrap()
            .into_iter()
            .find(|mode| mode.name == "truth:spin-hot")
            .unwrap();
        let tasks = [collapse, disk, mode].map(|scenario| Task {
            run: 1,
            scenario: Arc::new(scenario),
        });
        script(
            tasks.iter().enumerate().map(|(i, task)| (i + 3, task)),
            4,
            &look(),
        )
    }

    #[test]
    fn each_load_is_made_its_own_way() {
        let script = all();
        let calls: Vec<_> = script.lines().rev().take(3).collect();
        assert_eq!(
            calls,
            [
                "observe_truth 5 1 'mode=spin-hot'",
                "observe_lab 4 /disk 0 'memcg-thrash'",
                "observe_lab 3 /tmp 1 'fd-table'",
            ]
        );
        assert!(script.starts_with("nr_cpus=4\n"), "{script}");
        assert!(script.contains(
            "timeout -s KILL 103 livelock diagnose --duration 7s --window 300ms --format json \
             --output verdict '--max-level=0' --record recording \"$@\""
        ));
    }

    #[test]
    fn a_shell_can_read_it() {
        let mut shell = Command::new("sh")
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell
            .stdin
            .take()
            .unwrap()
            .write_all(all().as_bytes())
            .unwrap();
        assert!(shell.wait().unwrap().success());
    }

    #[test]
    fn two_threads_are_given_to_the_module_and_one_alone_is_measured() {
        let all = modes::read().unwrap();
        let two = all.iter().find(|it| it.name == "truth:spin-hot-two");
        let task = Task {
            run: 1,
            scenario: Arc::new(two.unwrap().clone()),
        };
        assert_eq!(
            call(0, &task),
            "observe_truth 0 1 'mode=spin-hot' 'nr_threads=2'\n"
        );
        // The kernel takes the last of two, which is the script's.
        assert!(FUNCTIONS.contains("load_module \"$@\" nr_threads=1"));
    }
}
