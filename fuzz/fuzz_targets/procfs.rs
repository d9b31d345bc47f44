//! Any text as a file of `/proc`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use livelock_cli::procfs::{
    parse_diskstats, parse_net_dev, parse_softnet, parse_stat, parse_vmstat,
};

fuzz_target!(|text: &str| {
    let _ = parse_stat(text, 100);
    let _ = parse_vmstat(text);
    let _ = parse_diskstats(text);
    let _ = parse_net_dev(text);
    let _ = parse_softnet(text);
});
