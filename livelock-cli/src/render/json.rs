//! JSON.
//!
//! In: a verdict. Out: the document `livelock.verdict/v1`, indented. Refuses: numbers that JSON cannot hold become
//! `null`, which reads as unknown.

use livelock_core::verdict::Verdict;

/// Why a document could not be rendered. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The serializer refused.
    #[error("render JSON")]
    Json {
        /// Why.
        #[from]
        source: serde_json::Error,
    },
}

/// The document, with a newline at its end.
///
/// # Errors
///
/// If the serializer refuses, which no verdict makes it do.
pub fn verdict_json(verdict: &Verdict) -> Result<String, RenderError> {
    let mut text = serde_json::to_string_pretty(verdict)?;
    text.push('\n');
    Ok(text)
}
