//! The binary `livelock`: parses, runs, exits.

fn main() {}
