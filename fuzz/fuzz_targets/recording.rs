//! Any bytes as a recording, with and without the preamble that most of them lack.

#![no_main]

use libfuzzer_sys::fuzz_target;
use livelock_core::recording::{Frames, preamble};

fn read(bytes: &[u8]) {
    if let Ok(mut frames) = Frames::of(bytes) {
        while let Ok(Some(_)) = frames.next_record() {}
    }
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&[&preamble(), bytes].concat());
});
