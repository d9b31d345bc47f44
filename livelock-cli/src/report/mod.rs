//! The report as one page for a browser, to be mailed.
//!
//! In: a [`Document`]. Out: HTML with everything in it: style, charts, no script. Refuses: to fetch anything, to judge,
//! to grow with the length of a session (what was left out is told), and to let names of the host's tasks be read as
//! markup.

mod chains;
mod chart;
mod cpus;
mod document;
mod flame;
mod head;
mod histogram;
mod host;
mod locks;
mod matrix;
mod page;
mod paths;
mod reasons;
mod svg;
#[cfg(test)]
mod tests;
mod timeline;
mod words;

pub(crate) use document::{Document, Flames, Histograms, Origin};
pub(crate) use page::html;
pub(crate) use timeline::{Moment, Timeline};
pub(crate) use words::quoted;
