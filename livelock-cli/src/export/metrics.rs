//! OpenMetrics text.
//!
//! In: the verdict over a session, and the recent one. Out: at its end one exposition; counters count from its begin.
//! Refuses: a sample for what could not be seen.

use std::fmt;

use livelock_core::recording::Opening;
use livelock_core::verdict::{LockReport, Status, Verdict};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::{Ending, ExportError, Exporter, Moment};

const NS_PER_SEC: f64 = 1e9;

type Labels = Vec<(&'static str, String)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Info,
}

/// One family.
#[derive(Debug)]
struct Family {
    name: &'static str,
    unit: Option<Unit>,
    kind: Kind,
    help: &'static str,
    samples: Vec<(Labels, f64)>,
}

impl Family {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Info => MetricType::Info,
        };
        let mut family =
            encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), kind)?;
        for (labels, value) in &self.samples {
            match self.kind {
                Kind::Info => Info::new(labels.clone()).encode(family.encode_family(&NONE)?)?,
                _ if labels.is_empty() => self.value(*value, family.encode_family(&NONE)?)?,
                _ => self.value(*value, family.encode_family(labels)?)?,
            }
        }
        Ok(())
    }

    fn value(
        &self,
        value: f64,
        encoder: prometheus_client::encoding::MetricEncoder<'_>,
    ) -> fmt::Result {
        match self.kind {
            Kind::Counter => ConstCounter::new(value).encode(encoder),
            Kind::Gauge | Kind::Info => ConstGauge::new(value).encode(encoder),
        }
    }
}

/// No labels.
const NONE: [(&str, &str); 0] = [];

/// All families, in the order in which they are written.
#[derive(Debug, Default)]
struct Exposition {
    families: Vec<Family>,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut written = self
            .families
            .iter()
            .filter(|family| !family.samples.is_empty());
        written.try_for_each(|family| family.encode(&mut encoder))
    }
}

impl Exposition {
    fn add(
        &mut self,
        (name, unit, kind): (&'static str, Option<Unit>, Kind),
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        self.families.push(Family {
            name,
            unit,
            kind,
            help,
            samples: samples.into_iter().collect(),
        });
    }

    /// A family without labels; without a sample if `value` could not be seen.
    fn add_one(
        &mut self,
        family: (&'static str, Option<Unit>, Kind),
        help: &'static str,
        value: impl Into<Option<f64>>,
    ) {
        self.add(family, help, value.into().map(|value| (Vec::new(), value)));
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / NS_PER_SEC
}

/// As the format's guide spells it.
fn ratio_unit() -> Unit {
    Unit::Other("ratio".to_owned())
}

fn ratio(pct: Option<f64>) -> Option<f64> {
    pct.map(|pct| pct / 100.0)
}

/// A word of the document.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

const STATUSES: [Status; 6] = [
    Status::Livelock,
    Status::Contended,
    Status::Starved,
    Status::Busy,
    Status::Healthy,
    Status::CannotTell,
];

/// What a session amounts to.
#[derive(Default)]
pub(crate) struct Metrics {
    recent: Option<Verdict>,
}

impl Metrics {
    fn exposition(&self, run: &Verdict) -> Exposition {
        let mut all = Exposition::default();
        let host = &run.host;
        let info = vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("hostname", host.hostname.clone()),
            ("kernel_release", host.kernel_release.clone()),
            ("arch", host.arch.clone()),
        ];
        all.add(
            ("session", None, Kind::Info),
            "The program and the host that it observed.",
            [(info, 1.0)],
        );
        let recent = self.recent.as_ref().unwrap_or(run);
        all.add(
            ("status", None, Kind::Gauge),
            "1 for the status of the recent windows, 0 for the others.",
            STATUSES.map(|status| {
                let is_it = recent.status == status;
                (vec![("status", word(&status))], f64::from(u8::from(is_it)))
            }),
        );
        recent_shares(&mut all, recent);
        session(&mut all, run);
        locks(&mut all, &run.locks, seconds(run.window.duration_ns));
        all
    }
}

fn recent_shares(all: &mut Exposition, recent: &Verdict) {
    let of_cpus = [
        (
            "busy",
            recent.busy_pct,
            "Busy share of all CPUs, recent windows.",
        ),
        (
            "burn",
            recent.burn_pct,
            "Share of all CPUs spent spinning, recent windows.",
        ),
        (
            "user_of_busy",
            recent.user_pct,
            "User share of busy time, recent windows.",
        ),
    ];
    for (name, pct, help) in of_cpus {
        all.add_one((name, Some(ratio_unit()), Kind::Gauge), help, ratio(pct));
    }
    all.add_one(
        ("omega", Some(ratio_unit()), Kind::Gauge),
        "Waste over busy time, recent windows.",
        recent.omega,
    );
}

fn session(all: &mut Exposition, run: &Verdict) {
    let count = |name| (name, None, Kind::Counter);
    let duration_sec = seconds(run.window.duration_ns);
    all.add_one(
        ("observed", Some(Unit::Seconds), Kind::Counter),
        "Time observed.",
        duration_sec,
    );
    all.add_one(
        count("windows"),
        "Windows closed.",
        f64::from(run.window.nr_windows),
    );
    all.add_one(
        count("windows_without_progress"),
        "Windows in which CPUs were busy and nothing was achieved.",
        f64::from(run.window.nr_no_progress),
    );
    let books = &run.accounting;
    all.add_one(
        count("waits_begun"),
        "Waits for locks that began.",
        books.nr_begun as f64,
    );
    all.add_one(
        count("waits_completed"),
        "Waits for locks that completed.",
        books.nr_completed as f64,
    );
    all.add_one(
        ("waits_in_flight", None, Kind::Gauge),
        "Waits for locks open at the end.",
        books.nr_in_flight as f64,
    );
    for (name, help, lost) in [
        ("waits_lost", "Waits lost, by cause.", &books.lost),
        (
            "details_lost",
            "Stacks, samples and streamed waits lost, by cause.",
            &books.detail_lost,
        ),
    ] {
        let by_cause = lost
            .iter()
            .map(|(cause, nr)| (vec![("cause", cause.clone())], *nr as f64));
        all.add(count(name), help, by_cause);
    }
    let tokens = run.progress.tokens_per_sec.iter();
    all.add(
        count("progress_tokens"),
        "Signs of progress, by source.",
        tokens.map(|(source, rate)| (vec![("source", source.clone())], rate * duration_sec)),
    );
    let cost = &run.self_cost;
    all.add(
        ("own_cpu", Some(ratio_unit()), Kind::Gauge),
        "What the tool itself costs, as a share of all CPUs.",
        [("kernel", cost.bpf_cpu_pct), ("user", cost.user_cpu_pct)]
            .map(|(part, pct)| (vec![("part", part.to_owned())], pct / 100.0)),
    );
}

/// The locks that burned most in the session.
fn locks(all: &mut Exposition, locks: &[LockReport], duration_sec: f64) {
    let mut each = |family, help, value: &dyn Fn(&LockReport) -> Option<f64>| {
        let samples = locks.iter().filter_map(|lock| {
            let labels = vec![
                ("lock", lock.name.clone()),
                ("addr", lock.addr.clone().unwrap_or_default()),
                ("kind", word(&lock.kind)),
            ];
            Some((labels, value(lock)?))
        });
        all.add(family, help, samples);
    };
    let seconds_of = |name, kind| (name, Some(Unit::Seconds), kind);
    each(
        ("lock_waits", None, Kind::Counter),
        "Waits for this lock that completed.",
        &|lock| Some(lock.nr_waits as f64),
    );
    each(
        seconds_of("lock_wait", Kind::Counter),
        "Time of the waits for this lock that completed.",
        &|lock| Some(seconds(lock.wait_ns.total)),
    );
    each(
        seconds_of("lock_burn_cpu", Kind::Counter),
        "CPU time burned for this lock, open waits included; not what was stolen from waiters, or what they stood halted for.",
        &|lock| Some(lock.burn_cpus * duration_sec),
    );
    each(
        seconds_of("lock_wait_max", Kind::Gauge),
        "Longest wait for this lock, open waits included.",
        &|lock| Some(seconds(lock.wait_ns.max)),
    );
    each(
        seconds_of("lock_wait_p99", Kind::Gauge),
        "99th percentile of the waits for this lock.",
        &|lock| lock.wait_ns.p99.map(seconds),
    );
    each(
        ("lock_waits_in_flight", None, Kind::Gauge),
        "Waits for this lock open at the end.",
        &|lock| Some(lock.nr_in_flight as f64),
    );
    each(
        seconds_of("lock_handoff_gap_p50", Kind::Gauge),
        "Median time from one acquisition to the next while somebody waited.",
        &|lock| lock.handoff_gap_ns.map(|gap| seconds(gap.p50)),
    );
}

impl Exporter for Metrics {
    fn begin(&mut self, _: &Opening) -> Result<Vec<u8>, ExportError> {
        Ok(Vec::new())
    }

    fn window(&mut self, moment: &Moment<'_>) -> Result<Vec<u8>, ExportError> {
        self.recent = Some(moment.verdict.clone());
        Ok(Vec::new())
    }

    fn end(&mut self, ending: &Ending<'_>) -> Result<Vec<u8>, ExportError> {
        let mut registry = Registry::with_prefix("livelock");
        let run = ending.judge.verdict(ending.names);
        registry.register_collector(Box::new(self.exposition(&run)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text.into_bytes())
    }
}
