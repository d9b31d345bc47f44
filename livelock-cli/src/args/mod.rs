//! Arguments.
//!
//! In: the command line. Out: a [`Config`] that makes sense. Refuses: what does not, with what to type instead.

mod cli;
mod config;
mod declare;
mod export;
mod filter;
mod recording;
mod scope;
mod size;
mod span;
#[cfg(test)]
mod tests;

pub use cli::{ColorWhen, ReportFormat, command};
pub use config::{Config, ConfigError, Job, Output, Session, Source, WatchFormat, parse};
pub use export::{ExportAs, Exported};
pub use recording::Recording;
pub use size::{SizeError, parse_size};
pub use span::{SpanError, parse_span, span_text};
