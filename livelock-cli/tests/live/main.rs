//! The built binary on the kernel of this machine.
//!
//! In: `livelock`, and `livelock-lab` from the same folder (`cargo build -p livelock-lab`). Out: what
//! users and scripts rely on, checked from outside. Refuses: to fail where nothing can be attached; such
//! a test says `live: skipped` with the reason, past the harness's capture.

#[cfg(test)]
mod attached;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod cpus;
#[cfg(test)]
mod declared;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod kernel_objects;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tool;
#[cfg(test)]
mod turn;
#[cfg(test)]
mod user_code;
#[cfg(test)]
mod verdicts;
