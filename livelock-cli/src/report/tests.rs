//! The page of a verdict that has everything, of one that has nothing, and of names that would rather be markup.

use livelock_core::hist::WaitHistogram;
use livelock_core::locks::FlamePath;
use livelock_core::verdict::{Status, TimeLedger, Verdict};
use serde_json::Value;

use super::{Document, Flames, Histograms, Moment, Origin, Timeline, html};
use crate::render::specimen;

fn origin() -> Origin {
    Origin {
        command: "livelock report web42.llrec -o web42.html".to_owned(),
        recording: Some("web42.llrec".to_owned()),
        tool_version: "0.1.0".to_owned(),
        began_unix_ms: 1_795_546_325_000,
        window_ns: 300_000_000,
        again: "sudo livelock report live -o report.html --duration 5s".to_owned(),
    }
}

fn timeline(nr_windows: u64, nr_cpus: u32) -> Timeline {
    let mut timeline = Timeline::default();
    for number in 0..nr_windows {
        let time = TimeLedger {
            traced_spin_pct: Some(if number % 7 == 0 { 10.0 } else { 90.0 }),
            user_pct: Some(2.0),
            idle_pct: Some(if number % 7 == 0 { 88.0 } else { 8.0 }),
            ..TimeLedger::default()
        };
        let cpus = (0..nr_cpus).map(|cpu| (livelock_core::ids::CpuId(cpu), &time));
        timeline.push(&Moment {
            status: if number < 3 {
                Status::CannotTell
            } else {
                Status::Livelock
            },
            duration_ns: 300_000_000,
            no_progress: true,
            time: Some(&time),
            cpus: cpus.collect(),
            busy: Some(0.9),
            tokens_per_busy_sec: Some(100.0),
            baseline_per_busy_sec: Some(4000.0),
        });
    }
    timeline
}

fn document(verdict: Verdict) -> Document {
    let mut histogram = WaitHistogram::default();
    for ns in [900, 90_000, 95_000, 1_000_000_000] {
        histogram.record(ns);
    }
    let histograms: Histograms = verdict
        .locks
        .iter()
        .map(|lock| (lock.addr.clone(), histogram.clone()))
        .collect();
    let path = |frame: &str, time_ns| FlamePath {
        frames: vec!["files_struct.file_lock".to_owned(), frame.to_owned()],
        time_ns,
    };
    Document {
        verdict,
        origin: origin(),
        timeline: timeline(20, 8),
        histograms,
        flames: Some(Flames {
            waiters: vec![path("close_fd", 3_000_000), path("alloc_fd", 1_000_000)],
            holders: vec![path("dup_fd", 4_000_000)],
        }),
    }
}

/// Without the style, which never changes with the document.
fn body(page: &str) -> &str {
    page.split_once("</style>").expect("a style").1
}

#[test]
fn the_page_of_a_live_lock() {
    let page = html(&document(specimen::livelock()));
    insta::assert_snapshot!("page", body(&page).replace("><", ">\n<"));
    assert_eq!(
        page,
        html(&document(specimen::livelock())),
        "the same bytes again"
    );
}

#[test]
fn a_page_of_nothing_says_so() {
    let mut document = document(specimen::healthy());
    document.verdict.locks.clear();
    document.timeline = Timeline::default();
    document.flames = Some(Flames::default());
    let page = html(&document);
    for text in [
        "No window was closed",
        "times of single CPUs could not be read",
        "No lock burns",
        "Nobody waited",
    ] {
        assert!(page.contains(text), "{text}");
    }
    document.flames = None;
    assert!(html(&document).contains("livelock report"));
}

#[test]
fn all_that_an_answer_needs_is_there() {
    let document = document(specimen::livelock());
    let page = html(&document);
    let verdict = &document.verdict;
    let escaped = |text: &str| maud::Render::render(&super::words::sentence(text)).into_string();
    let mut wanted = vec![verdict.cause.summary.clone()];
    wanted.extend(
        verdict
            .evidence
            .iter()
            .chain(&verdict.against)
            .map(|item| item.text.clone()),
    );
    wanted.extend(verdict.ruled_out.iter().map(|item| item.reason.clone()));
    wanted.extend(
        verdict
            .blind_spots
            .iter()
            .flat_map(|spot| [spot.what.clone(), spot.mitigation.clone()]),
    );
    wanted.extend(
        verdict
            .remedies
            .iter()
            .flat_map(|remedy| [remedy.action.clone(), remedy.confirm.clone()]),
    );
    wanted.extend(verdict.locks.iter().take(1).map(|lock| lock.name.clone()));
    for text in wanted {
        assert!(page.contains(&escaped(&text)), "{text}");
    }
}

/// Every text of a document that may be any text.
fn hostile(verdict: &Verdict, text: &str) -> (Verdict, usize) {
    let mut value = serde_json::to_value(verdict).expect("JSON");
    let mut paths = Vec::new();
    strings(&value, String::new(), &mut paths);
    let mut nr = 0;
    for path in paths {
        let mut tried = value.clone();
        *tried.pointer_mut(&path).expect(&path) = Value::String(text.to_owned());
        // Words of closed sets are no texts.
        if serde_json::from_value::<Verdict>(tried.clone()).is_ok() {
            value = tried;
            nr += 1;
        }
    }
    (serde_json::from_value(value).expect("a verdict"), nr)
}

fn strings(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, format!("{path}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                strings(field, format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

const EVIL: &str = "</title></style><script>alert('1')</script><img src=\"//evil.example/x\" onerror='x'> \u{202e}gnp.\u{1b}[31m\0\u{200b}&amp;";

#[test]
fn names_are_never_markup() {
    let (verdict, nr) = hostile(&specimen::livelock(), EVIL);
    assert!(nr > 30, "only {nr} texts were replaced");
    let mut document = document(verdict);
    document.origin = Origin {
        command: EVIL.to_owned(),
        recording: Some(EVIL.to_owned()),
        tool_version: EVIL.to_owned(),
        again: EVIL.to_owned(),
        ..origin()
    };
    let paths = vec![FlamePath {
        frames: vec![EVIL.to_owned(), EVIL.to_owned()],
        time_ns: 1_000_000,
    }];
    document.flames = Some(Flames {
        waiters: paths.clone(),
        holders: paths,
    });
    let page = html(&document);
    for markup in ["<script", "<img", "</style", "</title></style"] {
        assert!(!body(&page).contains(markup), "{markup}");
    }
    assert_eq!(
        page.matches("</title></head>").count() + page.matches("</title><style>").count(),
        1
    );
    let unseen =
        |char: char| (char.is_control() && char != '\n') || "\u{202e}\u{200b}".contains(char);
    assert!(!body(&page).contains(unseen), "invisible characters");
    assert!(
        body(&page).contains("&lt;script&gt;"),
        "and yet they are shown"
    );
    assert!(body(&page).contains("\\u{202e}"));
}

#[test]
fn nothing_is_fetched() {
    let page = html(&document(specimen::livelock()));
    assert!(page.contains("default-src 'none'"));
    for attribute in [
        " src=",
        "srcset=",
        "href=\"h",
        "xlink:href",
        "@import",
        "url(h",
        "url('",
        "url(\"",
        "<link",
        "<script",
        "<iframe",
        "<object",
        "<base",
    ] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    // Patterns and places of the page itself.
    for (at, _) in page.match_indices("url(") {
        assert!(page[at..].starts_with("url(#p-"), "{}", &page[at..at + 20]);
    }
}

#[test]
fn a_long_session_on_a_large_host_stays_a_page() {
    const MAX_BYTES: usize = 2 << 20;
    let mut document = document(specimen::livelock());
    document.timeline = timeline(10_000, 256);
    let lock = document.verdict.locks[0].clone();
    document.verdict.locks = vec![lock; 200];
    let deep = |number: u64| FlamePath {
        frames: (0..200)
            .map(|depth| format!("function_{number}_{depth}"))
            .collect(),
        time_ns: 1 + number,
    };
    document.flames = Some(Flames {
        waiters: (0..2000).map(deep).collect(),
        holders: (0..2000).map(deep).collect(),
    });
    let page = html(&document);
    assert!(page.len() < MAX_BYTES, "{} bytes", page.len());
    for told in [
        "are left out",
        "more with less burn",
        "too narrow",
        "Paths are cut below",
        "a column is up to",
    ] {
        assert!(page.contains(told), "{told}");
    }
}
