//! One observation from attach to detach.
//!
//! In: a [`Session`], the signals of the process. Out: windows judged in order, told to a [`Listener`].
//! Refuses: to lose the last window; a signal ends the session, not the books.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use livelock_core::code::{Code, CodeSpace};
use livelock_core::declared::{DeclaredReading, default_stall_ns};
use livelock_core::detect::Observation;
use livelock_core::escalation::Escalation;
use livelock_core::host::HostFacts;
use livelock_core::judge::Judge;
use livelock_core::names::Names;
use livelock_core::scope::Scope;
use livelock_core::spin_functions::{is_idle, is_spin};
use livelock_core::verdict::BlindSpot;
use livelock_core::window::{Window, WindowBuilder};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::governor::Governor;
use super::host::{Observable, examine};
use super::output::Written;
use super::pipeline::Pipeline;
use super::prepare::{Prepared, Preparing};
use crate::args::Session;
use crate::capture::CaptureConfig;
use crate::code::LiveCode;
use crate::declared::{Declaration, Found};
use crate::exit::Exit;
use crate::host::{Probes, blind_spots, cpus_of_list, survey};
use crate::names::{LiveNames, SymbolsError};
use crate::render::EndedBy;
use crate::tasks::{self, Found as TaskFound};

/// Samples per second and CPU; not 100, to stay out of step with timers of the kernel.
const SAMPLE_HZ: u64 = 99;

/// Time between two drains: half of what fills a ring at 50,000 waits a second and CPU.
const DRAIN_EVERY: Duration = Duration::from_millis(25);

/// Windows after which code is read anew.
const FORGET_CODE_EVERY: u64 = 10;

/// Nice value of this process: on a host that has no CPU to spare, the one that watches must run.
const NICE: libc::c_int = -20;

/// What a listener is told of a window.
pub(super) struct Seen<'a> {
    pub(super) number: u64,
    pub(super) window: &'a Window,
    pub(super) observation: &'a Observation,
    pub(super) judge: &'a Judge,
    pub(super) names: &'a LiveNames,
}

/// Who wants to know.
pub(super) trait Listener {
    /// Before the first window.
    fn begin(
        &mut self,
        host: &HostFacts,
        scope: &Scope,
        blind_spots: &[BlindSpot],
    ) -> anyhow::Result<Written>;
    /// Every drain.
    fn tick(&mut self, elapsed: Duration);
    /// Every window.
    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written>;
}

/// A session that is over.
pub(super) struct Ended {
    pub(super) by: EndedBy,
    pub(super) nr_windows: u64,
    pub(super) judge: Judge,
    pub(super) names: LiveNames,
}

/// A session that took place, or why none did, which was said.
pub(super) enum Outcome {
    Ended(Box<Ended>),
    Refused(Exit),
}

/// The part that needs names, which arrive later than the first events.
struct Bench {
    judge: Judge,
    names: LiveNames,
    code: LiveCode,
    escalation: Escalation,
    /// Probe level that the next window deserves.
    level: u8,
    /// A real-time task that had a CPU nearly to itself in the last window.
    rt_hog: Option<livelock_core::ids::Pid>,
}

/// Observes until the time is over, a signal comes or the listener's reader is gone.
pub(super) async fn observe(
    session: &Session,
    listener: &mut impl Listener,
) -> anyhow::Result<Outcome> {
    let entered = Instant::now();
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    rise();
    let mut preparing = Preparing::start();
    let host = match examine() {
        Ok(host) => host,
        Err(message) => {
            eprint!("{message}");
            return Ok(Outcome::Refused(Exit::NotObservable));
        }
    };
    if let Err(message) = online(&session.scope) {
        eprintln!("error: {message}");
        return Ok(Outcome::Refused(Exit::Usage));
    }
    let tasks = match tasks::find(&session.scope, &host.offsets) {
        Ok(tasks) => tasks,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Outcome::Refused(Exit::Usage));
        }
    };
    let found = match Found::of(&session.declared, session.window) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Outcome::Refused(Exit::Usage));
        }
    };
    preparing.give(Arc::clone(&host.btf));
    log::info!("host examined after {} ms", entered.elapsed().as_millis());
    let config = CaptureConfig {
        offsets: host.offsets,
        types: host.types.clone(),
        sample_hz: SAMPLE_HZ,
        slice_mask: Governor::default().slice_mask,
        tasks: tasks.as_ref().map(TaskFound::filter).unwrap_or_default(),
    };
    let scope = match &tasks {
        Some(tasks) => tasks.scope(),
        None => session.scope.clone(),
    };
    let attached = found.attach().and_then(|sources| {
        let builder = WindowBuilder::new(host.nr_cpus_online).within(scope.clone());
        let pipeline = Pipeline::start(&config, builder, tasks)?;
        Ok((sources, pipeline))
    });
    let (mut sources, mut pipeline) = match attached {
        Ok(attached) => attached,
        Err(error) if is_denied(&error) => {
            eprintln!(
                "livelock: cannot observe this host: nothing was attached\n  the kernel refused to {error:#}\n  \
                 do:    run as root on the host, outside containers with a seccomp filter on bpf(2)\n\
                 `livelock doctor` shows every requirement and what its absence costs."
            );
            return Ok(Outcome::Refused(Exit::NotObservable));
        }
        Err(error) => return Err(error),
    };
    let first = sources.read();
    let started = Instant::now();
    log::info!("attached after {} ms", entered.elapsed().as_millis());
    let deadline = session.duration.map(|duration| started + duration);

    let mut bench: Option<Bench> = None;
    let mut waiting: VecDeque<(Window, Vec<DeclaredReading>)> = VecDeque::new();
    let mut nr_windows = 0;
    let mut ticks = interval(DRAIN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_close = close_after(started, session.window, deadline);
    let ended_by = loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break EndedBy::Interrupt,
            _ = terminate.recv() => break EndedBy::Terminate,
            () = sleep_until(next_close.into()) => {
                waiting.push_back((pipeline.close_window()?, sources.read()));
                let is_last = deadline.is_some_and(|deadline| next_close >= deadline);
                next_close = close_after(Instant::now(), session.window, deadline);
                if let Some(bench) = &mut bench
                    && judge_all(bench, &mut waiting, &mut nr_windows, listener)? == Written::PipeClosed
                {
                    break EndedBy::ClosedPipe;
                }
                if let Some(bench) = &bench {
                    pipeline.set_level(bench.level.min(session.max_level));
                    pipeline.look_beside(bench.rt_hog);
                }
                if is_last {
                    break EndedBy::Duration;
                }
            }
            prepared = preparing.wait(), if bench.is_none() => {
                log::info!("prepared after {} ms", entered.elapsed().as_millis());
                let mut fresh = seat(prepared, &host, &pipeline, &scope);
                expect_progress(&mut fresh.2.judge, session, &first);
                if listener.begin(&fresh.0, &scope, &fresh.1)? == Written::PipeClosed {
                    break EndedBy::ClosedPipe;
                }
                bench = Some(fresh.2);
            }
            _ = ticks.tick() => {
                pipeline.drain();
                listener.tick(started.elapsed());
            }
        }
    };

    let mut bench = match bench {
        Some(bench) => bench,
        None => {
            let (facts, spots, mut bench) = seat(preparing.wait().await, &host, &pipeline, &scope);
            expect_progress(&mut bench.judge, session, &first);
            listener.begin(&facts, &scope, &spots)?;
            bench
        }
    };
    judge_all(&mut bench, &mut waiting, &mut nr_windows, listener)?;
    let rest = pipeline.finish()?;
    bench.judge.settle(&rest);
    let Bench { judge, names, .. } = bench;
    Ok(Outcome::Ended(Box::new(Ended {
        by: ended_by,
        nr_windows,
        judge,
        names,
    })))
}

/// Judges what waits, in order.
fn judge_all(
    bench: &mut Bench,
    waiting: &mut VecDeque<(Window, Vec<DeclaredReading>)>,
    nr_windows: &mut u64,
    listener: &mut impl Listener,
) -> anyhow::Result<Written> {
    while let Some((window, readings)) = waiting.pop_front() {
        *nr_windows += 1;
        let mut window = window;
        explain_hot(
            &mut window,
            &bench.code.with_names(&bench.names),
            &bench.names,
        );
        // Code changes rarely (processes end, static keys flip), and reading it is not free.
        if nr_windows.is_multiple_of(FORGET_CODE_EVERY) {
            bench.code.forget();
        }
        bench.judge.declare(readings);
        let observation = bench.judge.observe(&window, &bench.names);
        bench.level = bench.escalation.next(&window, &observation);
        bench.rt_hog = observation.rt_hog;
        let seen = Seen {
            number: *nr_windows,
            window: &window,
            observation: &observation,
            judge: &bench.judge,
            names: &bench.names,
        };
        if listener.window(&seen)? == Written::PipeClosed {
            return Ok(Written::PipeClosed);
        }
    }
    Ok(Written::Yes)
}

/// Whether all CPUs of the scope are online; `Err` says which is not.
fn online(scope: &Scope) -> Result<(), String> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let (Some(wanted), Some(online)) = (&scope.cpus, cpus_of_list(&text)) else {
        return Ok(());
    };
    match wanted.difference(&online).next() {
        Some(cpu) => Err(format!(
            "CPU {} is not online: type --cpu with some of {}",
            cpu.0,
            text.trim()
        )),
        None => Ok(()),
    }
}

/// Looks at the code of the instructions that were sampled most.
fn explain_hot(window: &mut Window, code: &impl Code, names: &impl Names) {
    let hot = window.hot_instructions();
    // The loops of known locks need no decoder.
    let is_known = |addr| {
        let function = names.function(addr);
        function.is_some_and(|function| is_spin(&function.name) || is_idle(&function.name))
    };
    let facts = hot
        .into_iter()
        .filter(|&(space, addr)| space != CodeSpace::Kernel || !is_known(addr))
        .filter_map(|(space, addr)| Some((space, addr, code.facts(space, addr)?)));
    window.code = facts.collect();
}

/// The judge and what it needs, once that is there.
fn seat(
    prepared: Prepared,
    host: &Observable,
    pipeline: &Pipeline,
    scope: &Scope,
) -> (HostFacts, Vec<BlindSpot>, Bench) {
    let Prepared {
        names,
        symbols_error,
        code,
    } = prepared;
    let why = symbols_error.unwrap_or(SymbolsError::Empty);
    let found = survey(
        Ok(&host.btf),
        names.symbols().ok_or(&why),
        pipeline.sampler(),
    );
    let probes = Probes {
        has_function_names: names.symbols().is_some(),
        level: 0,
        is_of_tasks: scope.is_of_tasks(),
    };
    let spots = blind_spots(&found.facts, probes);
    let judge = Judge::within(scope.clone(), found.facts.clone(), spots.clone());
    let bench = Bench {
        judge,
        names,
        code,
        escalation: Escalation::default(),
        level: 0,
        rt_hog: None,
    };
    (found.facts, spots, bench)
}

/// Tells the judge what was declared, and what it read at the begin.
fn expect_progress(judge: &mut Judge, session: &Session, first: &[DeclaredReading]) {
    let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let stall_ns = default_stall_ns(ns(session.window), session.duration.map(ns));
    let sources = session.declared.iter().map(Declaration::source).collect();
    judge.expect_progress(sources, first, stall_ns);
}

/// When the window that begins at `begin` closes: a rest shorter than half a window joins the last one.
fn close_after(begin: Instant, window: Duration, deadline: Option<Instant>) -> Instant {
    let close = begin + window;
    match deadline {
        Some(deadline) if close + window / 2 > deadline => deadline,
        _ => close,
    }
}

/// Whether the kernel forbade it, as seccomp filters and security modules do beyond what was examined.
fn is_denied(error: &anyhow::Error) -> bool {
    let denied = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.and_then(std::io::Error::raw_os_error) == Some(libc::EPERM)
    };
    error.chain().any(denied)
}

/// Raises this process above what burns the CPUs. Without the right to, it runs as it is.
fn rise() {
    // SAFETY: takes no pointer; 0 is this process.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
        log::info!(
            "cannot raise the priority of this process: {}",
            std::io::Error::last_os_error()
        );
    }
}
