//! Breakpoints that count how often control comes by an instruction of the kernel.
//!
//! In: sites of attempts. Out: counts by CPU, and where attempts fail records of the calls around them. Refuses: to be waited
//! for, and to count beyond [`NR_HITS`]; each hit is an exception of about a microsecond. No code is changed: the debug
//! registers of the CPU do it.
//!
//! Kernels without kprobes forbid it (`arch/x86/kernel/hw_breakpoint.c`, `arch_build_bp_info`, v6.1), and so does whoever
//! has taken the registers already. Then nothing is counted.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use livelock_core::attempts::{AttemptSite, CpuAttempts, SiteAttempts, Suspect};
use livelock_core::ids::CpuId;
use livelock_core::thresholds::NR_RULE_WINDOWS;

use super::hits::{ArmingTime, NR_CPUS_AT_LEAST, arm_at, let_hit};
use super::watched_calls::CallPrograms;

/// Hits of an instruction on one CPU after which it is let alone until the next window. With two sites, two
/// instructions each and 2 us a hit this is 0.3 % of a CPU in windows of 300 ms. The kernel lets go of it by an interrupt
/// of its own, so that code with interrupts off goes on being hit until they come on.
const NR_HITS: i32 = 100;

/// How long is counted: most of a window of `diagnose`.
const COUNT_FOR: Duration = Duration::from_millis(200);

/// Windows for which a count holds if no later one is under way: a second of those of `diagnose`.
const NR_WINDOWS_HELD: u32 = 3;

/// The same while the next one is under way: as many as the rule looks at. CPUs that take this long to answer are not what a host with time
/// has, and what samples find at the place is asked of each window anew.
const NR_WINDOWS_HELD_MEANWHILE: u32 = NR_RULE_WINDOWS as u32;

/// The instructions of one site on one CPU.
#[derive(Debug)]
struct Armed {
    site: AttemptSite,
    cpu: CpuId,
    /// Leads the group of the two.
    tried: File,
    /// Counts while it is open.
    _succeeded: File,
}

/// The way to the thread that counts, which ends with it. It waits for CPUs to answer, which may take long in a storm;
/// nobody waits for it.
#[derive(Debug)]
struct Counter {
    orders: SyncSender<Vec<Suspect>>,
    counted: Receiver<Vec<SiteAttempts>>,
}

/// What is counted by breakpoints.
#[derive(Debug, Default)]
pub(super) struct Breakpoints {
    counter: Option<Counter>,
    is_counting: bool,
    /// The thread could not be started.
    is_refused: bool,
    /// Whether the first count told something; `None` before.
    has_told: Option<bool>,
    last: Vec<SiteAttempts>,
    nr_windows_held: u32,
}

impl Breakpoints {
    /// Counts these, unless the last order is still being served.
    ///
    /// `load` has the programs that record calls sent, when somebody is to be counted for the first time.
    pub(super) fn count(
        &mut self,
        suspects: &[Suspect],
        load: impl FnOnce(SyncSender<CallPrograms>),
    ) {
        if self.is_counting || self.is_refused || suspects.is_empty() {
            return;
        }
        let mut to_load = None;
        if self.counter.is_none() {
            let (loaded, loading) = sync_channel(1);
            self.counter = Counter::start(loading);
            self.is_refused = self.counter.is_none();
            to_load = Some(loaded).filter(|_| !self.is_refused);
        }
        if let Some(counter) = &self.counter {
            self.is_counting = counter.orders.try_send(suspects.to_vec()).is_ok();
        }
        // While it counts; nobody is watched before.
        if let Some(loaded) = to_load {
            load(loaded);
        }
    }

    /// What was counted last. A count holds until the next one is there, for [`NR_WINDOWS_HELD`] calls at most, or
    /// [`NR_WINDOWS_HELD_MEANWHILE`] if that is under way.
    pub(super) fn counted(&mut self) -> Vec<SiteAttempts> {
        let fresh = self
            .counter
            .as_ref()
            .and_then(|c| c.counted.try_recv().ok());
        if let Some(fresh) = fresh {
            self.is_counting = false;
            self.has_told = Some(self.has_told == Some(true) || !fresh.is_empty());
            self.last = fresh;
            self.nr_windows_held = 0;
        }
        self.nr_windows_held += 1;
        let nr_most = if self.is_counting {
            NR_WINDOWS_HELD_MEANWHILE
        } else {
            NR_WINDOWS_HELD
        };
        if self.nr_windows_held > nr_most {
            self.last.clear();
        }
        self.last.clone()
    }

    /// Whether attempts are told of, if a count has told something or is the first; `None`: nothing came of it, or none was to be.
    pub(super) fn is_told(&self) -> Option<bool> {
        match self.has_told {
            None if self.is_counting => Some(false),
            None | Some(false) => None,
            Some(true) => Some(!(self.is_counting && self.last.is_empty())),
        }
    }

    /// Counts nothing any more, once the thread has come round to it.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }
}

impl Counter {
    /// `loading` brings the programs, or nothing if there are none.
    fn start(loading: Receiver<CallPrograms>) -> Option<Self> {
        let (orders, inbox) = sync_channel::<Vec<Suspect>>(1);
        let (outbox, counted) = sync_channel(1);
        let run = move || {
            let mut has_said = false;
            let mut programs = None;
            while let Ok(suspects) = inbox.recv() {
                let counted = serve(&suspects, &mut has_said);
                log::debug!(
                    "counted attempts at {} of {} places and CPUs",
                    counted.iter().map(|seen| seen.cpus.len()).sum::<usize>(),
                    suspects.iter().map(|it| it.cpus.len()).sum::<usize>()
                );
                let failing = failing(&suspects, &counted);
                if outbox.send(counted).is_err() {
                    return;
                }
                if !failing.is_empty() && programs.is_none() {
                    // They may be on their way: then the next ones are watched.
                    programs = loading.try_recv().ok();
                }
                // One after the other: a CPU has registers for one.
                for suspect in &failing {
                    if let Some(programs) = &programs {
                        programs.watch(suspect);
                    }
                }
            }
        };
        let started = thread::Builder::new()
            .name("attempt-counter".to_owned())
            .spawn(run);
        match started {
            Ok(_) => Some(Self { orders, counted }),
            Err(error) => {
                log::info!("cannot count attempts: {error}");
                None
            }
        }
    }
}

/// CPUs of sites, in the order in which they are to count: each site has its first ones before one has more.
fn in_order(suspects: &[Suspect]) -> Vec<(AttemptSite, CpuId)> {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for Suspect { found, cpus } in suspects {
        let pairs: Vec<_> = cpus.iter().map(|&cpu| (found.site, cpu)).collect();
        let (mine, rest) = pairs.split_at(pairs.len().min(NR_CPUS_AT_LEAST));
        first.extend_from_slice(mine);
        others.extend_from_slice(rest);
    }
    first.append(&mut others);
    first
}

/// Counts for [`COUNT_FOR`]; nothing where the kernel does not let us.
fn serve(suspects: &[Suspect], has_said: &mut bool) -> Vec<SiteAttempts> {
    let time = ArmingTime::begin();
    let mut all = Vec::new();
    for (site, cpu) in in_order(suspects) {
        if time.is_over(all.len(), suspects.len()) {
            break;
        }
        match arm(site, cpu) {
            Ok(armed) => all.push(armed),
            Err(error) if !*has_said => {
                *has_said = true;
                log::info!("cannot count attempts: {error}");
            }
            Err(_) => {}
        }
    }
    thread::sleep(COUNT_FOR);
    let mut sites: Vec<SiteAttempts> = Vec::new();
    for armed in &all {
        let Some(seen) = read(armed) else {
            continue;
        };
        match sites.iter_mut().find(|known| known.site == armed.site) {
            Some(known) => known.cpus.push(seen),
            None => sites.push(SiteAttempts {
                site: armed.site,
                cpus: vec![seen],
            }),
        }
    }
    sites
}

/// Those whose attempts mostly fail, if there are calls around them to be watched.
fn failing(suspects: &[Suspect], counted: &[SiteAttempts]) -> Vec<Suspect> {
    let fails = |suspect: &&Suspect| {
        let mut seen = counted.iter();
        seen.any(|seen| seen.site == suspect.found.site && seen.fails_mostly())
    };
    let has_calls = |suspect: &&Suspect| !suspect.found.calls.is_empty();
    let failing = suspects.iter().filter(has_calls).filter(fails);
    failing.cloned().collect()
}

/// Both are counted from the same moment to the same moment, that of the last try: while others are armed, whoever is in the way may be
/// kept from running for long, and what succeeds then says nothing of the tries before.
fn arm(site: AttemptSite, cpu: CpuId) -> io::Result<Armed> {
    let tried = arm_at(site.tried_at, cpu, None)?;
    let succeeded = arm_at(site.succeeded_at, cpu, Some(&tried))?;
    let_hit(&succeeded, NR_HITS)?;
    let_hit(&tried, NR_HITS)?;
    Ok(Armed {
        site,
        cpu,
        tried,
        _succeeded: succeeded,
    })
}

/// Both counts at one moment.
fn read(armed: &Armed) -> Option<CpuAttempts> {
    let mut bytes = [0; 32];
    (&armed.tried).read_exact(&mut bytes).ok()?;
    let mut words = bytes.chunks_exact(8).map(|word| {
        let word = word.try_into().ok()?;
        Some(u64::from_ne_bytes(word))
    });
    // How many events, how long, and each.
    let mut next = || words.next().flatten();
    let (2, ns, nr_tried, nr_succeeded) = (next()?, next()?, next()?, next()?) else {
        return None;
    };
    Some(CpuAttempts {
        cpu: armed.cpu,
        nr_tried,
        tried_ns: ns,
        nr_succeeded,
        succeeded_ns: ns,
    })
}

#[cfg(test)]
mod tests {
    use livelock_core::attempts::{AttemptKind, FoundSite};
    use livelock_core::ids::CodeAddr;

    use super::*;

    fn suspect(at: u64, cpus: &[u32]) -> Suspect {
        let site = AttemptSite {
            kind: AttemptKind::Trylock,
            tried_at: CodeAddr(at),
            succeeded_at: CodeAddr(at + 1),
            begin: CodeAddr(at),
            end: CodeAddr(at + 2),
        };
        let calls = Vec::new();
        Suspect {
            found: FoundSite { site, calls },
            cpus: cpus.iter().map(|&cpu| CpuId(cpu)).collect(),
        }
    }

    #[test]
    fn a_count_holds_for_longer_while_the_next_one_is_under_way() {
        let (orders, _inbox) = sync_channel(1);
        let (outbox, counted) = sync_channel(1);
        let mut breakpoints = Breakpoints {
            counter: Some(Counter { orders, counted }),
            ..Breakpoints::default()
        };
        let told = |breakpoints: &mut Breakpoints| breakpoints.counted().len();
        assert_eq!((breakpoints.is_told(), told(&mut breakpoints)), (None, 0));
        let suspect = suspect(0x10, &[0, 1]);
        breakpoints.count(std::slice::from_ref(&suspect), |_| ());
        assert_eq!(told(&mut breakpoints), 0);
        assert_eq!(breakpoints.is_told(), Some(false));
        let site = SiteAttempts {
            site: suspect.found.site,
            cpus: Vec::new(),
        };
        outbox.send(vec![site.clone()]).unwrap();
        for _ in 0..NR_WINDOWS_HELD {
            assert_eq!(told(&mut breakpoints), 1);
        }
        // Nobody counts: it is over, and nothing is waited for.
        assert_eq!(
            (told(&mut breakpoints), breakpoints.is_told()),
            (0, Some(true))
        );

        outbox.send(vec![site]).unwrap();
        assert_eq!(told(&mut breakpoints), 1);
        breakpoints.is_counting = true;
        for _ in 1..NR_WINDOWS_HELD_MEANWHILE {
            assert_eq!(
                (told(&mut breakpoints), breakpoints.is_told()),
                (1, Some(true))
            );
        }
        assert_eq!(
            (told(&mut breakpoints), breakpoints.is_told()),
            (0, Some(false))
        );
    }

    #[test]
    fn every_site_has_two_cpus_before_one_has_more() {
        let suspects = [suspect(0x10, &[3, 1, 2]), suspect(0x20, &[5])];
        let pairs = in_order(&suspects).into_iter();
        let order: Vec<_> = pairs.map(|(site, cpu)| (site.begin.0, cpu.0)).collect();
        assert_eq!(order, [(0x10, 3), (0x10, 1), (0x20, 5), (0x10, 2)]);
        assert_eq!(in_order(&[]), []);
    }
}
