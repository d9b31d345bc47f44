//! What a page is made of: plain data.
//!
//! In: filled by `run` from a session, or by the screen from what it keeps. Out: read by the page. Refuses: clocks and
//! files; what is not in it is not on the page.

use std::collections::BTreeMap;

use livelock_core::hist::WaitHistogram;
use livelock_core::locks::FlamePath;
use livelock_core::recording::Opening;
use livelock_core::scope::Scope;
use livelock_core::verdict::Verdict;

use super::timeline::Timeline;
use super::words::quoted;
use crate::args::span_text;

/// Completed waits by the address of their lock, as in the verdict.
pub(crate) type Histograms = BTreeMap<Option<String>, WaitHistogram>;

/// Paths of all locks by time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Flames {
    pub(crate) waiters: Vec<FlamePath>,
    pub(crate) holders: Vec<FlamePath>,
}

/// Where it is from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// The command that wrote the page, as typed.
    pub(crate) command: String,
    /// Name of the recording; `None`: the host itself was observed.
    pub(crate) recording: Option<String>,
    /// Version that observed.
    pub(crate) tool_version: String,
    /// Begin, in milliseconds since 1970.
    pub(crate) began_unix_ms: u64,
    /// Length of a window.
    pub(crate) window_ns: u64,
    /// A command that observes a host in the same way.
    pub(crate) again: String,
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) verdict: Verdict,
    pub(crate) origin: Origin,
    pub(crate) timeline: Timeline,
    pub(crate) histograms: Histograms,
    /// `None`: paths of the session were not kept.
    pub(crate) flames: Option<Flames>,
}

impl Origin {
    /// Of a session that began so. `recording`: the name of what is played.
    pub(crate) fn new(opening: &Opening, command: String, recording: Option<String>) -> Self {
        Self {
            command,
            recording,
            tool_version: opening.tool_version.clone(),
            began_unix_ms: opening.began_unix_ms,
            window_ns: opening.window_ns,
            again: again(opening),
        }
    }
}

/// The command that observes the same part of a host for as long.
fn again(opening: &Opening) -> String {
    let mut words: Vec<String> = ["sudo", "livelock", "report", "live", "-o", "report.html"]
        .map(str::to_owned)
        .into();
    let span = |ns| span_text(std::time::Duration::from_nanos(ns));
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([name.to_owned(), quoted(&value)]);
        }
    };
    option("--duration", opening.duration_ns.map(span));
    option("--window", Some(span(opening.window_ns)));
    let Scope { cpus, cgroup, pid } = &opening.scope;
    let list = |cpus: &std::collections::BTreeSet<livelock_core::ids::CpuId>| {
        let numbers: Vec<_> = cpus.iter().map(|cpu| cpu.0.to_string()).collect();
        numbers.join(",")
    };
    option("--cpu", cpus.as_ref().map(list));
    option("--cgroup", cgroup.clone());
    option("--pid", pid.map(|pid| pid.0.to_string()));
    option("--max-level", Some(opening.max_level.to_string()));
    for source in &opening.sources {
        option("--progress", Some(source.spec.clone()));
        option("--expect", source.expectation.map(|rule| rule.to_string()));
    }
    words.join(" ")
}
