//! What `/proc` counts: CPU times and progress.
//!
//! In: `/proc/stat`, `vmstat`, `diskstats`, `net/dev`, `net/softnet_stat`, `net/snmp`, `softirqs`, `interrupts`. Out: [`livelock_core::event::Event`]s, cumulative.
//! Refuses: differences and rates, which the window builder makes. Parsers are pure and accept any text.

mod counters;
mod error;
mod file;
mod host;
mod kept_out;
mod snapshot;
mod softnet;
mod starved;
mod stat;
#[cfg(test)]
mod tests;

pub use counters::{
    VmCounters, parse_diskstats, parse_loadavg, parse_net_dev, parse_nr_threads, parse_vmstat,
};
pub use error::ProcfsError;
pub use kept_out::KeptOut;
pub use snapshot::HostCounters;
pub(crate) use snapshot::user_hz;
pub use softnet::{PacketsByCpu, parse_softnet};
pub use starved::Starvation;
pub use stat::{Stat, parse_stat};
