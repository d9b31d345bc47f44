//! `livelock schema`.
//!
//! In: nothing. Out: the JSON Schema on standard output. Refuses: to differ from what is printed.

use super::output::Sink;
use crate::args::Output;
use crate::exit::Exit;
use crate::render::schema_json;

/// Prints it; a closed pipe is success.
pub(super) fn run() -> anyhow::Result<Exit> {
    let text = schema_json()?;
    Sink::open(&Output::Stdout)?.write(&text)?;
    Ok(Exit::Fine)
}
