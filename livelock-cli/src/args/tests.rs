//! What is accepted, what is refused and with which words, and the help.

use livelock_core::filter::Filter;
use livelock_core::scope::Scope;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::export::{FlameSide, Table};
use crate::record::{Bounds, Flight, Input, RecordTo, Trigger};

/// A process in whose environment nothing is set, on a host without a configuration.
pub(super) fn parsed(line: &str) -> Result<Config, clap::Error> {
    let surroundings = Surroundings {
        variable: &|_| None,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    parse(line.split(' ').map(OsString::from), &surroundings)
}

/// How this host is observed.
pub(super) fn session_of(line: &str) -> Session {
    let source = match parsed(line).expect("valid").job {
        Job::Diagnose { source, .. }
        | Job::Watch { source, .. }
        | Job::Export { source, .. }
        | Job::Report { source, .. }
        | Job::Record { source, .. } => source,
        _ => panic!("nothing is observed"),
    };
    match source {
        Source::Host { session, .. } => session,
        Source::Recording { .. } => panic!("a recording"),
    }
}

fn recording_of(line: &str) -> Recording {
    match parsed(line).expect("valid").job {
        Job::Diagnose {
            source: Source::Host { recording, .. },
            ..
        }
        | Job::Record {
            source: Source::Host { recording, .. },
            ..
        } => *recording.expect("a recording"),
        job => panic!("nothing is recorded by {job:?}"),
    }
}

pub(super) fn refused(line: &str) -> String {
    let error = parsed(line).expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}");
    error.to_string()
}

#[test]
fn the_default_is_five_seconds_of_text() {
    let config = parsed("livelock diagnose").expect("valid");
    let session = Session {
        window: Duration::from_millis(300),
        duration: Some(Duration::from_secs(5)),
        scope: Scope::default(),
        filter: Filter::default(),
        max_level: 2,
        sample_hz: 99,
        user_code: UserCodeWanted::No,
        declared: Vec::new(),
    };
    let job = Job::Diagnose {
        source: Source::Host {
            session,
            recording: None,
        },
        format: ReportFormat::Text,
        output: Output::Stdout,
    };
    assert_eq!(config.job, job);
    assert_eq!((config.color, config.verbosity), (ColorWhen::Auto, 0));
}

#[test]
fn options_arrive() {
    let config = parsed("livelock watch --json --window 2s -vv --color never").expect("valid");
    let Job::Watch { format, .. } = config.job else {
        panic!("not watch");
    };
    assert_eq!(format, WatchFormat::Json);
    assert_eq!(session_of("livelock watch --json").duration, None);
    assert_eq!((config.color, config.verbosity), (ColorWhen::Never, 2));
    let line = "livelock export --format jsonl --output /tmp/x -d 1m";
    let config = parsed(line).expect("valid");
    let Job::Export { output, .. } = config.job else {
        panic!("not export");
    };
    assert_eq!(output, Output::File(PathBuf::from("/tmp/x")));
    assert_eq!(session_of(line).duration, Some(Duration::from_mins(1)));
    let config = parsed("livelock doctor --json").expect("valid");
    let format = ReportFormat::Json;
    assert_eq!(config.job, Job::Doctor { format });
}

#[test]
fn an_expectation_belongs_to_the_progress_before_it() {
    let line = "livelock watch --progress tp:a:b --progress file:/n --expect rate>=5 -p tp:c:d -e zero>2s --json";
    let session = session_of(line);
    let declared: Vec<_> = session
        .declared
        .iter()
        .map(|one| {
            (
                one.text.as_str(),
                one.expectation.map(|rule| rule.to_string()),
            )
        })
        .collect();
    let rule = |text: &str| Some(text.to_owned());
    let expected = [
        ("tp:a:b", None),
        ("file:/n", rule("rate>=5")),
        ("tp:c:d", rule("zero>2s")),
    ];
    assert_eq!(declared, expected);
}

#[test]
fn refusals_say_what_to_type() {
    insta::assert_snapshot!(
        [
            "livelock diagnose --duration 5",
            "livelock diagnose --duration 800ms",
            "livelock diagnose --window 50ms",
            "livelock diagnose --duration 48h",
            "livelock watch --plain --json",
            "livelock export --format xml",
            "livelock diagnose --duration soon",
            "livelock diagnose --expect rate>=5 --progress tp:a:b",
            "livelock export --progress tp:a:b --expect rate>=5 --expect zero>1s",
            "livelock watch --progress tp:a:b --expect rate>5",
            "livelock watch --progress tp:a:b --expect zero>5",
            "livelock watch --progress kprobe:tcp_sendmsg",
            "livelock watch --progress uprobe:nginx",
            "livelock doctor --progress tp:a:b",
            "livelock diagnose --cgroup app.slice",
            "livelock diagnose --cgroup /app/../..",
            "livelock watch --pid nginx",
            "livelock watch --pid 0",
            "livelock diagnose --kind spinlock,semaphore",
            "livelock diagnose --lock 0xnothing",
            "livelock record -o x --comm a-name-with-sixteen",
            "livelock replay x export --min-wait 10",
            "livelock doctor --kind mutex",
            "livelock export --format csv --kind mutex",
            "livelock replay x export --format svg --comm nginx",
            "livelock export --pid 1 --cgroup /app",
            "livelock diagnose --cgroup /app --cpu 0",
            "livelock diagnose --pid 1 --cpu 0",
            "livelock record",
            "livelock record -o x --max-size 64",
            "livelock record -o x --max-size 64K",
            "livelock record -o - --max-size 64M",
            "livelock record -o x --ring 10m",
            "livelock record -o x --trigger status>=contended",
            "livelock record -o x --cooldown 1m",
            "livelock record -o x --ring 10m --trigger contended",
            "livelock record -o x --ring 10m --trigger status>=busy",
            "livelock record -o x --ring 100ms --trigger status=livelock",
            "livelock diagnose --record -",
            "livelock diagnose --force",
            "livelock diagnose --record x --output x",
            "livelock replay",
            "livelock replay x",
            "livelock replay x diagnose --window 1s",
            "livelock monitor",
            "livelock diagnos",
            "livelock web1.llrec",
            "livelock watch --interval 1s",
            "livelock watch --windwo 1s",
            "livelock diagnose --json",
            "livelock diagnose 4711",
            "livelock diagnose 30s",
            "livelock diagnose --ring 10m",
            "livelock diagnose --duration 5sec",
            "livelock diagnose --duration 1.5s",
            "livelock record -o x --max-size 64MB",
            "livelock completions tcsh",
        ]
        .map(|line| format!("$ {line}\n{}", refused(line)))
        .join("\n")
    );
}

#[test]
fn help_is_stable() {
    let help = |line: &str| {
        let error = parsed(line).expect_err("help");
        assert_eq!(error.exit_code(), 0);
        error.to_string()
    };
    insta::assert_snapshot!("help", help("livelock --help"));
    insta::assert_snapshot!("help_diagnose", help("livelock diagnose --help"));
    insta::assert_snapshot!("help_watch", help("livelock watch --help"));
    insta::assert_snapshot!("help_export", help("livelock export --help"));
    insta::assert_snapshot!("help_record", help("livelock record --help"));
    insta::assert_snapshot!("help_replay", help("livelock replay --help"));
    insta::assert_snapshot!("help_compare", help("livelock compare --help"));
    insta::assert_snapshot!("help_report", help("livelock report --help"));
    insta::assert_snapshot!("help_doctor", help("livelock doctor --help"));
    insta::assert_snapshot!(
        "help_replay_export",
        help("livelock replay x export --help")
    );
    insta::assert_snapshot!("help_schema", help("livelock schema --help"));
    insta::assert_snapshot!(
        "help_replay_diagnose",
        help("livelock replay x diagnose --help")
    );
    insta::assert_snapshot!("help_replay_watch", help("livelock replay x watch --help"));
    insta::assert_snapshot!("help_config", help("livelock config --help"));
    insta::assert_snapshot!("help_completions", help("livelock completions --help"));
    insta::assert_snapshot!("help_man", help("livelock man --help"));
    command().debug_assert();
}

#[test]
fn the_help_of_each_command_has_examples_of_it() {
    fn check(command: &clap::Command, line: &str) {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.expect(line);
        let examples = help.strip_prefix("Examples:\n").expect(line);
        assert!(examples.contains(line), "{line}:\n{examples}");
        for sub in command.get_subcommands() {
            let file = if sub.get_name() == "replay" {
                " web1.llrec"
            } else {
                ""
            };
            check(sub, &format!("{line} {}{file}", sub.get_name()));
        }
    }
    check(&command(), "livelock");
}

#[test]
fn a_recording_has_a_place_and_bounds() {
    let plain = recording_of("livelock record -o x.llrec");
    assert_eq!(plain.settings.bounds, Bounds::None);
    assert!(plain.is_vital && !plain.settings.is_forced);
    let stdout = recording_of("livelock record -o - -d 5s");
    assert_eq!(stdout.settings.to, RecordTo::Stdout);
    let max_bytes = 64 << 20;
    assert_eq!(
        recording_of("livelock record -o x --max-size 64M")
            .settings
            .bounds,
        Bounds::Size { max_bytes }
    );
    let line =
        "livelock record -o x --ring 10m --trigger status>=starved --cooldown 1h --keep 5 --force";
    let flight = Flight {
        span: Duration::from_mins(10),
        trigger: Trigger::AtLeast(livelock_core::verdict::Status::Starved),
        cooldown: Duration::from_hours(1),
        nr_kept: Some(5),
    };
    let recording = recording_of(line);
    assert_eq!(
        recording.settings.bounds,
        Bounds::Flight { flight, max_bytes }
    );
    assert!(recording.settings.is_forced);
    let beside = recording_of("livelock diagnose --record x.llrec");
    assert!(!beside.is_vital, "the diagnosis goes on without it");
}

#[test]
fn a_replay_is_the_same_job_from_another_source() {
    let job = |line| parsed(line).expect("valid").job;
    let of = |input| Source::Recording {
        input,
        filter: Filter::default(),
    };
    let source = || of(Input::File(PathBuf::from("x.llrec")));
    let expected = Job::Diagnose {
        source: source(),
        format: ReportFormat::Json,
        output: Output::Stdout,
    };
    assert_eq!(
        job("livelock replay x.llrec diagnose --format json"),
        expected
    );
    let expected = Job::Watch {
        source: source(),
        format: WatchFormat::Json,
    };
    assert_eq!(job("livelock replay x.llrec watch --json"), expected);
    let expected = Job::Export {
        source: of(Input::Stdin),
        format: Exported::Lines,
        output: Output::Stdout,
    };
    assert_eq!(job("livelock replay - export"), expected);
}

#[test]
fn a_format_takes_its_own_options_only() {
    let exported = |words: &str| {
        let live = parsed(&format!("livelock export {words}"))
            .expect("valid")
            .job;
        let replayed = parsed(&format!("livelock replay x export {words}"))
            .expect("valid")
            .job;
        match (live, replayed) {
            (
                Job::Export { format, .. },
                Job::Export {
                    format: replayed, ..
                },
            ) => {
                assert_eq!(format, replayed);
                format
            }
            jobs => panic!("{jobs:?}"),
        }
    };
    for (words, expected) in [
        ("-f csv", ExportAs::Csv(Table::Windows)),
        ("-f csv --table locks", ExportAs::Csv(Table::Locks)),
        ("-f folded", ExportAs::Folded(FlameSide::Waiters)),
        ("-f svg --side holders", ExportAs::Svg(FlameSide::Holders)),
        ("-f openmetrics", ExportAs::OpenMetrics),
        ("-f perfetto", ExportAs::Perfetto),
    ] {
        assert_eq!(exported(words), Exported::As(expected), "{words}");
    }
    for words in [
        "--table locks",
        "-f svg --table windows",
        "-f csv --side holders",
    ] {
        refused(&format!("livelock export {words}"));
        refused(&format!("livelock replay x export {words}"));
    }
    #[cfg(not(feature = "parquet"))]
    assert!(refused("livelock export -f parquet").contains("--features parquet"));
}

#[test]
fn sizes_are_whole_and_have_a_unit() {
    assert_eq!(parse_size("512K"), Ok(512 << 10));
    assert_eq!(parse_size("1GiB"), Ok(1 << 30));
    for text in ["", "M", "1.5M", "1T", "-1M"] {
        assert_eq!(parse_size(text), Err(SizeError::Malformed), "{text}");
    }
    let meant = "1M".to_owned();
    assert_eq!(parse_size("1MB"), Err(SizeError::Meant { meant }));
    assert_eq!(parse_size("99999999999999G"), Err(SizeError::TooLarge));
}

#[test]
fn colour_follows_terminal_and_environment() {
    let auto = ColorWhen::Auto;
    assert!(auto.has_color(true, None, Some("xterm")));
    assert!(auto.has_color(true, Some(""), None));
    assert!(!auto.has_color(true, Some("1"), None));
    assert!(!auto.has_color(true, None, Some("dumb")));
    assert!(!auto.has_color(false, None, None));
    assert!(ColorWhen::Always.has_color(false, Some("1"), None));
    assert!(!ColorWhen::Never.has_color(true, None, None));
}

proptest! {
    #[test]
    fn a_duration_reads_as_it_is_written(span_ms in 0_u64..10_000_000_000) {
        let span = Duration::from_millis(span_ms);
        prop_assert_eq!(parse_span(&span_text(span)), Ok(span));
    }

    #[test]
    fn any_text_is_survived(text in "\\PC*") {
        let _ = parse_span(&text);
    }
}
