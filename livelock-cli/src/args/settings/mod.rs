//! What is set otherwise than by typing it: the environment, and a file.
//!
//! In: variables and the text of a file. Out: the defaults of a command line. Refuses: to let what is set there win over
//! what is typed, and anything that is not understood.

mod environment;
mod error;
mod file;
mod keys;
mod layers;
mod listing;
#[cfg(test)]
mod listing_tests;
#[cfg(test)]
mod tests;

pub use environment::misspelt;
pub use error::{Place, SettingsError};
pub use file::FileSettings;
pub(super) use layers::Layers;
pub use layers::Surroundings;
