//! What may be typed, what counters look like, and names that are nearly right.

use std::path::{Path, PathBuf};
use std::time::Duration;

use livelock_core::declared::Expectation;
use proptest::prelude::*;

use super::file::FileCounter;
use super::nearest::{nearest, suggestion};
use super::*;

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
fn our_own_functions_are_found() {
    // Not inlined, not mangled, and in the table of symbols of this test.
    #[unsafe(no_mangle)]
    #[inline(never)]
    extern "C" fn livelock_test_function_of_declared(value: u64) -> u64 {
        std::hint::black_box(value) + 1
    }
    #[unsafe(no_mangle)]
    static LIVELOCK_TEST_DATA_OF_DECLARED: u64 = 7;
    assert_eq!(livelock_test_function_of_declared(1), 2);
    assert_eq!(std::hint::black_box(&LIVELOCK_TEST_DATA_OF_DECLARED), &7);
    let path = std::env::current_exe().expect("this program");
    let bytes = std::fs::read(&path).expect("this program's file");
    let find = |symbol: &str, plus| elf::function(&path, &bytes, symbol, plus);
    let places = find("livelock_test_function_of_declared", 0).expect("a function");
    assert_eq!(places.len(), 1);
    // The file has at that offset what memory has at the function.
    let at = livelock_test_function_of_declared as *const u8;
    // SAFETY: the code of a function of more than four bytes.
    let code = unsafe { std::slice::from_raw_parts(at, 4) };
    let offset = usize::try_from(places[0].offset_bytes).expect("an offset");
    assert_eq!(&bytes[offset..offset + 4], code);
    let said = |symbol: &str, plus| find(symbol, plus).expect_err(symbol).to_string();
    assert!(said("livelock_test_function_of_declared", 1 << 30).contains("bytes long"));
    assert!(said("LIVELOCK_TEST_DATA_OF_DECLARED", 0).ends_with("is data, not a function"));
    let said = said("livelock_test_function_of_declare", 0);
    assert!(
        said.contains("did you mean `livelock_test_function_of_declared`?"),
        "{said}"
    );
    let usdt = elf::usdt(&path, &bytes, "a", "b").expect_err("no such probe");
    assert!(usdt.to_string().contains("has no USDT probe `a:b`"));
}

/// A note as `sys/sdt.h` writes it.
fn sdt_note(provider: &str, name: &str) -> Vec<u8> {
    let mut desc = Vec::new();
    for address in [0x1164_u64, 0x2028, 0x4028] {
        desc.extend(address.to_le_bytes());
    }
    desc.extend(format!("{provider}\0{name}\0\0").bytes());
    let mut note = Vec::new();
    for word in [8, desc.len() as u32, 3] {
        note.extend(word.to_le_bytes());
    }
    note.extend(b"stapsdt\0");
    note.extend(desc);
    note.resize(note.len().next_multiple_of(4), 0);
    note
}

#[test]
fn usdt_notes_are_read() {
    let mut data = sdt_note("shop", "order__done");
    data.extend(sdt_note("shop", "x"));
    let found = elf::notes(&data, true);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].pc, found[0].base, found[0].semaphore),
        (0x1164, 0x2028, 0x4028)
    );
    assert_eq!(
        (found[1].provider.as_str(), found[1].name.as_str()),
        ("shop", "x")
    );
    data[8] = 4;
    assert_eq!(elf::notes(&data, true).len(), 1, "another type");
}

/// A cache of the loader with these libraries.
fn loader_cache(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut cache = b"glibc-ld.so.cache1.1".to_vec();
    cache.extend((entries.len() as u32).to_le_bytes());
    cache.resize(48, 0);
    let mut texts = Vec::new();
    let texts_at = 48 + 24 * entries.len();
    for (name, path) in entries {
        let mut text = |text: &str| {
            let at = (texts_at + texts.len()) as u32;
            texts.extend(text.bytes());
            texts.push(0);
            at
        };
        let (name, path) = (text(name), text(path));
        for word in [0x303, name, path, 0, 0, 0] {
            cache.extend(word.to_le_bytes());
        }
    }
    cache.extend(texts);
    cache
}

#[test]
fn the_loaders_cache_knows_libraries() {
    let cache = loader_cache(&[
        ("libcrypt.so.1", "/lib/libcrypt.so.1"),
        ("libc.so.6", "/lib/libc.so.6"),
    ]);
    let mut old_format = b"ld.so-1.7.0\0\0\0\0\0".to_vec();
    old_format.extend(&cache);
    for cache in [&cache, &old_format] {
        for name in ["c", "libc", "libc.so.6"] {
            let found = libraries::library_paths(cache, name);
            assert_eq!(found, [Path::new("/lib/libc.so.6")], "{name}");
        }
        assert!(libraries::library_paths(cache, "cry").is_empty());
    }
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

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), is_64: bool) {
        let _ = elf::notes(&bytes, is_64);
        let mut cache = loader_cache(&[("libc.so.6", "/lib/libc.so.6")]);
        let len = cache.len().min(bytes.len());
        cache[20..len.max(20)].copy_from_slice(&bytes[20.min(len)..len]);
        let _ = libraries::library_paths(&cache, "c");
        let _ = elf::function(Path::new("x"), &bytes, "f", 1);
    }
}
