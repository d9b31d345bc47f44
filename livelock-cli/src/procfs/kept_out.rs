//! Threads that a real-time task keeps from its CPU: whether there are any.
//!
//! In: the real-time task that samples see on its CPU nearly alone. Out: threads of that CPU that have been runnable
//! for a second or more and got next to nothing of it. Refuses: a look without such a task, since it reads
//! `/proc` for each thread; threads of other CPUs; real-time tasks, which stand in the same queue.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use livelock_core::activity::StarvedTask;
use livelock_core::ids::{MonotonicNs, Pid};
use livelock_core::ledger::profile::MAX_RT_PRIO;
use livelock_core::thresholds::{KEPT_OUT_SHARE, STARVED_NS};

use super::snapshot::user_hz;

/// Threads looked at in one scan: at 5 us each, a tenth of a second.
const MAX_SCANNED: usize = 20_000;
/// Between two scans that found nobody.
const SCAN_EVERY_NS: u64 = 1_000_000_000;
/// Threads followed from look to look.
const MAX_FOLLOWED: usize = 64;
/// `/proc/PID/stat` counts priorities from here: `task_struct.prio` less this.
const PRIO_SHOWN_FROM: i64 = 100;

/// One thread, as `/proc/PID/stat` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Thread {
    state: char,
    cpu_ns: u64,
    prio: u32,
    processor: u32,
}

/// Since when a thread has got next to nothing, and what it had then.
#[derive(Clone, Copy, Debug)]
struct Since {
    at: MonotonicNs,
    cpu_ns: u64,
}

/// Follows threads that wait beside a real-time task.
#[derive(Debug, Default)]
pub struct KeptOut {
    hog: Option<Pid>,
    followed: HashMap<Pid, Since>,
    scanned: Option<MonotonicNs>,
}

impl KeptOut {
    /// Who has a CPU nearly to itself; `None`: nobody. A hog that samples miss for a window is still there.
    pub fn beside(&mut self, hog: Option<Pid>) {
        self.hog = hog.or(self.hog);
    }

    /// Those that starve at `at`.
    pub fn look(&mut self, at: MonotonicNs) -> Vec<StarvedTask> {
        let Some((pid, hog)) = self.hog.and_then(|pid| Some((pid, read(pid)?))) else {
            *self = Self::default();
            return Vec::new();
        };
        if self.followed.is_empty() {
            self.scan(pid, hog.processor, at);
            return Vec::new();
        }
        let now: Vec<_> = self.followed.keys().map(|&pid| (pid, read(pid))).collect();
        now.into_iter()
            .filter_map(|(pid, thread)| self.follow(pid, thread, hog.processor, at))
            .collect()
    }

    /// Takes what one thread is now; it counts once it has been kept out for long.
    fn follow(
        &mut self,
        pid: Pid,
        thread: Option<Thread>,
        processor: u32,
        at: MonotonicNs,
    ) -> Option<StarvedTask> {
        let Some(thread) = thread.filter(|thread| waits_on(thread, processor)) else {
            self.followed.remove(&pid);
            return None;
        };
        let since = self.followed.get_mut(&pid)?;
        let age_ns = at.since(since.at);
        let got_ns = thread.cpu_ns.saturating_sub(since.cpu_ns);
        if got_ns as f64 > KEPT_OUT_SHARE * age_ns as f64 {
            *since = Since {
                at,
                cpu_ns: thread.cpu_ns,
            };
            return None;
        }
        (age_ns >= STARVED_NS).then_some(StarvedTask {
            pid,
            age_ns,
            prio: Some(thread.prio),
        })
    }

    /// Finds threads to follow.
    fn scan(&mut self, hog: Pid, processor: u32, at: MonotonicNs) {
        if self
            .scanned
            .is_some_and(|scanned| at.since(scanned) < SCAN_EVERY_NS)
        {
            return;
        }
        self.scanned = Some(at);
        let processes = numbers(Path::new("/proc"));
        let threads =
            processes.flat_map(|pid| numbers(&Path::new("/proc").join(format!("{pid}/task"))));
        let others = threads.take(MAX_SCANNED).map(Pid).filter(|&pid| pid != hog);
        self.followed = others
            .filter_map(|pid| Some((pid, read(pid)?)))
            .filter(|(_, thread)| waits_on(thread, processor))
            .take(MAX_FOLLOWED)
            .map(|(pid, thread)| {
                let cpu_ns = thread.cpu_ns;
                (pid, Since { at, cpu_ns })
            })
            .collect();
    }
}

/// Whether a thread is runnable on that CPU and has a normal priority.
fn waits_on(thread: &Thread, processor: u32) -> bool {
    thread.state == 'R' && thread.processor == processor && thread.prio >= MAX_RT_PRIO
}

fn numbers(path: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Threads can be looked up under `/proc` as processes are, though they are not listed there; but
/// `/proc/TID/stat` has the CPU time of the whole process.
fn read(pid: Pid) -> Option<Thread> {
    let stat = fs::read_to_string(format!("/proc/{0}/task/{0}/stat", pid.0));
    parse(&stat.ok()?, user_hz())
}

/// State, CPU time, priority, and the CPU last used. The command name may hold spaces and brackets.
fn parse(stat: &str, hz: u64) -> Option<Thread> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    let user: u64 = words.nth(10)?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    let shown: i64 = words.nth(2)?.parse().ok()?;
    let processor = words.nth(20)?.parse().ok()?;
    Some(Thread {
        state,
        cpu_ns: user
            .saturating_add(system)
            .saturating_mul(1_000_000_000 / hz.max(1)),
        prio: u32::try_from(shown.saturating_add(PRIO_SHOWN_FROM)).unwrap_or(0),
        processor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn thread(cpu_ns: u64) -> Thread {
        Thread {
            state: 'R',
            cpu_ns,
            prio: 120,
            processor: 3,
        }
    }

    fn following(pid: u32) -> KeptOut {
        let since = Since {
            at: MonotonicNs(0),
            cpu_ns: 0,
        };
        KeptOut {
            followed: [(Pid(pid), since)].into(),
            ..KeptOut::default()
        }
    }

    #[test]
    fn fields_are_counted_from_the_last_bracket() {
        let stat = "12 (a) b) R 1 2 3 4 5 6 7 8 9 10 70 5 13 14 20 0 17 18 19 20 21 22 23 24 25 26 27 28 29 30 \
                    31 32 33 34 35 3 0 0";
        let found = parse(stat, 100).unwrap();
        assert_eq!(found, thread(750 * MS));
        assert_eq!(parse("12 (short) R 1", 100), None);
        // 120, or more if the test is run with `nice`.
        let own = read(Pid(std::process::id())).unwrap();
        assert!(own.prio >= MAX_RT_PRIO);
    }

    #[test]
    fn five_percent_of_a_cpu_are_starvation_and_twenty_are_not() {
        let mut kept = following(7);
        let look = |kept: &mut KeptOut, ms: u64, got_ms: u64| {
            kept.follow(Pid(7), Some(thread(got_ms * MS)), 3, MonotonicNs(ms * MS))
        };
        assert_eq!(look(&mut kept, 900, 0), None);
        let found = look(&mut kept, 1_200, 50).unwrap();
        assert_eq!(found.age_ns, 1_200 * MS);
        // It gets its share: a new start.
        assert_eq!(look(&mut kept, 1_500, 300), None);
        assert_eq!(look(&mut kept, 2_400, 300), None);
        assert!(look(&mut kept, 2_600, 300).is_some());
    }

    #[test]
    fn who_sleeps_or_moves_away_is_forgotten() {
        let asleep = Thread {
            state: 'S',
            ..thread(0)
        };
        let elsewhere = Thread {
            processor: 1,
            ..thread(0)
        };
        for gone in [Some(asleep), Some(elsewhere), None] {
            let mut kept = following(7);
            assert_eq!(kept.follow(Pid(7), gone, 3, MonotonicNs(2_000 * MS)), None);
            assert!(kept.followed.is_empty());
        }
    }

    #[test]
    fn without_a_hog_nobody_is_looked_at() {
        let mut kept = following(std::process::id());
        kept.beside(None);
        assert!(kept.look(MonotonicNs(2_000 * MS)).is_empty());
        assert!(kept.followed.is_empty());
    }
}
