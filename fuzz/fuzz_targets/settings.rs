//! Any text as a configuration file.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use livelock_cli::args::FileSettings;

fuzz_target!(|text: &str| {
    let path = Path::new("config.toml");
    if let Err(error) = FileSettings::parse(path, text) {
        assert!(error.to_string().starts_with("config.toml:"), "it names the place");
    }
});
