//! What is listed can be used, and any file is read or refused.
//!
//! In: the sample, and files that proptest makes up. Out: pass or fail. Refuses: a sample that drifts from the program.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::FileSettings;
use super::keys::{KEYS, TABLES};
use super::tests::{Process, etc, typed};
use crate::args::Job;

fn listing(place: &Process) -> String {
    match place.job("livelock config") {
        Job::Settings { listing } => listing,
        job => panic!("{job:?}"),
    }
}

#[test]
fn the_sample_holds_the_defaults() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/config.toml");
    let sample = std::fs::read_to_string(path).expect("the sample");
    assert_eq!(listing(&Process::default()), sample);
    for command in ["diagnose", "watch", "export", "record -o x", "doctor"] {
        let line = format!("livelock {command}");
        assert_eq!(
            etc(&sample).parse(&line).expect("valid"),
            Process::default().parse(&line).expect("valid"),
        );
    }
    for key in &KEYS {
        let line = format!("\n{} = ", key.name);
        let unset = format!("\n# {} = ", key.name);
        assert!(
            sample.contains(&line) || sample.contains(&unset),
            "{}",
            key.name
        );
    }
}

#[test]
fn what_is_listed_can_be_used_and_says_who_set_it() {
    let file = "color = \"never\"\n[record]\nmax-size = \"1G\"\ntrigger = \"status=livelock\"\n\
                [[progress]]\nspec = \"exec:echo \\\"1\\\"\"\nexpect = \"zero>2s\"\n";
    let place = Process::with(&[("LIVELOCK_WATCH_WINDOW", "2s")], file);
    let text = listing(&place);
    insta::assert_snapshot!(text);
    for command in ["diagnose", "watch", "export", "record -o x"] {
        let line = format!("livelock {command}");
        let again = etc(&text).parse(&line).expect("valid");
        assert_eq!(again, place.parse(&line).expect("valid"), "{command}");
    }
}

/// Something like a file: keys that exist, and values that may suit.
fn file_like() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        prop::sample::select(KEYS.iter().map(|key| key.name).collect::<Vec<_>>())
            .prop_map(str::to_owned),
        "[a-z-]{1,8}",
        Just("[[progress]]\nspec".to_owned()),
    ];
    let value = prop_oneof![
        "[0-9]{1,4}(ms|s|m)?".prop_map(|text| format!("\"{text}\"")),
        "[0-9]{1,3}",
        Just("true".to_owned()),
        "\\PC{0,6}",
    ];
    let table = prop_oneof![
        3 => Just(String::new()),
        1 => prop::sample::select(TABLES.to_vec()).prop_map(|table| format!("[{table}]\n")),
    ];
    let line =
        (table, name, value).prop_map(|(table, name, value)| format!("{table}{name} = {value}\n"));
    prop::collection::vec(line, 0..3).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in prop_oneof!["\\PC{0,40}", file_like()]) {
        let path = Path::new("x.toml");
        match FileSettings::parse(path, &text) {
            Ok(_) => {}
            Err(error) => {
                let message = error.to_string();
                let place = message.strip_prefix("x.toml:").expect("a place");
                let line: usize = place.split(':').next().and_then(|n| n.parse().ok()).expect("a line");
                prop_assert!((1..=text.matches('\n').count() + 1).contains(&line), "{message}");
            }
        }
    }

    #[test]
    fn what_a_file_says_is_what_typing_says(span_ms in 900_u64..100_000, level in 0_u8..=2, is_env: bool) {
        let span = format!("{span_ms}ms");
        let place = match is_env {
            true => {
                let mut place = Process::default();
                place.variables.insert("LIVELOCK_DURATION", span.clone().leak());
                place.variables.insert("LIVELOCK_MAX_LEVEL", level.to_string().leak());
                place
            }
            false => etc(&format!("duration = \"{span}\"\nmax-level = {level}\n")),
        };
        let line = format!("livelock diagnose --duration {span} --max-level {level}");
        prop_assert_eq!(place.job("livelock diagnose"), typed(&line));
    }
}
