//! Verdicts and windows as bytes for a human or a script.
//!
//! In: [`livelock_core::verdict::Verdict`], [`WindowSummary`]. Out: strings. Refuses: to write them anywhere, to
//! judge, and to let names of the host's tasks speak to the terminal (control characters are replaced).

mod compare;
mod filter;
mod handoff_matrix;
mod json;
mod plain;
mod schema;
#[cfg(test)]
pub(crate) mod specimen;
#[cfg(test)]
mod specimen_lock;
mod stream;
mod style;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod units;
mod window;

pub use compare::{comparison_json, comparison_text};
pub(crate) use filter::filter_text;
pub(crate) use handoff_matrix::HandoffMatrix;
pub use json::{RenderError, verdict_json};
pub(crate) use plain::{FIRST_JUDGED, plain_end, status_word, time_of_day};
pub use plain::{PLAIN_HEADER, plain_header, plain_line, plain_status, plain_summary};
pub use schema::schema_json;
pub use stream::{
    EndedBy, STREAM_SCHEMA, StreamHeader, StreamSummary, header_line, summary_line, verdict_line,
    window_line,
};
pub use style::{Style, Tint};
pub use text::verdict_text;
pub(crate) use text::{
    Page, activity_text, beside_burn_text, chain_links, chain_title, cost_text, handoff_class,
    handoff_explanation, held, is_doubtful, known, lags, lock_text, name_source_text, no_remedy,
    reasons_text, verdict_head,
};
pub(crate) use units::bytes;
pub use window::WindowSummary;
