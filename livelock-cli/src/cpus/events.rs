//! Context switches and page faults of CPUs, as perf events count them.
//!
//! In: CPUs. Out: their counts, since they were opened. Refuses: samples, and some of the CPUs where others cannot be counted.
//!
//! The kernel asks the CPU itself for its counts, by an interrupt that it waits for: whoever reads must not be the one that
//! everybody waits for. [`Events`] is a thread, and [`Events::ask`] and [`Events::answer`] bound how long it is listened to.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use livelock_core::ids::CpuId;
use perf_event::events::Software;
use perf_event::{Builder, Counter, ReadFormat};

/// How long an answer is waited for. A CPU answers within microseconds; one that spins with interrupts off when they come
/// on, and then this window has no counts. Less than a snapshot may take, so that it is not taken again for this alone.
const ANSWER_WITHIN: Duration = Duration::from_millis(8);

/// What one CPU has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) cpu: CpuId,
    pub(super) nr_context_switches: u64,
    pub(super) nr_page_faults: u64,
}

/// The counters of one CPU, read together.
struct OfCpu {
    cpu: CpuId,
    /// Leads the group of the two.
    switches: Counter,
    faults: Counter,
}

impl OfCpu {
    /// Whoever runs there is counted, in the kernel too: a switch is always one of the kernel.
    fn open(cpu: CpuId) -> io::Result<Self> {
        let number = usize::try_from(cpu.0).map_err(io::Error::other)?;
        let of = |event| {
            let mut builder = Builder::new(event);
            builder.any_pid().one_cpu(number).include_kernel();
            builder
        };
        let mut switches = of(Software::CONTEXT_SWITCHES)
            .read_format(ReadFormat::GROUP | ReadFormat::ID)
            .build()?;
        let faults = of(Software::PAGE_FAULTS).build_with_group(&mut switches)?;
        switches.enable_group()?;
        Ok(Self {
            cpu,
            switches,
            faults,
        })
    }

    fn read(&mut self) -> Option<Counts> {
        let both = self.switches.read_group().ok()?;
        Some(Counts {
            cpu: self.cpu,
            nr_context_switches: both.get(&self.switches)?.value(),
            nr_page_faults: both.get(&self.faults)?.value(),
        })
    }
}

/// The way to the thread that reads, which ends with it.
#[derive(Debug)]
pub(super) struct Events {
    questions: SyncSender<()>,
    answers: Receiver<Vec<Counts>>,
    /// A question has no answer yet.
    is_asked: bool,
    /// Since when that answer is wanted.
    wanted_since: Option<Instant>,
}

impl Events {
    /// Counts on all of `cpus` from now on.
    pub(super) fn start(cpus: &BTreeSet<CpuId>) -> io::Result<Self> {
        let mut opened = Vec::with_capacity(cpus.len());
        for &cpu in cpus {
            opened.push(OfCpu::open(cpu)?);
        }
        let read = move || opened.iter_mut().filter_map(OfCpu::read).collect();
        Self::of(read)
    }

    /// Of what `read` gives, on a thread of its own.
    pub(super) fn of(mut read: impl FnMut() -> Vec<Counts> + Send + 'static) -> io::Result<Self> {
        let (questions, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(1);
        let run = move || {
            while let Ok(()) = inbox.recv() {
                if outbox.send(read()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("cpu-counters".to_owned())
            .spawn(run)?;
        Ok(Self {
            questions,
            answers,
            is_asked: false,
            wanted_since: None,
        })
    }

    /// Asks for the counts of now; not while an earlier question has no answer.
    pub(super) fn ask(&mut self) {
        // An answer that came too late is of another moment.
        if self.is_asked && self.answers.try_recv().is_ok() {
            self.is_asked = false;
        }
        if !self.is_asked && self.questions.try_send(()).is_ok() {
            self.is_asked = true;
            self.wanted_since = Some(Instant::now());
        }
    }

    /// What was asked for; nothing if it is not there within [`ANSWER_WITHIN`].
    pub(super) fn answer(&mut self) -> Vec<Counts> {
        let Some(since) = self.wanted_since.take() else {
            return Vec::new();
        };
        let left = ANSWER_WITHIN.saturating_sub(since.elapsed());
        match self.answers.recv_timeout(left) {
            Ok(counts) => {
                self.is_asked = false;
                counts
            }
            Err(_) => {
                log::info!("the CPUs do not answer: what they count is not known of this window");
                Vec::new()
            }
        }
    }
}
