//! What is accepted, what is refused and with which words, and the help.

use livelock_core::scope::Scope;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn parsed(line: &str) -> Result<Config, clap::Error> {
    parse(line.split(' ').map(OsString::from))
}

fn refused(line: &str) -> String {
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
        max_level: 1,
        declared: Vec::new(),
    };
    let job = Job::Diagnose {
        session,
        format: ReportFormat::Text,
        output: Output::Stdout,
    };
    assert_eq!(config.job, job);
    assert_eq!((config.color, config.verbosity), (ColorWhen::Auto, 0));
}

#[test]
fn options_arrive() {
    let config = parsed("livelock watch --json --window 2s -vv --color never").expect("valid");
    let Job::Watch { session, format } = config.job else {
        panic!("not watch");
    };
    assert_eq!((format, session.duration), (WatchFormat::Json, None));
    assert_eq!((config.color, config.verbosity), (ColorWhen::Never, 2));
    let config = parsed("livelock export --format jsonl --output /tmp/x -d 1m").expect("valid");
    let Job::Export { session, output } = config.job else {
        panic!("not export");
    };
    assert_eq!(output, Output::File(PathBuf::from("/tmp/x")));
    assert_eq!(session.duration, Some(Duration::from_mins(1)));
    let config = parsed("livelock doctor --json").expect("valid");
    let format = ReportFormat::Json;
    assert_eq!(config.job, Job::Doctor { format });
}

#[test]
fn an_expectation_belongs_to_the_progress_before_it() {
    let line = "livelock watch --progress tp:a:b --progress file:/n --expect rate>=5 -p tp:c:d -e zero>2s --json";
    let config = parsed(line).expect("valid");
    let Job::Watch { session, .. } = config.job else {
        panic!("not watch");
    };
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
            "livelock export --pid 1 --cgroup /app",
            "livelock diagnose --cgroup /app --cpu 0",
            "livelock diagnose --pid 1 --cpu 0",
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
    insta::assert_snapshot!("help_doctor", help("livelock doctor --help"));
    command().debug_assert();
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

#[test]
fn a_scope_is_a_list_of_cpus() {
    let config = parsed("livelock diagnose --cpu 0-1,3").expect("valid");
    let Job::Diagnose { session, .. } = config.job else {
        panic!("not diagnose");
    };
    let cpus: Vec<u32> = session
        .scope
        .cpus
        .into_iter()
        .flatten()
        .map(|c| c.0)
        .collect();
    assert_eq!(cpus, [0, 1, 3]);
    assert!(refused("livelock diagnose --cpu x").contains("0-3,8"));
}

#[test]
fn a_scope_is_a_control_group_or_a_process_for_every_command() {
    for command in ["diagnose", "watch", "export"] {
        let scope = |option: &str| {
            let config = parsed(&format!("livelock {command} {option}")).expect("valid");
            match config.job {
                Job::Diagnose { session, .. }
                | Job::Watch { session, .. }
                | Job::Export { session, .. } => session.scope,
                Job::Doctor { .. } => panic!("doctor"),
            }
        };
        let group = Scope::of_cgroup("/app.slice".to_owned());
        assert_eq!(scope("--cgroup /app.slice"), group);
        assert_eq!(scope("--cgroup 0::/app.slice"), group);
        let tree = scope("--pid 4711");
        assert_eq!(tree.pid.map(|pid| pid.0), Some(4711));
        assert!(tree.is_of_tasks() && tree.cgroup.is_none() && tree.cpus.is_none());
    }
}
