//! What a package installs beside the binary: completions of shells and manual pages.
//!
//! In: the definition of the command line. Out: text. Refuses: a second description of any option.

mod completions;
mod pages;
#[cfg(test)]
mod tests;

pub use completions::completions;
pub use pages::{Page, first_page, pages};
