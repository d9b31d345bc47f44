//! Any text as a declaration, and as what a counter's file holds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use livelock_cli::declared::{counter, keyed_sum, keyed_value, parse_expectation, parse_spec};

fuzz_target!(|text: &str| {
    if let Ok(spec) = parse_spec(text) {
        assert!(!spec.name().is_empty());
    }
    if let Ok(rule) = parse_expectation(text) {
        assert_eq!(parse_expectation(&rule.to_string()), Ok(rule));
    }
    let (key, rest) = text.split_once('\n').unwrap_or((text, text));
    let _ = (counter(rest), keyed_value(rest, key), keyed_sum(rest, key));
});
