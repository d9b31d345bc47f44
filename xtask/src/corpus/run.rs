//! Guests that run tasks until all are done.
//!
//! In: tasks and a machine. Out: one observation for each task. Refuses: to lose the results that
//! came before a guest died; what is left gets a new one, the scenario at which it died once more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::catalogue::{Kind, Scenario, word};
use super::expected::stem;
use super::log::{Log, News};
use super::observation::{self, Observation, Outcome};
use super::outfit::Outfit;
use super::plan::Task;
use super::score;
use super::script::{self, Look};
use crate::vm::boot::{self, Machine};
use crate::vm::console::Results;
use crate::vm::{fetch, initramfs, kernels};

/// Boots of one kernel after which what is left is not measured.
const MAX_BOOTS: u32 = 10;

/// Guests that may die during one scenario. Attaching to a tracepoint changes code that runs on other
/// CPUs; under multi-threaded emulation they may go on to see the breakpoint that stands there while it is
/// changed, and the guest hangs. That says nothing about the tool, so there is a second try.
const MAX_DEATHS: u32 = 2;

/// How long a guest may be silent beyond the limit of one scenario: a boot, or sending the results
/// while the machine is loaded.
const SILENCE_EXTRA: Duration = Duration::from_secs(45);

/// How often the log is read; more often would only cost.
const READ_PERIOD: Duration = Duration::from_millis(500);

/// One kernel on one number of CPUs.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) kernel: String,
    pub(super) nr_cpus: u32,
    pub(super) memory_mib: u32,
    pub(super) hypervisor_flag: bool,
    pub(super) look: Look,
    /// Where the verdicts are kept.
    pub(super) verdicts: Option<PathBuf>,
    /// Where the recordings are kept.
    pub(super) recordings: Option<PathBuf>,
}

impl Cell {
    /// Must this task not be a live lock, because its spinlocks are not the ones it needs?
    fn is_control(&self, task: &Task) -> bool {
        self.hypervisor_flag
            && task.scenario.kind == Kind::Positive
            && task.scenario.needs.vm_native_spinlocks
    }

    /// Keeps a verdict and a recording. They are for a human and for the unit tests; without them the score is the
    /// same.
    fn keep(&self, task: &Task, files: &Results) {
        for (file, dir, extension) in [
            ("verdict", &self.verdicts, "json"),
            ("recording", &self.recordings, "llrec"),
        ] {
            let bytes = files.bytes(file);
            let Some(dir) = dir.as_ref().filter(|_| !bytes.is_empty()) else {
                continue;
            };
            let stem = stem(&self.kernel, self.nr_cpus, &task.scenario.name, task.run);
            let path = dir.join(format!("{stem}.{extension}"));
            if let Err(err) = fs::write(&path, bytes) {
                eprintln!("corpus: warning: failed to write {}: {err}", path.display());
            }
        }
    }

    fn machine(&self, disk: bool, limit_secs: u64) -> Machine {
        Machine {
            kernel: self.kernel.clone(),
            cpus: self.nr_cpus,
            memory_mib: self.memory_mib,
            hypervisor_flag: self.hypervisor_flag,
            disk,
            append: String::new(),
            timeout_secs: limit_secs,
        }
    }
}

/// Runs all tasks of a cell.
pub(super) fn run(
    cell: &Cell,
    programs: &[PathBuf],
    tasks: Vec<Task>,
) -> anyhow::Result<Vec<Observation>> {
    let scenarios = tasks.iter().map(|task| &*task.scenario);
    let outfit = Outfit::of(kernels::by_name(&cell.kernel)?, programs, scenarios);
    let mut progress = Progress {
        cell,
        tasks: &tasks,
        program: programs
            .iter()
            .map(PathBuf::as_path)
            .find(|path| path.ends_with("livelock")),
        done: BTreeMap::new(),
        nr_deaths: BTreeMap::new(),
        last_result: Instant::now(),
    };
    progress.refuse(&outfit);
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
        match guest(&mut progress, &outfit, &todo) {
            Ok(Ending::ByItself) => {}
            Ok(Ending::NeverStarted) => eprintln!("corpus: the kernel died while booting"),
            Ok(Ending::Died { alarm }) => {
                let culprit = progress.todo().first().copied().unwrap_or(first);
                let alarm = alarm.as_deref().unwrap_or("its kernel said nothing");
                progress.died(culprit, alarm);
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
    Ok(progress.done.into_values().collect())
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
    /// The tool, to replay what a guest recorded.
    program: Option<&'a Path>,
    done: BTreeMap<usize, Observation>,
    /// Guests that died during a task.
    nr_deaths: BTreeMap<usize, u32>,
    /// When a task was finished last.
    last_result: Instant,
}

impl Progress<'_> {
    fn todo(&self) -> Vec<usize> {
        (0..self.tasks.len())
            .filter(|index| !self.done.contains_key(index))
            .collect()
    }

    /// Gives up what its guest could not show.
    fn refuse(&mut self, outfit: &Outfit) {
        for index in self.todo() {
            let reason = self
                .tasks
                .get(index)
                .and_then(|task| self.lacks(&task.scenario, outfit));
            if let Some(reason) = reason {
                self.give_up(index, &reason);
            }
        }
    }

    /// With fewer CPUs a scenario runs but does not show what it is made for.
    fn lacks(&self, scenario: &Scenario, outfit: &Outfit) -> Option<String> {
        let nr_cpus_min = scenario.needs.nr_cpus_min;
        if nr_cpus_min > self.cell.nr_cpus {
            return Some(format!("it needs {nr_cpus_min} CPUs"));
        }
        outfit.lacks(scenario).map(str::to_owned)
    }

    fn give_up(&mut self, index: usize, reason: &str) {
        if let Some(task) = self.tasks.get(index) {
            let observation = observation::not_measured(task, self.cell.is_control(task), reason);
            self.finish(index, observation);
        }
    }

    /// A guest died during this task, which gets another one unless that happens all the time.
    fn died(&mut self, index: usize, alarm: &str) {
        eprintln!("corpus: the guest died or fell silent: {alarm}");
        let nr_deaths = self.nr_deaths.entry(index).or_default();
        *nr_deaths += 1;
        if *nr_deaths >= MAX_DEATHS {
            let reason = format!("{nr_deaths} guests died or fell silent, the last with: {alarm}");
            self.give_up(index, &reason);
        }
    }

    /// Takes in what a guest sent; is it alive?
    fn hear(&mut self, news: News) -> bool {
        for (index, files) in news.finished {
            self.take(index, &files);
        }
        news.is_alive
    }

    fn take(&mut self, index: usize, files: &Results) {
        if let Some(task) = self.tasks.get(index) {
            self.cell.keep(task, files);
            let nr_cpus = self.cell.nr_cpus;
            let observation = observation::observe(
                task,
                nr_cpus,
                self.cell.is_control(task),
                files,
                self.program,
            );
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
        let secs = self.last_result.elapsed().as_secs_f64();
        self.last_result = Instant::now();
        eprintln!(
            "corpus: {} of {}: {scenario}: {what}, after {secs:.0} s",
            self.done.len(),
            self.tasks.len()
        );
    }
}

/// Boots one guest for `todo` and takes in what it sends.
fn guest(progress: &mut Progress<'_>, outfit: &Outfit, todo: &[usize]) -> anyhow::Result<Ending> {
    let cell = progress.cell;
    let tasks = progress.tasks;
    let scenario_secs = cell.look.scenario_limit_secs();
    let numbered: Vec<(usize, &Task)> = todo
        .iter()
        .filter_map(|&index| Some((index, tasks.get(index)?)))
        .collect();
    let scenarios = || numbered.iter().map(|(_, task)| &*task.scenario);
    let disk_modules = outfit.disk_modules(scenarios());
    let wanted_modules = outfit.wanted_modules(scenarios());
    let text = script::script(numbered.iter().copied(), cell.nr_cpus, &cell.look);
    let limit_secs = scenario_secs * todo.len() as u64;
    let vmlinuz = fetch::vmlinuz(kernels::by_name(&cell.kernel)?, false)?;
    let initramfs = initramfs::pack(&initramfs::Content {
        programs: &outfit.programs,
        disk_modules,
        wanted_modules,
        script: &text,
        limit_secs,
    })?;
    let silence_limit = SILENCE_EXTRA + Duration::from_secs(scenario_secs);
    let mut log = Log::default();
    let machine = cell.machine(!disk_modules.is_empty(), limit_secs);
    let mut last_words = Instant::now();
    let mut last_read = Instant::now();
    let (path, end) = boot::boot_while(&machine, &vmlinuz, &initramfs, &mut |path| {
        if last_read.elapsed() >= READ_PERIOD {
            last_read = Instant::now();
            if progress.hear(log.read(path)?) {
                last_words = Instant::now();
            }
        }
        Ok(last_words.elapsed() < silence_limit)
    })?;
    progress.hear(log.read(&path)?);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use livelock_core::verdict::CauseClass;

    use super::super::catalogue::tests::scenario;
    use super::super::modes;
    use super::*;

    fn cell(nr_cpus: u32) -> Cell {
        Cell {
            kernel: "6.1".to_owned(),
            nr_cpus,
            memory_mib: 1,
            hypervisor_flag: false,
            look: Look {
                delay_secs: 1,
                diagnose_secs: 5,
                diagnose_args: Vec::new(),
                is_recorded: false,
            },
            verdicts: None,
            recordings: None,
        }
    }

    #[test]
    fn a_task_is_over_with_its_files_or_after_two_deaths() {
        let cell = cell(4);
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
            program: None,
            done: BTreeMap::new(),
            nr_deaths: BTreeMap::new(),
            last_result: Instant::now(),
        };
        let scenarios = tasks.iter().map(|task| &*task.scenario);
        let kernel = kernels::by_name(&cell.kernel).unwrap();
        progress.refuse(&Outfit::of(kernel, &[], scenarios));
        assert_eq!(progress.todo(), [1, 2]);

        let mut files = Results::default();
        files.insert("exit_code".to_owned(), b"137".to_vec());
        let is_alive = progress.hear(News {
            is_alive: true,
            finished: vec![(1, files)],
        });
        assert!(is_alive);
        assert_eq!(progress.todo(), [2]);
        progress.died(2, "soft lockup");
        assert_eq!(progress.todo(), [2]);
        progress.died(2, "soft lockup");
        assert!(progress.todo().is_empty());
    }

    #[test]
    fn two_cpus_are_enough_for_two_threads() {
        let all = modes::read().unwrap();
        let named = |name: &str| all.iter().find(|mode| mode.name == name).unwrap();
        let kernel = kernels::by_name("6.1").unwrap();
        let outfit = Outfit::of(kernel, &[], std::iter::empty());
        for nr_cpus in [1, 2, 4, 8] {
            let cell = cell(nr_cpus);
            let progress = Progress {
                cell: &cell,
                tasks: &[],
                program: None,
                done: BTreeMap::new(),
                nr_deaths: BTreeMap::new(),
                last_result: Instant::now(),
            };
            let runs = |name| progress.lacks(named(name), &outfit).is_none();
            assert_eq!(runs("truth:spin-hot-two"), nr_cpus >= 2, "{nr_cpus}");
            assert_eq!(runs("truth:spin-hot"), nr_cpus >= 4, "{nr_cpus}");
        }
    }
}
