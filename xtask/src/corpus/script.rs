//! The guest's side: one script that diagnoses many scenarios.
//!
//! In: tasks. Out: a shell script that sends the files of each scenario over the console as soon as
//! it is over, named `INDEX.NAME`; `INDEX.end` is the last. Refuses: to wait for anything without
//! a limit; after a lab that cannot be ended it stops, because the next scenario would not be alone.

use super::plan::Task;
use crate::vm::guest;

/// Time that a diagnosis may take beyond its duration: attaching to 4 starving emulated CPUs has taken
/// several seconds.
const DIAGNOSE_EXTRA_SECS: u64 = 60;

/// Between the start of a lab and its diagnosis.
const DELAY_SECS: u64 = 1;

/// How long a lab may take to end after SIGTERM, and once more after SIGKILL.
const LAB_END_SECS: u64 = 15;

/// Between two scenarios, for what the first has left to the kernel's workers.
const PAUSE_SECS: u64 = 1;

/// Longest time that one scenario may take in the guest; sending its results is not in it.
pub(super) const fn scenario_limit_secs(diagnose_secs: u64) -> u64 {
    DELAY_SECS + diagnose_secs + DIAGNOSE_EXTRA_SECS + 2 * LAB_END_SECS + PAUSE_SECS
}

/// The script for `tasks`, each with its index.
pub(super) fn script<'a>(
    tasks: impl Iterator<Item = (usize, &'a Task)>,
    nr_cpus: u32,
    diagnose_secs: u64,
    is_recorded: bool,
) -> String {
    let mut script = functions(nr_cpus, diagnose_secs, is_recorded);
    for (index, task) in tasks {
        let name = guest::quote(&task.scenario.name);
        script.push_str(&format!("observe {index} {name}\n"));
    }
    script
}

/// `/proc/PID` stays until a process is waited for, so its state is read; a process whose first
/// thread is gone is alive while others are left.
fn functions(nr_cpus: u32, diagnose_secs: u64, is_recorded: bool) -> String {
    let record = if is_recorded {
        " --record recording"
    } else {
        ""
    };
    format!(
        r#"mkdir -p /run/corpus
cd /run/corpus
emit() {{
	for path in *; do
		echo
		echo "@@livelock-vm begin $1.$path $(wc -c <"$path")"
		base64 "$path" | sed 's/^/@@:/'
		echo "@@livelock-vm end $1.$path"
	done
	echo "@@livelock-vm begin $1.end 0"
	echo "@@livelock-vm end $1.end"
}}
alive() {{
	grep -q '^State:[^ZX]*$' /proc/$1/status 2>/dev/null ||
		[ "$(ls /proc/$1/task 2>/dev/null | wc -l)" -gt 1 ]
}}
ends() {{
	tries={tries}
	while [ $tries -gt 0 ]; do
		alive $1 || return 0
		sleep 0.1
		tries=$((tries - 1))
	done
	return 1
}}
observe() {{
	rm -f /run/corpus/*
	livelock-lab "$2" --threads {nr_cpus} --pin --duration {lab_secs}s >lab 2>lab_stderr &
	lab=$!
	sleep {DELAY_SECS}
	if alive $lab; then
		cut -d' ' -f1 /proc/uptime >begin
		timeout -s KILL {limit_secs} livelock diagnose --duration {diagnose_secs}s --window 300ms \
			--format json --output verdict{record} >/dev/null 2>diagnose_stderr
		echo $? >exit_code
		cut -d' ' -f1 /proc/uptime >end_of_diagnosis
		alive $lab && echo 1 >outlived
	fi
	kill -TERM $lab 2>/dev/null
	if ! ends $lab; then
		echo 1 >killed
		kill -KILL $lab
		if ! ends $lab; then
			echo 1 >stuck
			emit $1 >/dev/console
			exit 1
		fi
	fi
	wait $lab
	echo $? >lab_code
	emit $1 >/dev/console
	sleep {PAUSE_SECS}
}}
"#,
        tries = LAB_END_SECS * 10,
        limit_secs = diagnose_secs + DIAGNOSE_EXTRA_SECS,
        // The script ends the lab; this only bounds it.
        lab_secs = 2 * scenario_limit_secs(diagnose_secs),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use livelock_core::verdict::CauseClass;

    use super::super::catalogue::Kind;
    use super::super::catalogue::tests::scenario;
    use super::*;

    fn two() -> String {
        let tasks: Vec<_> = ["fd-table", "compute"]
            .map(|name| Task {
                run: 1,
                scenario: Arc::new(scenario(name, CauseClass::None, Kind::Positive)),
            })
            .into();
        script(tasks.iter().enumerate().skip(1), 4, 7, true)
    }

    #[test]
    fn indexes_are_those_of_the_tasks() {
        let script = two();
        assert!(script.ends_with("}\nobserve 1 'compute'\n"), "{script}");
        assert!(script.contains("--threads 4 --pin"));
        assert!(script.contains("timeout -s KILL 67 livelock diagnose --duration 7s"));
        assert!(script.contains("--output verdict --record recording >/dev/null"));
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
            .write_all(two().as_bytes())
            .unwrap();
        assert!(shell.wait().unwrap().success());
    }
}
