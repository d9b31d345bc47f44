//! Arguments.
//!
//! In: the command line, and what the environment and a file set. Out: a [`Config`] that makes sense. Refuses: what does not, with what to type instead.

mod cli;
mod compare;
mod config;
mod declare;
mod error;
mod examples;
mod export;
mod filter;
mod flight;
mod hints;
mod recording;
mod report;
mod scope;
#[cfg(test)]
mod scope_tests;
mod settings;
mod size;
mod span;
#[cfg(test)]
mod tests;

pub use cli::{ColorWhen, ReportFormat, command};
pub use compare::Compared;
pub use config::{Config, Job, Output, Session, Source, WatchFormat, parse};
pub use error::ConfigError;
pub use export::{ExportAs, Exported};
pub use recording::Recording;
pub use scope::UserCodeWanted;
pub use settings::{FileSettings, Place, SettingsError, Surroundings, misspelt};
pub use size::{SizeError, parse_size};
pub use span::{SpanError, parse_span, span_text};
