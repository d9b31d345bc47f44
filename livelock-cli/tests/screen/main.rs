//! The full screen in a real terminal emulator.
//!
//! In: `livelock`, committed recordings, tmux. Out: what people see, type and are left with. Refuses: to fail where
//! there is no tmux; such a test says `live: skipped` with the reason, past the harness's capture.

#[cfg(test)]
mod documented;
#[cfg(test)]
mod live;
#[cfg(test)]
mod replayed;
#[cfg(test)]
mod restored;
#[cfg(test)]
mod tmux;
