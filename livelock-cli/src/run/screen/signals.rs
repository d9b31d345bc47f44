//! Signals while the screen is shown.
//!
//! In: signals of the process. Out: what to do, at the next look. Refuses: to do anything in a handler but set a flag,
//! and to end without the terminal being given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Interrupt,
    Terminate,
    Stop,
    Continue,
}

/// All that are listened for, in the order in which they are obeyed.
const ALL: [(i32, Signal); 6] = [
    (SIGTERM, Signal::Terminate),
    (SIGHUP, Signal::Terminate),
    (SIGQUIT, Signal::Terminate),
    (SIGINT, Signal::Interrupt),
    (SIGTSTP, Signal::Stop),
    (SIGCONT, Signal::Continue),
];

/// Flags of what has arrived.
pub(super) struct Signals(Vec<(Signal, Arc<AtomicBool>)>);

impl Signals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        let mut flags = Vec::new();
        for (number, signal) in ALL {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(number, Arc::clone(&flag))
                .with_context(|| format!("listen for signal {number}"))?;
            flags.push((signal, flag));
        }
        Ok(Self(flags))
    }

    /// The next to obey.
    pub(super) fn take(&self) -> Option<Signal> {
        self.0
            .iter()
            .find(|(_, flag)| flag.swap(false, Ordering::Relaxed))
            .map(|(signal, _)| *signal)
    }

    /// What continued this process was expected.
    pub(super) fn forget_continue(&self) {
        for (signal, flag) in &self.0 {
            if *signal == Signal::Continue {
                flag.store(false, Ordering::Relaxed);
            }
        }
    }
}

/// Stops this process, as SIGTSTP does by itself; returns when it is continued.
pub(super) fn stop() -> anyhow::Result<()> {
    signal_hook::low_level::emulate_default_handler(SIGTSTP).context("stop")
}
