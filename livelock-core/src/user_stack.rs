//! The user side of a path, as a verdict has it.
//!
//! In: what `locks` found. Out: part of a verdict. Refuses: nothing; without `--user-stacks` there is none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Tgid;

/// How tasks came into the kernel on a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserStack {
    /// Share of the path's stacks of which the user side was taken.
    pub share_pct: f64,
    /// Stacks behind the share.
    pub nr_samples: u64,
    /// Process of most of them.
    pub tgid: Tgid,
    /// Functions, innermost first, as `name+0xoffset (file)`, with `at source:line` if that was asked for and is known;
    /// `file+0xoffset` where the file has no symbol, an address where there is no file.
    pub frames: Vec<String>,
}
