//! Snapshots, and what no snapshot would notice.

use std::collections::BTreeMap;

use livelock_core::filter::Filter;
use livelock_core::ids::{CpuId, Tgid};
use livelock_core::scope::Scope;
use livelock_core::verdict::{Accounting, TimeLedger};

use super::specimen::{healthy, host, livelock, times, window};
use super::units::{amount, count, cut_front, duration};
use super::*;

fn plain_style() -> Style {
    Style::new(false, None)
}

#[test]
fn text_of_a_live_lock() {
    insta::assert_snapshot!(verdict_text(&livelock(), plain_style()));
}

#[test]
fn text_of_a_healthy_host() {
    insta::assert_snapshot!(verdict_text(&healthy(), plain_style()));
}

#[test]
fn text_in_a_narrow_terminal() {
    let text = verdict_text(&livelock(), Style::new(false, Some(60)));
    insta::assert_snapshot!(text);
}

#[test]
fn text_fits_and_cannot_command_the_terminal() {
    for width in [40, 60, 80, 100] {
        let text = verdict_text(&livelock(), Style::new(false, Some(width)));
        assert!(!text.contains('\u{1b}'));
        // Below 60 columns addresses and numbers stick out rather than break.
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(width < 60 || widest <= Some(width), "{width}: {widest:?}");
    }
    let painted = verdict_text(&livelock(), Style::new(true, None));
    assert!(painted.starts_with("\u{1b}[1;31mLIVE LOCK\u{1b}[0m"));
}

#[test]
fn json_of_a_live_lock() {
    let json = verdict_json(&livelock()).expect("JSON");
    insta::assert_snapshot!(json);
}

#[test]
fn plain_lines() {
    let unknown = WindowSummary {
        busy_pct: None,
        burn_pct: None,
        omega: None,
        user_pct: None,
        top_lock: None,
        oldest_in_flight_ns: None,
        waits_per_sec: 22_345.6,
        ..window()
    };
    let lines = [PLAIN_HEADER, &plain_line(&window()), &plain_line(&unknown)];
    insta::assert_snapshot!(lines.concat());
}

#[test]
fn a_window_has_an_entry_a_cpu_and_unknown_is_null() {
    let of = |cpus: &BTreeMap<CpuId, TimeLedger>| -> serde_json::Value {
        let line = window_line(&window(), cpus).expect("window");
        assert_eq!(line.matches('\n').count(), 1);
        serde_json::from_str(&line).expect("JSON")
    };
    let record = of(&times());
    assert_eq!(record["record"], "window");
    assert_eq!(record["number"], 3);
    let cpus = record["cpus"].as_array().expect("CPUs");
    assert_eq!(cpus.len(), 2);
    assert_eq!(cpus[0]["user_pct"], 0.33, "to hundredths");
    assert_eq!(cpus[1]["cpu"], 17);
    assert!(cpus[1]["untraced_spin_pct"].is_null());
    assert_eq!(of(&BTreeMap::new())["cpus"], serde_json::json!([]));
    // 256 CPUs with the longest numbers fit a line that anybody can read.
    let long = TimeLedger {
        user_pct: Some(100.0 / 3.0),
        ..times()[&CpuId(0)]
    };
    let many = (0..256).map(|cpu| (CpuId(cpu), long));
    let line = window_line(&window(), &many.collect()).expect("window");
    assert!(line.len() < 256 * 256, "{} bytes", line.len());
}

#[test]
fn the_stream_has_a_header_and_a_summary() {
    let spots = livelock().blind_spots;
    let header = StreamHeader::new(
        1_790_000_000_000,
        1_000_000_000,
        host(),
        (Scope::default(), Filter::default()),
        spots,
    );
    let accounting: Accounting = livelock().accounting;
    let cost = Some(livelock().self_cost);
    let status = Some(livelock().status);
    let summary = StreamSummary::new(EndedBy::Duration, 10, status, accounting, cost);
    let lines = [
        header_line(&header).expect("header"),
        window_line(&window(), &times()).expect("window"),
        summary_line(&summary).expect("summary"),
    ];
    insta::assert_snapshot!(lines.concat());
    let verdict = verdict_line(&livelock()).expect("verdict");
    let value: serde_json::Value = serde_json::from_str(&verdict).expect("JSON");
    assert_eq!(value["record"], "verdict");
    assert_eq!(value["schema"], "livelock.verdict/v1");
    assert_eq!(verdict.lines().count(), 1);
}

#[test]
fn numbers_are_short() {
    assert_eq!(duration(999), "999 ns");
    assert_eq!(duration(1_500), "1.5 us");
    assert_eq!(duration(134_000_000), "134 ms");
    assert_eq!(duration(61_000_000_000), "61 s");
    assert_eq!(count(1_234_567), "1,234,567");
    assert_eq!(count(12), "12");
    assert_eq!(amount(0.938), "0.94");
    assert_eq!(amount(22_345.6), "22k");
    assert_eq!(amount(4_700_000.0), "4.7M");
    assert_eq!(cut_front("/a/long/path", 8), "..g/path");
}

#[test]
fn the_text_says_what_scope_it_is_about() {
    let scoped = |scope| {
        let verdict = livelock_core::verdict::Verdict {
            scope,
            ..livelock()
        };
        verdict_text(&verdict, plain_style())
    };
    let group = scoped(Scope::of_cgroup("/app\u{1b}.slice".to_owned()));
    assert!(group.contains("  of   control group /app"), "{group}");
    assert!(
        !group.contains('\u{1b}') && group.contains("CPUs that the scope could use"),
        "{group}"
    );
    let tree = scoped(Scope::of_tree(Tgid(4711)));
    assert!(
        tree.contains("  of   process 4711 and its descendants"),
        "{tree}"
    );
    assert!(
        plain_header(&host(), &Scope::of_tree(Tgid(4711)), &Filter::default())
            .contains("of it process 4711")
    );
    assert!(!plain_header(&host(), &Scope::default(), &Filter::default()).contains("of it"));
}

#[test]
fn the_text_says_what_is_listed_also_if_that_is_nothing() {
    let filter = Filter {
        comm: Some("ng\u{1b}inx".to_owned()),
        ..Filter::default()
    };
    let header = plain_header(&host(), &Scope::default(), &filter);
    assert!(
        header.contains("; lists waits of tasks called ng"),
        "{header}"
    );
    for locks in [livelock().locks, Vec::new()] {
        let is_empty = locks.is_empty();
        let verdict = livelock_core::verdict::Verdict {
            filter: filter.clone(),
            locks,
            ..livelock()
        };
        let text = verdict_text(&verdict, plain_style());
        assert!(text.contains("  only waits of tasks called ng"), "{text}");
        assert!(
            text.contains("all else in this report is of all locks"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
        assert_eq!(text.contains("\n  none\n"), is_empty, "{text}");
    }
}
