//! What may be typed, what counters look like, and names that are nearly right.

mod binaries;

use std::path::PathBuf;
use std::time::Duration;

use livelock_core::declared::Expectation;
use proptest::prelude::*;

use super::file::FileCounter;
use super::*;
use crate::nearest::{nearest, suggestion};

fn spec(text: &str) -> Spec {
    parse_spec(text).expect(text)
}

#[test]
fn each_kind_is_understood() {
    let uprobe = |target: &str, symbol: &str, offset_bytes| Spec::Uprobe {
        target: target.to_owned(),
        symbol: symbol.to_owned(),
        offset_bytes,
    };
    assert_eq!(spec("uprobe:/bin/x:main"), uprobe("/bin/x", "main", 0));
    assert_eq!(spec("uprobe:x:main+0x1f"), uprobe("x", "main", 0x1f));
    assert_eq!(spec("uprobe:x:main+12"), uprobe("x", "main", 12));
    assert_eq!(spec("uprobe:x:a::b"), uprobe("x", "a::b", 0));
    assert_eq!(spec("uprobe:x:operator+"), uprobe("x", "operator+", 0));
    assert_eq!(
        spec("tp:block:block_rq_complete"),
        Spec::Tracepoint {
            subsystem: "block".to_owned(),
            event: "block_rq_complete".to_owned()
        }
    );
    assert_eq!(
        spec("usdt:postgres:postgresql:transaction__commit").name(),
        "postgres:postgresql:transaction__commit"
    );
    assert_eq!(
        spec("cgroup:/sys/fs/cgroup/app/io.stat:wbytes"),
        Spec::Cgroup {
            file: PathBuf::from("/sys/fs/cgroup/app/io.stat"),
            key: "wbytes".to_owned()
        }
    );
    let file = |path: &str, key: Option<&str>| Spec::File {
        path: PathBuf::from(path),
        key: key.map(str::to_owned),
    };
    assert_eq!(spec("file:/run/n"), file("/run/n", None));
    assert_eq!(spec("file:/run/n:orders"), file("/run/n", Some("orders")));
    assert_eq!(spec("file:/sys/x:1/n"), file("/sys/x:1/n", None));
    let exec = Spec::Exec {
        command: "echo 1: 2".to_owned(),
    };
    assert_eq!(spec("exec:echo 1: 2"), exec);
}

#[test]
fn names_are_short() {
    let names = [
        "uprobe:/usr/sbin/nginx:ngx_http_finalize_request+0x4",
        "tp:sched:sched_process_exit",
        "cgroup:/sys/fs/cgroup/app/io.stat:wbytes",
        "file:/run/shop/orders",
        "file:/proc/net/snmp6:Udp6InDatagrams",
        "exec:curl -s http://localhost:9090/metrics | grep total",
    ]
    .map(|text| spec(text).name());
    assert_eq!(
        names,
        [
            "nginx:ngx_http_finalize_request+0x4",
            "sched:sched_process_exit",
            "app/io.stat:wbytes",
            "orders",
            "snmp6:Udp6InDatagrams",
            "curl -s http://localhost:9090/metrics | …",
        ]
    );
}

#[test]
fn what_is_incomplete_is_refused() {
    for text in [
        "",
        ":",
        "uprobe",
        "uprobe:",
        "uprobe:x",
        "uprobe::main",
        "uprobe:x:",
        "tp:sched",
        "tp::x",
        "usdt:x:y",
        "usdt:x:y:",
        "cgroup:/x",
        "cgroup:/x:",
        "file:",
        "file::k",
        "file:/x:",
        "exec:",
        "exec: ",
        "kprobe:x",
        "tp:../x:y",
        "exec:a\0b",
    ] {
        assert!(parse_spec(text).is_err(), "{text:?}");
    }
}

#[test]
fn expectations_are_understood() {
    let rate = |min_per_sec| Ok(Expectation::Rate { min_per_sec });
    assert_eq!(parse_expectation("rate>=100"), rate(100.0));
    assert_eq!(parse_expectation(" rate >= 0.5 "), rate(0.5));
    let min_per_busy_sec = 3e3;
    let per_cpu = Expectation::RatePerCpu { min_per_busy_sec };
    assert_eq!(parse_expectation("rate/cpu>=3e3"), Ok(per_cpu));
    let limit_ns = 5_000_000_000;
    assert_eq!(
        parse_expectation("zero>5s"),
        Ok(Expectation::Zero { limit_ns })
    );
    for text in [
        "",
        "rate",
        "rate>100",
        "rate>=",
        "rate>=0",
        "rate>=-1",
        "rate>=nan",
        "rate>=inf",
        "zero>5",
        "zero>0s",
        "zero>=5s",
        "rate<=5",
    ] {
        assert!(parse_expectation(text).is_err(), "{text:?}");
    }
}

#[test]
fn numbers_are_found_where_they_stand() {
    assert_eq!(counter("42\n"), Some(42));
    assert_eq!(counter("  7 kB"), Some(7));
    assert_eq!(counter("1.5e3"), Some(1500));
    assert_eq!(counter("18446744073709551615"), Some(u64::MAX));
    for text in ["", "-1", "x 1", "inf", "NaN", "1e30", "+5x"] {
        assert_eq!(counter(text), None, "{text:?}");
    }
    let text = "MemTotal:  100 kB\nrequests_total 7\nb=9\nhits{code=\"200\"} 3\nrequests 5\n";
    let of = |key| keyed_value(text, key);
    assert_eq!(of("MemTotal"), Some(100));
    assert_eq!(of("requests"), Some(5), "not that of a longer name");
    assert_eq!(of("b"), Some(9));
    assert_eq!(of("hits{code=\"200\"}"), Some(3));
    assert_eq!(of("hits"), None);
}

#[test]
fn devices_of_a_control_group_are_added_up() {
    let io = "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=30 wbytes=40 rios=2\n";
    assert_eq!(keyed_sum(io, "wbytes"), Some(60));
    assert_eq!(keyed_sum(io, "bytes"), None);
    assert_eq!(
        keyed_sum("usage_usec 5\nuser_usec 3\n", "usage_usec"),
        Some(5)
    );
    assert_eq!(keyed_sum("", "wbytes"), None);
}

#[test]
fn a_file_says_what_it_lacks() {
    let dir = std::env::temp_dir().join(format!("livelock-declared-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let path = dir.join("orders");
    let write = |text: &str| std::fs::write(&path, text).expect("a file");
    let plain = FileCounter::Plain(path.clone());
    let keyed = |key: &str| FileCounter::Keyed(path.clone(), key.to_owned());
    let said = |counter: &FileCounter| {
        let text = counter.check().expect_err("refused").to_string();
        text.replace(&dir.display().to_string(), "DIR")
    };
    assert!(said(&plain).starts_with("DIR/orders cannot be read: "));
    assert_eq!(plain.read(), None, "unknown, not zero");
    write("12\n");
    assert!(plain.check().is_ok());
    assert_eq!(plain.read(), Some(12));
    write("orders: 5\n");
    let why = "DIR/orders does not begin with a number but with `orders: 5`; type file:PATH:KEY for a number \
               behind a key";
    assert_eq!(said(&plain), why);
    assert_eq!(keyed("orders").read(), Some(5));
    let why = "DIR/orders has no key `order` with a number; did you mean `orders`?";
    assert_eq!(said(&keyed("order")), why);
    write("");
    assert_eq!(
        said(&plain),
        "DIR/orders is empty; write the number into it first"
    );
    let summed = FileCounter::Summed(path.clone(), "wbytes".to_owned());
    assert_eq!(summed.read(), Some(0), "no device has done any I/O yet");
    let folder = FileCounter::Plain(dir.clone());
    assert_eq!(said(&folder), "DIR is not a regular file");
    std::fs::remove_dir_all(&dir).expect("the folder");
}

#[test]
fn near_names_are_suggested() {
    let names = [
        "malloc",
        "mallopt",
        "free",
        "calloc",
        "_ZN4shop5order4doneEv",
    ];
    let near = |wanted| nearest(wanted, names.into_iter());
    assert_eq!(near("mallok")[0], "malloc");
    assert_eq!(near("shop::order::done"), ["_ZN4shop5order4doneEv"]);
    assert_eq!(near("zzz"), Vec::<String>::new());
    assert_eq!(suggestion(&near("zzz")), "");
    let two = ["a".to_owned(), "b".to_owned()];
    assert_eq!(suggestion(&two), "; did you mean `a` or `b`?");
}

#[test]
fn what_is_wrong_is_found_before_anything_is_attached() {
    let declared = |text: &str| Declaration {
        spec: spec(text),
        text: text.to_owned(),
        expectation: None,
    };
    let window = Duration::from_secs(5);
    let said = |text: &str| {
        let found = Found::of(&[declared("exec:echo 1"), declared(text)], window);
        found.expect_err(text).to_string()
    };
    let why = "`--progress exec:echo one` cannot be used: the command printed no number but `one`";
    assert_eq!(said("exec:echo one"), why);
    let why = said(concat!(
        "uprobe:",
        env!("CARGO_MANIFEST_DIR"),
        "/Cargo.toml:main"
    ));
    assert!(why.contains("is not a program or library"), "{why}");
    let why = said("uprobe:livelock-no-such-program:main");
    assert!(why.contains("type its absolute path"), "{why}");
    assert!(Found::of(&[declared("file:/proc/stat:ctxt")], window).is_ok());
    // Sources without probes load nothing, so this needs no privileges.
    let found = Found::of(&[declared("file:/proc/stat:ctxt")], window).expect("found");
    let mut sources = found.attach().expect("nothing to attach");
    let first = sources.read()[0].value.expect("a number");
    std::thread::sleep(Duration::from_millis(50));
    assert!(sources.read()[0].value.is_some_and(|now| now > first));
}

proptest! {
    #[test]
    fn any_spec_is_survived(text in "(uprobe|tp|usdt|cgroup|file|exec|)[:+/.a-z0-9\\PC]*") {
        if let Ok(spec) = parse_spec(&text) {
            prop_assert!(!spec.name().is_empty());
        }
    }

    #[test]
    fn any_expectation_is_survived_and_reads_as_it_is_written(text in "(rate>=|rate/cpu>=|zero>|)\\PC{0,12}") {
        if let Ok(rule) = parse_expectation(&text) {
            prop_assert_eq!(parse_expectation(&rule.to_string()), Ok(rule));
        }
    }

    #[test]
    fn any_text_of_counters_is_survived(text in "[\\PC\n]*", key in "\\PC{0,8}") {
        let _ = (counter(&text), keyed_value(&text, &key), keyed_sum(&text, &key), number::keys(&text));
    }

    #[test]
    fn a_written_number_is_read(value: u64, key in "[a-z_]{1,12}") {
        prop_assert_eq!(counter(&value.to_string()), Some(value));
        for between in [" ", ": ", "=", "\t"] {
            prop_assert_eq!(keyed_value(&format!("0 1\n{key}{between}{value}\n"), &key), Some(value));
        }
        prop_assert_eq!(keyed_sum(&format!("8:0 {key}={value}"), &key), Some(value));
    }
}
