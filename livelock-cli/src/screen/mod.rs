//! The full-screen `livelock watch`.
//!
//! In: [`Snapshot`]s of windows and verdicts, and [`Key`]s. Out: frames of cells, and what a key asks for. Refuses: a
//! probe, a clock, a terminal, a file; whoever has those calls, and the same screen shows a host or a recording.

pub(crate) mod category;
mod cpu_shares;
mod draw;
mod history;
mod key;
mod look;
mod order;
mod page;
mod panes;
mod snapshot;
mod state;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;

#[cfg(test)]
use crate::render::WindowSummary;
pub use draw::{Drawn, draw};
pub use key::Key;
pub use look::{Glyphs, Look};
pub(crate) use look::{status_letter, status_title};
pub use snapshot::{Snapshot, Source};
pub use state::{Effect, Screen};
