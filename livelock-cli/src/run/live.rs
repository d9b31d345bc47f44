//! A live session from attach to detach.
//!
//! In: a [`Session`], the signals of the process. Out: windows judged in order, told to a listener and recorded if
//! asked for. Refuses: to lose the last window; a signal ends the session, not the books.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use livelock_core::declared::DeclaredReading;
use livelock_core::recording::{EndedBy, Opening};
use livelock_core::scope::Scope;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::desk::{Closed, Desk, Tape};
use super::governor::Governor;
use super::host::{Observable, examine};
use super::output::Written;
use super::pipeline::Pipeline;
use super::session::{Listener, Outcome};
use crate::args::{Recording, Session};
use crate::capture::CaptureConfig;
use crate::declared::{Declaration, Found};
use crate::exit::Exit;
use crate::host::{Probes, blind_spots, cpus_of_list, survey};
use crate::names::{CgroupPaths, KernelSymbols, LiveNames, SymbolsError};
use crate::record::Recorder;

/// Samples per second and CPU; not 100, to stay out of step with timers of the kernel.
const SAMPLE_HZ: u64 = 99;

/// Time between two drains: half of what fills a ring at 50,000 waits a second and CPU.
const DRAIN_EVERY: Duration = Duration::from_millis(25);

/// Nice value of this process: on a host that has no CPU to spare, the one that watches must run.
const NICE: libc::c_int = -20;

/// Observes until the time is over, a signal comes or the listener's reader is gone.
pub(super) async fn observe(
    session: &Session,
    recording: Option<&Recording>,
    listener: &mut impl Listener,
) -> anyhow::Result<Outcome> {
    let recorder = match recording {
        Some(recording) => Some(Recorder::open(recording.settings.clone())?),
        None => None,
    };
    let entered = Instant::now();
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    rise();
    let mut symbols = tokio::task::spawn_blocking(KernelSymbols::load);
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
    let found = match Found::of(&session.declared, session.window) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Outcome::Refused(Exit::Usage));
        }
    };
    log::info!("host examined after {} ms", entered.elapsed().as_millis());
    let config = CaptureConfig {
        offsets: host.offsets,
        types: host.types.clone(),
        sample_hz: SAMPLE_HZ,
        slice_mask: Governor::default().slice_mask,
    };
    let is_recorded = recorder.is_some();
    let attached = found.attach().and_then(|sources| {
        let pipeline = Pipeline::start(
            &config,
            host.nr_cpus_online,
            session.scope.clone(),
            is_recorded,
        )?;
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
    let (started, began_unix_ms) = (Instant::now(), unix_ms());
    let begin = Begin {
        session,
        first,
        began_unix_ms,
        nr_cpus_online: host.nr_cpus_online,
    };
    let mut tape = recorder.map(|recorder| {
        Tape::new(
            recorder,
            recording.is_some_and(|r| r.is_vital),
            pipeline.take_baseline(),
        )
    });
    log::info!("attached after {} ms", entered.elapsed().as_millis());
    let deadline = session.duration.map(|duration| started + duration);

    let mut desk: Option<Desk> = None;
    let mut waiting: VecDeque<Closed> = VecDeque::new();
    let mut ticks = interval(DRAIN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_close = close_after(started, session.window, deadline);
    let ended_by = loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break EndedBy::Interrupt,
            _ = terminate.recv() => break EndedBy::Terminate,
            () = sleep_until(next_close.into()) => {
                let (window, events) = pipeline.close_window()?;
                waiting.push_back(Closed {
                    window,
                    events,
                    readings: sources.read(),
                    ended_unix_ms: unix_ms(),
                });
                let is_last = deadline.is_some_and(|deadline| next_close >= deadline);
                next_close = close_after(Instant::now(), session.window, deadline);
                if let Some(desk) = &mut desk {
                    if desk.judge_all(&mut waiting, listener)? == Written::PipeClosed {
                        break EndedBy::ClosedPipe;
                    }
                    pipeline.set_level(desk.level().min(session.max_level));
                }
                if is_last {
                    break EndedBy::Duration;
                }
            }
            loaded = &mut symbols, if desk.is_none() => {
                log::info!("symbols read after {} ms", entered.elapsed().as_millis());
                let (opening, names) = open(loaded, &host, &pipeline, &begin);
                let (fresh, written) = Desk::begin(&opening, names, tape.take(), listener)?;
                desk = Some(fresh);
                if written == Written::PipeClosed {
                    break EndedBy::ClosedPipe;
                }
            }
            _ = ticks.tick() => {
                pipeline.drain();
                listener.tick(started.elapsed());
            }
        }
    };

    let mut desk = match desk {
        Some(desk) => desk,
        None => {
            let (opening, names) = open((&mut symbols).await, &host, &pipeline, &begin);
            Desk::begin(&opening, names, tape.take(), listener)?.0
        }
    };
    desk.judge_all(&mut waiting, listener)?;
    let (rest, events) = pipeline.finish()?;
    let rest = Closed {
        window: rest,
        events,
        readings: Vec::new(),
        ended_unix_ms: unix_ms(),
    };
    Ok(Outcome::Ended(Box::new(desk.end(rest, ended_by)?)))
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

/// What is known when the probes are attached.
struct Begin<'a> {
    session: &'a Session,
    first: Vec<DeclaredReading>,
    began_unix_ms: u64,
    nr_cpus_online: u32,
}

/// What the judge is told, and names, once the symbols are there (or are known not to be).
fn open(
    loaded: Result<Result<KernelSymbols, SymbolsError>, tokio::task::JoinError>,
    host: &Observable,
    pipeline: &Pipeline,
    begin: &Begin<'_>,
) -> (Opening, LiveNames) {
    let symbols = loaded.unwrap_or(Err(SymbolsError::Empty));
    let found = survey(Ok(&host.btf), symbols.as_ref(), pipeline.sampler());
    let probes = Probes {
        has_function_names: symbols.is_ok(),
        level: 0,
    };
    let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let session = begin.session;
    let opening = Opening {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        began_unix_ms: begin.began_unix_ms,
        blind_spots: blind_spots(&found.facts, probes),
        host: found.facts,
        scope: session.scope.clone(),
        nr_cpus_online: begin.nr_cpus_online,
        window_ns: ns(session.window),
        duration_ns: session.duration.map(ns),
        max_level: session.max_level,
        sources: session.declared.iter().map(Declaration::source).collect(),
        first_readings: begin.first.clone(),
        nr_pieces_before: 0,
    };
    let names = LiveNames::new(
        symbols.ok(),
        Some(host.btf.clone()),
        CgroupPaths::of_this_host(),
    );
    (opening, names)
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
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
