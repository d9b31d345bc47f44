//! Guests that run tasks until all are done.
//!
//! In: tasks and a machine. Out: one observation for each task. Refuses: to lose the results that
//! came before a guest died; the scenario at which it died is not measured, the others get a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::catalogue::{Kind, word};
use super::observation::{self, Observation, Outcome};
use super::plan::Task;
use super::score;
use super::script;
use crate::vm::boot::{self, Machine};
use crate::vm::console::{Piece, Reader, Results};
use crate::vm::guest::alarm_lines;
use crate::vm::{fetch, initramfs, kernels};

/// Boots of one kernel after which what is left is not measured.
const MAX_BOOTS: u32 = 6;

/// How long a guest may be silent beyond the limit of one scenario: a boot, or sending the results
/// while the machine is loaded.
const SILENCE_EXTRA: Duration = Duration::from_secs(120);

/// How often the log is read; more often would only cost.
const READ_PERIOD: Duration = Duration::from_millis(500);

/// One kernel on one number of CPUs.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) kernel: String,
    pub(super) nr_cpus: u32,
    pub(super) memory_mib: u32,
    pub(super) hypervisor_flag: bool,
    pub(super) diagnose_secs: u64,
    /// Where the verdicts are kept.
    pub(super) verdicts: Option<PathBuf>,
}

impl Cell {
    /// Must this task not be a live lock, because its spinlocks are not the ones it needs?
    fn is_control(&self, task: &Task) -> bool {
        self.hypervisor_flag
            && task.scenario.kind == Kind::Positive
            && task.scenario.needs.vm_native_spinlocks
    }

    /// Keeps a verdict. It is for a human; without it the score is the same.
    fn keep(&self, task: &Task, files: &Results) {
        let verdict = files.bytes("verdict");
        let Some(dir) = self.verdicts.as_ref().filter(|_| !verdict.is_empty()) else {
            return;
        };
        let name = format!(
            "{}-{}-{}-{}.json",
            self.kernel, self.nr_cpus, task.scenario.name, task.run
        );
        let path = dir.join(name);
        if let Err(err) = fs::write(&path, verdict) {
            eprintln!("corpus: warning: failed to write {}: {err}", path.display());
        }
    }

    fn machine(&self, limit_secs: u64) -> Machine {
        Machine {
            kernel: self.kernel.clone(),
            cpus: self.nr_cpus,
            memory_mib: self.memory_mib,
            hypervisor_flag: self.hypervisor_flag,
            append: String::new(),
            timeout_secs: limit_secs,
        }
    }
}

/// Runs all tasks of a cell.
pub(super) fn run(cell: &Cell, programs: &[PathBuf], tasks: Vec<Task>) -> Vec<Observation> {
    let mut progress = Progress {
        cell,
        tasks: &tasks,
        done: BTreeMap::new(),
    };
    progress.refuse_small_guests();
    for boot in 1..=MAX_BOOTS {
        let todo = progress.todo();
        let Some(&first) = todo.first() else {
            break;
        };
        eprintln!(
            "corpus: kernel {}, {} CPUs: boot {boot}, {} scenarios",
            cell.kernel,
            cell.nr_cpus,
            todo.len()
        );
        match guest(&mut progress, programs, &todo) {
            Ok(Ending::ByItself) => {}
            Ok(Ending::NeverStarted) => eprintln!("corpus: the kernel died while booting"),
            Ok(Ending::Died { alarm }) => {
                let culprit = progress.todo().first().copied().unwrap_or(first);
                let alarm = alarm.as_deref().unwrap_or("its kernel said nothing");
                progress.give_up(culprit, &format!("the guest died or fell silent: {alarm}"));
            }
            Err(err) => {
                for index in progress.todo() {
                    progress.give_up(index, &format!("no guest: {err:#}"));
                }
            }
        }
    }
    for index in progress.todo() {
        progress.give_up(index, &format!("{MAX_BOOTS} guests ended before it"));
    }
    progress.done.into_values().collect()
}

/// How a guest ended.
enum Ending {
    /// By the end of its script.
    ByItself,
    /// In another way, after its first process ran.
    Died {
        /// What its kernel complained of first, after the last result.
        alarm: Option<String>,
    },
    /// Before its first process ran.
    NeverStarted,
}

/// What is known of each task.
struct Progress<'a> {
    cell: &'a Cell,
    tasks: &'a [Task],
    done: BTreeMap<usize, Observation>,
}

impl Progress<'_> {
    fn todo(&self) -> Vec<usize> {
        (0..self.tasks.len())
            .filter(|index| !self.done.contains_key(index))
            .collect()
    }

    /// With fewer CPUs a scenario runs but does not show what it is made for.
    fn refuse_small_guests(&mut self) {
        for index in self.todo() {
            let nr_cpus_min = self
                .tasks
                .get(index)
                .map_or(0, |task| task.scenario.needs.nr_cpus_min);
            if nr_cpus_min > self.cell.nr_cpus {
                self.give_up(index, &format!("it needs {nr_cpus_min} CPUs"));
            }
        }
    }

    fn give_up(&mut self, index: usize, reason: &str) {
        if let Some(task) = self.tasks.get(index) {
            let observation = observation::not_measured(task, self.cell.is_control(task), reason);
            self.finish(index, observation);
        }
    }

    fn take(&mut self, index: usize, files: &Results) {
        if let Some(task) = self.tasks.get(index) {
            self.cell.keep(task, files);
            let observation = observation::observe(task, self.cell.is_control(task), files);
            self.finish(index, observation);
        }
    }

    fn finish(&mut self, index: usize, observation: Observation) {
        let what = match &observation.outcome {
            Outcome::Measured(measured) => format!(
                "{} {} ({})",
                word(measured.status),
                word(measured.class),
                word(score::grade(&observation))
            ),
            Outcome::NotMeasured { reason } => format!("not measured: {reason}"),
        };
        let scenario = observation.scenario.clone();
        self.done.insert(index, observation);
        eprintln!(
            "corpus: {} of {}: {scenario}: {what}",
            self.done.len(),
            self.tasks.len()
        );
    }
}

/// Boots one guest for `todo` and takes in what it sends.
fn guest(
    progress: &mut Progress<'_>,
    programs: &[PathBuf],
    todo: &[usize],
) -> anyhow::Result<Ending> {
    let cell = progress.cell;
    let tasks = progress.tasks;
    let scenario_secs = script::scenario_limit_secs(cell.diagnose_secs);
    let numbered = todo
        .iter()
        .filter_map(|&index| Some((index, tasks.get(index)?)));
    let text = script::script(numbered, cell.nr_cpus, cell.diagnose_secs);
    let limit_secs = scenario_secs * todo.len() as u64;
    let vmlinuz = fetch::vmlinuz(kernels::by_name(&cell.kernel)?, false)?;
    let initramfs = initramfs::pack(programs, &text, limit_secs)?;
    let silence_limit = SILENCE_EXTRA + Duration::from_secs(scenario_secs);
    let mut log = Log::default();
    let machine = cell.machine(limit_secs);
    let mut last_words = Instant::now();
    let mut last_read = Instant::now();
    let (path, end) = boot::boot_while(&machine, &vmlinuz, &initramfs, &mut |path| {
        if last_read.elapsed() >= READ_PERIOD {
            last_read = Instant::now();
            if log.read(path, progress)? {
                last_words = Instant::now();
            }
        }
        Ok(last_words.elapsed() < silence_limit)
    })?;
    log.read(&path, progress)?;
    Ok(if !log.has_started {
        Ending::NeverStarted
    } else if log.is_done {
        Ending::ByItself
    } else {
        eprintln!(
            "corpus: the guest ended early ({end:?}); see {}",
            path.display()
        );
        Ending::Died { alarm: log.alarm }
    })
}

/// A console log that grows.
#[derive(Default)]
struct Log {
    nr_bytes_read: u64,
    /// The line that is not complete yet.
    rest: Vec<u8>,
    reader: Reader,
    files: BTreeMap<usize, Results>,
    finished: BTreeSet<usize>,
    has_started: bool,
    is_done: bool,
    /// First complaint of the kernel since the last result.
    alarm: Option<String>,
}

impl Log {
    /// Reads what is new; was there a file or a mark in it?
    fn read(&mut self, path: &Path, progress: &mut Progress<'_>) -> anyhow::Result<bool> {
        let context = || format!("failed to read {}", path.display());
        let Ok(mut file) = File::open(path) else {
            return Ok(false);
        };
        file.seek(SeekFrom::Start(self.nr_bytes_read))
            .with_context(context)?;
        let nr_bytes = file.read_to_end(&mut self.rest).with_context(context)?;
        self.nr_bytes_read += nr_bytes as u64;
        let Some(last) = self.rest.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(false);
        };
        let rest = self.rest.split_off(last + 1);
        let lines = std::mem::replace(&mut self.rest, rest);
        let mut has_news = false;
        for line in lines.split(|&byte| byte == b'\n') {
            has_news |= self.line(line, progress);
        }
        Ok(has_news)
    }

    fn line(&mut self, line: &[u8], progress: &mut Progress<'_>) -> bool {
        match self.reader.line(line) {
            Ok(Some(Piece::File(name, content))) => self.file(&name, content, progress),
            Ok(Some(Piece::Start)) => self.has_started = true,
            Ok(Some(Piece::Done)) => self.is_done = true,
            Ok(None) => {
                // A line of data starts with a mark and is never a complaint.
                if self.alarm.is_none() && !line.starts_with(b"@@") {
                    self.alarm = alarm_lines(line).pop();
                }
                return false;
            }
            Err(err) => {
                eprintln!("corpus: warning: {err:#}");
                return false;
            }
        }
        self.alarm = None;
        true
    }

    /// `INDEX.NAME` belongs to a task; everything else is the guest's own.
    fn file(&mut self, name: &str, content: Vec<u8>, progress: &mut Progress<'_>) {
        let Some((index, name)) = name.split_once('.') else {
            return;
        };
        let Ok(index) = index.parse::<usize>() else {
            return;
        };
        if name == "end" {
            if self.finished.insert(index) {
                let files = self.files.remove(&index).unwrap_or_default();
                progress.take(index, &files);
            }
        } else {
            self.files
                .entry(index)
                .or_default()
                .insert(name.to_owned(), content);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use livelock_core::verdict::CauseClass;

    use super::super::catalogue::tests::scenario;
    use super::*;

    #[test]
    fn results_are_taken_as_the_log_grows_and_garbled_ones_are_left_out() {
        let cell = Cell {
            kernel: "6.1".to_owned(),
            nr_cpus: 4,
            memory_mib: 1,
            hypervisor_flag: false,
            diagnose_secs: 5,
            verdicts: None,
        };
        let mut big = scenario("big", CauseClass::SpinCollapse, Kind::Positive);
        big.needs.nr_cpus_min = 8;
        let small = scenario("small", CauseClass::SpinCollapse, Kind::Positive);
        let tasks = [&big, &small, &small].map(|scenario| Task {
            run: 1,
            scenario: Arc::new(scenario.clone()),
        });
        let mut progress = Progress {
            cell: &cell,
            tasks: &tasks,
            done: BTreeMap::new(),
        };
        progress.refuse_small_guests();
        assert_eq!(progress.todo(), [1, 2]);

        let dir = std::env::temp_dir().join(format!("livelock-corpus-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("log");
        let mut log = Log::default();
        assert!(!log.read(&path, &mut progress).unwrap());
        let text = "@@livelock-vm start\r\n@@livelock-vm begin 1.lab_stderr 3\r\n@@:AQID\r\n\
            @@livelock-vm end 1.lab_stderr\r\n@@livelock-vm begin 1.end 0\r\n@@livelock-vm e";
        std::fs::write(&path, text).unwrap();
        assert!(log.read(&path, &mut progress).unwrap());
        assert_eq!(progress.todo(), [1, 2]);
        std::fs::write(&path, format!("{text}nd 1.end\r\n")).unwrap();
        assert!(log.read(&path, &mut progress).unwrap());
        assert_eq!(progress.todo(), [2]);
        assert!(!log.read(&path, &mut progress).unwrap());
        assert!(log.has_started && !log.is_done);
        log.line(b"@@:bug: AAAA", &mut progress);
        assert_eq!(log.alarm, None);
        log.line(
            b"[9] watchdog: BUG: soft lockup - CPU#1 stuck for 22s!\r",
            &mut progress,
        );
        assert!(log.alarm.unwrap().contains("soft lockup - CPU#1"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
