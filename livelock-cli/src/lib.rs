//! The rooms of the binary `livelock`.
//!
//! In: arguments, the running kernel, records. Out: bytes for a human or a script. Refuses: judgement,
//! which is `livelock-core`'s.

pub mod args;
pub mod btf;
pub mod capture;
pub mod code;
pub mod cpus;
pub mod declared;
pub mod decode;
pub mod doctor;
pub mod exit;
pub mod export;
pub mod host;
mod late_file;
pub mod manual;
pub mod names;
mod nearest;
pub mod procfs;
pub mod raw;
pub mod record;
pub mod render;
mod report;
pub mod run;
pub mod screen;
pub mod tasks;
pub mod user_code;
