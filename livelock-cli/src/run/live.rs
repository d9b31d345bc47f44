//! A live session from attach to the last books; what is attached goes with whoever has told the answer.
//!
//! In: a [`Session`], the signals of the process. Out: windows judged in order, told to a listener and recorded if
//! asked for. Refuses: to lose the last window; a signal ends the session, not the books.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use livelock_core::declared::DeclaredReading;
use livelock_core::filter::LockFilter;
use livelock_core::recording::{EndedBy, Opening};
use livelock_core::scope::Scope;
use livelock_core::verdict::Status;
use livelock_core::window::WindowBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep_until;

use super::deadline::{Closes, Counts};
use super::desk::{Closed, Desk, Tape};
use super::filter::wait_filter;
use super::governor::Governor;
use super::host::{Observable, examine};
use super::output::Written;
use super::pipeline::Pipeline;
use super::prepare::{Prepared, Preparing};
use super::session::{Ended, Listener, Outcome};
use crate::args::{Recording, Session, UserCodeWanted};
use crate::capture::{CaptureConfig, WaitFilter};
use crate::declared::{Declaration, Found};
use crate::exit::Exit;
use crate::host::{Judged, Probes, blind_spots, cpus_of_list, survey, unknown_lock};
use crate::record::Recorder;
use crate::tasks::{self, Found as TaskFound};
use crate::user_code::UserCode;

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
    if let Some(LockFilter::Name(name)) = &session.filter.lock
        && let Some(message) = unknown_lock(name, &host.btf)
    {
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
    let user_code = match (session.user_code, UserCode::refusal()) {
        (UserCodeWanted::No, _) => None,
        (_, Some(lacking)) => {
            eprintln!("livelock: user code is left out: to name it takes {lacking}");
            None
        }
        (wanted, None) => {
            let code = UserCode::start(wanted == UserCodeWanted::Lines);
            Some(Arc::new(
                code.context("start the thread that names user code")?,
            ))
        }
    };
    preparing.give(Arc::clone(&host.btf), user_code.clone());
    log::info!("host examined after {} ms", entered.elapsed().as_millis());
    let config = CaptureConfig {
        offsets: host.offsets,
        types: host.types.clone(),
        sample_hz: session.sample_hz,
        slice_mask: Governor::default().slice_mask,
        tasks: tasks.as_ref().map(TaskFound::filter).unwrap_or_default(),
        waits: WaitFilter {
            has_user_stacks: user_code.is_some(),
            ..wait_filter(&session.filter)
        },
    };
    let scope = match &tasks {
        Some(tasks) => tasks.scope(),
        None => session.scope.clone(),
    };
    let is_recorded = recorder.is_some();
    let attached = found.attach().and_then(|sources| {
        let builder = WindowBuilder::new(host.nr_cpus_online).within(scope.clone());
        let pipeline = Pipeline::start(&config, builder, (tasks, user_code), is_recorded)?;
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
    for why in pipeline.refused() {
        eprintln!("livelock: less is known of who holds locks: the kernel refused to {why}");
    }
    let first = sources.read();
    let (started, began_unix_ms) = (Instant::now(), unix_ms());
    let begin = Begin {
        session,
        scope,
        first,
        began_unix_ms,
        nr_cpus_online: host.nr_cpus_online,
    };
    let is_vital = recording.is_some_and(|recording| recording.is_vital);
    let tape = recorder.map(|it| Tape::start(it, is_vital, pipeline.take_baseline()));
    let mut tape = tape.transpose()?;
    log::info!("attached after {} ms", entered.elapsed().as_millis());
    let mut desk: Option<Desk> = None;
    let mut waiting: VecDeque<Closed> = VecDeque::new();
    let mut next_drain = started;
    let mut closes = Closes::begin(started, session.window, session.duration);
    let ended_by = loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break EndedBy::Interrupt,
            _ = terminate.recv() => break EndedBy::Terminate,
            () = sleep_until(closes.next().into()) => {
                let (window, events) = pipeline.close_window()?;
                log::debug!("closed a window");
                waiting.push_back(Closed {
                    window,
                    events,
                    readings: sources.read(),
                    runqueues: pipeline.runqueues(),
                    ended_unix_ms: unix_ms(),
                });
                let now = Instant::now();
                if let Some(desk) = &mut desk
                    && desk.judge_all(&mut waiting, listener)? == Written::PipeClosed
                {
                    break EndedBy::ClosedPipe;
                }
                // A live lock that is seen needs no more of it.
                let is_told = desk.as_ref().is_some_and(|desk| desk.judge_so_far().status() == Status::Livelock);
                closes.closed(now, if is_told { Counts::None } else { pipeline.counts() });
                // Before anything is attached for a window that will not be.
                let is_open = || listener.looks_on(desk.as_ref().map(Desk::judge_so_far), closes.lacks_counts());
                if closes.is_over(now, is_open) {
                    break EndedBy::Duration;
                }
                log::debug!("window {} is done with", closes.nr_closed());
                if let Some(desk) = &mut desk {
                    pipeline.look_beside(desk.rt_hog());
                    // First what another thread does meanwhile.
                    pipeline.count_attempts(desk.suspects());
                    pipeline.set_groups(desk.groups().up_to_level(session.max_level));
                }
            }
            prepared = preparing.wait(), if desk.is_none() => {
                log::info!("prepared after {} ms", entered.elapsed().as_millis());
                pipeline.prepared();
                let opening = open(&prepared, &host, &pipeline, &begin);
                let (fresh, written) = Desk::begin(&opening, prepared, tape.take(), listener)?;
                desk = Some(fresh);
                if written == Written::PipeClosed {
                    break EndedBy::ClosedPipe;
                }
            }
            () = sleep_until(next_drain.into()) => {
                next_drain = Instant::now() + pipeline.drain();
                if let ControlFlow::Break(by) = listener.tick(started.elapsed())? {
                    break by;
                }
            }
        }
    };

    let mut desk = match desk {
        Some(desk) => desk,
        None => {
            let prepared = preparing.wait().await;
            let opening = open(&prepared, &host, &pipeline, &begin);
            Desk::begin(&opening, prepared, tape.take(), listener)?.0
        }
    };
    desk.judge_all(&mut waiting, listener)?;
    let (rest, events) = pipeline.finish()?;
    log::debug!("took the books");
    let rest = Closed {
        window: rest,
        events,
        readings: Vec::new(),
        runqueues: Vec::new(),
        ended_unix_ms: unix_ms(),
    };
    let ended = Ended {
        _attached: Some((pipeline, sources)),
        ..desk.end(rest, ended_by)?
    };
    Ok(Outcome::Ended(Box::new(ended)))
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
    /// Of which the session tells the words, this the ids.
    scope: Scope,
    first: Vec<DeclaredReading>,
    began_unix_ms: u64,
    nr_cpus_online: u32,
}

/// What the judge is told.
fn open(prepared: &Prepared, host: &Observable, pipeline: &Pipeline, begin: &Begin<'_>) -> Opening {
    let symbols = prepared.symbols();
    let has_function_names = symbols.is_ok();
    let mut found = survey(Ok(&host.btf), symbols, pipeline.sampler());
    pipeline.correct(&mut found.facts);
    let probes = Probes {
        has_function_names,
        level: 0,
        judged: judged(&begin.scope, pipeline),
        missing_names: &found.missing_names,
        is_filtered: begin.session.filter.acts_in_kernel(),
    };
    let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let session = begin.session;
    Opening {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        began_unix_ms: begin.began_unix_ms,
        blind_spots: blind_spots(&found.facts, probes),
        host: found.facts,
        scope: begin.scope.clone(),
        nr_cpus_online: begin.nr_cpus_online,
        window_ns: ns(session.window),
        duration_ns: session.duration.map(ns),
        max_level: session.max_level,
        sources: session.declared.iter().map(Declaration::source).collect(),
        first_readings: begin.first.clone(),
        filter: session.filter.clone(),
        topology: prepared.topology.clone(),
        nr_pieces_before: 0,
    }
}

/// What is judged, and how much of it is counted.
fn judged<'a>(scope: &Scope, pipeline: &'a Pipeline) -> Judged<'a> {
    match &scope.cpus {
        _ if scope.is_of_tasks() => Judged::Tasks,
        Some(_) => Judged::Cpus {
            uncounted: pipeline.uncounted(),
        },
        None => Judged::Host,
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
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
