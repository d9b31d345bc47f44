//! The page of `livelock report`: what the program writes, and what a browser makes of it.
//!
//! In: the program, recordings, Chromium if it is installed. Out: pass, fail, or a printed reason to skip. Refuses: a
//! browser test that could not fail; a page that does what ours must not is tried first.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod outside;
#[cfg(test)]
mod written;
