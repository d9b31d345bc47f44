//! Triggers, rings and pieces, without a host.

use std::path::PathBuf;
use std::time::Duration;

use livelock_core::event::{CpuTimes, Event};
use livelock_core::host::{HostFacts, SamplerSource, SpinlockFlavour};
use livelock_core::ids::{CpuId, MonotonicNs};
use livelock_core::recording::{Baseline, Close, EndedBy, NewNames, Opening, Played, Player};
use livelock_core::scope::Scope;
use livelock_core::verdict::Status;

use super::*;

mod flight;

const SECOND_NS: u64 = 1_000_000_000;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("livelock-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("a folder");
        let mut names: Vec<_> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn opening() -> Opening {
    Opening {
        tool_version: "0".to_owned(),
        began_unix_ms: 0,
        host: HostFacts {
            hostname: "h".to_owned(),
            kernel_release: "6.18".to_owned(),
            kernel_build_id: None,
            arch: "x86_64".to_owned(),
            nr_cpus_online: 1,
            nr_cpus_possible: 1,
            hypervisor: None,
            spinlocks: SpinlockFlavour::Native,
            sampler: SamplerSource::None,
            has_contended_release: false,
            has_lockdep: false,
            idle_by_clock: None,
            hardirq_by_clock: None,
            load_1m: None,
        },
        blind_spots: Vec::new(),
        scope: Scope::default(),
        nr_cpus_online: 1,
        window_ns: SECOND_NS,
        duration_ns: None,
        max_level: 1,
        sources: Vec::new(),
        first_readings: Vec::new(),
        filter: livelock_core::filter::Filter::default(),
        topology: livelock_core::topology::Topology::default(),
        nr_pieces_before: 0,
    }
}

/// Counters after `second` seconds: a quarter of the time is user time.
fn counters(second: u64) -> Vec<Event> {
    vec![Event::CpuTimes {
        cpu: CpuId(0),
        times: CpuTimes {
            user_ns: second * SECOND_NS / 4,
            idle_ns: second * SECOND_NS / 4 * 3,
            ..CpuTimes::default()
        },
    }]
}

fn close(second: u64) -> Close {
    Close {
        begin: MonotonicNs(second * SECOND_NS),
        end: MonotonicNs((second + 1) * SECOND_NS),
        ended_unix_ms: (second + 1) * 1000,
        events: counters(second + 1),
        readings: Vec::new(),
        code: Vec::new(),
        attempts: Vec::new(),
        names: NewNames::default(),
    }
}

fn record(settings: Settings, statuses: &[Status], ends: bool) -> Result<Recorded, RecordError> {
    let writer = Writer::start(Recorder::open(settings)?)?;
    let written = begin(&writer)
        .and_then(|()| {
            let mut seconds = (0..).zip(statuses);
            seconds.try_for_each(|(second, status)| writer.window(close(second), Some(*status)))
        })
        .and_then(|()| match ends {
            true => writer.end(close(statuses.len() as u64), EndedBy::Duration),
            false => Ok(()),
        });
    let (recorded, done) = writer.finish();
    if done.is_ok() {
        assert_eq!(written, Ok(()));
    }
    done.map(|()| recorded)
}

fn begin(writer: &Writer) -> Result<(), Stopped> {
    let baseline = Baseline {
        at: MonotonicNs(0),
        events: counters(0),
    };
    writer.begin(&opening(), baseline)
}

/// Seconds at which the windows of a file begin, and how it ended. Each has its counters, also the first of a piece.
fn played(path: &PathBuf) -> (Vec<u64>, EndedBy) {
    let bytes = std::fs::read(path).expect("a recording");
    let mut player = Player::open(&bytes).expect("a recording");
    let mut seconds = Vec::new();
    while let Some(played) = player.play().expect("a frame") {
        if let Played::Window { window, .. } = played {
            let times = window.cpu_times.get(&CpuId(0)).expect("a difference");
            assert_eq!(times.user_ns, SECOND_NS / 4);
            seconds.push(window.begin.0 / SECOND_NS);
        }
    }
    (seconds, player.ended_by())
}

fn settings(path: PathBuf, bounds: Bounds) -> Settings {
    Settings {
        to: RecordTo::File(path),
        is_forced: false,
        bounds,
    }
}

#[test]
fn an_existing_file_is_replaced_only_by_force() {
    let folder = Folder::new("record-force");
    let path = folder.file("x");
    let mut wanted = settings(path.clone(), Bounds::None);
    let quiet = [Status::Healthy; 2];
    assert_eq!(
        record(wanted.clone(), &quiet, true)
            .expect("new")
            .nr_windows,
        2
    );
    let error = record(wanted.clone(), &quiet, true).expect_err("it exists");
    assert!(error.to_string().contains("--force"), "{error}");
    wanted.is_forced = true;
    record(wanted, &quiet[..1], true).expect("replaced");
    assert_eq!(played(&path), (vec![0], EndedBy::Duration));
}

#[test]
fn a_session_that_never_began_leaves_no_file() {
    let folder = Folder::new("record-none");
    let wanted = settings(folder.file("x"), Bounds::None);
    drop(Recorder::open(wanted).expect("a place"));
    assert_eq!(folder.names(), Vec::<String>::new());
    let lost = settings(folder.file("no/x"), Bounds::None);
    assert!(matches!(
        Recorder::open(lost),
        Err(RecordError::Create { .. })
    ));
}

#[test]
fn what_cannot_be_written_ends_it_with_the_reason() {
    let to = Settings {
        is_forced: true,
        ..settings(PathBuf::from("/dev/full"), Bounds::None)
    };
    let writer = Writer::start(Recorder::open(to).expect("a device")).expect("a thread");
    // It may be noticed later, but is at the end.
    let _ = begin(&writer);
    let mut windows = (0..1000).map(|second| writer.window(close(second), None));
    assert!(windows.any(|written| written == Err(Stopped)));
    let (recorded, done) = writer.finish();
    let error = done.expect_err("there is no room");
    assert!(
        error.to_string().starts_with("write to /dev/full"),
        "{error}"
    );
    assert_eq!(recorded.nr_windows, 0);
}

#[test]
fn pieces_stay_within_their_size_and_replay_alone() {
    let folder = Folder::new("record-pieces");
    let path = folder.file("x");
    let max_bytes = 6000;
    let wanted = settings(path.clone(), Bounds::Size { max_bytes });
    let nr_windows = 60;
    let statuses = vec![Status::Healthy; nr_windows];
    let recorded = record(wanted, &statuses, true).expect("recorded");
    assert_eq!(folder.names(), ["x", "x.1"]);
    assert_eq!(recorded.files, [folder.file("x.1"), path.clone()]);
    let size = |name| std::fs::metadata(folder.file(name)).expect("a file").len();
    let whole = size("x") + size("x.1");
    assert!(whole <= max_bytes, "{whole}");
    let (older, older_end) = played(&folder.file("x.1"));
    let (newer, newer_end) = played(&path);
    assert_eq!(
        (older_end, newer_end),
        (EndedBy::Continued, EndedBy::Duration)
    );
    let all: Vec<u64> = older.into_iter().chain(newer).collect();
    // What is no longer there is not counted.
    assert!(all.len() < nr_windows, "it must turn more than once");
    assert_eq!(recorded.nr_windows, all.len() as u64);
    assert_eq!(recorded.nr_bytes, size("x") + size("x.1"));
    let last = nr_windows as u64 - 1;
    assert_eq!(all.last(), Some(&last));
    assert!(all.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{all:?}");
}

#[test]
fn only_files_are_renamed() {
    let folder = Folder::new("record-link");
    let link = folder.file("link");
    std::os::unix::fs::symlink("/dev/null", &link).expect("a link");
    for path in [link, PathBuf::from("/dev/null")] {
        let wanted = Settings {
            is_forced: true,
            ..settings(path, Bounds::Size { max_bytes: 6000 })
        };
        let refused = Recorder::open(wanted);
        assert!(matches!(refused, Err(RecordError::NoFile { .. })));
    }
}

#[test]
fn a_forced_recording_leaves_no_piece_of_another() {
    let folder = Folder::new("record-older");
    std::fs::write(folder.file("x.1"), "another").expect("a file");
    let wanted = Settings {
        is_forced: true,
        ..settings(folder.file("x"), Bounds::Size { max_bytes: 1 << 20 })
    };
    record(wanted, &[Status::Healthy], true).expect("recorded");
    assert_eq!(folder.names(), ["x"]);
}

#[test]
fn rules_are_read_and_refused_with_what_to_type() {
    let rule = |text| parse_trigger(text).expect("a rule");
    assert_eq!(rule("status>=starved"), Trigger::AtLeast(Status::Starved));
    assert_eq!(
        rule("status = livelock"),
        Trigger::Exactly(Status::Livelock)
    );
    for text in [
        "",
        "status",
        "livelock",
        "status>livelock",
        "status>=",
        "omega>=0.5",
    ] {
        assert_eq!(parse_trigger(text), Err(TriggerError::Malformed), "{text}");
    }
    assert!(parse_trigger("status>=busy").is_err());
    let contended = rule("status>=contended");
    for (status, is_hit) in [
        (Status::CannotTell, false),
        (Status::Busy, false),
        (Status::Contended, true),
        (Status::Starved, true),
        (Status::Livelock, true),
    ] {
        assert_eq!(contended.is_hit_by(status), is_hit);
    }
}
