//! When to look closer, and where: the groups of probe level 1.
//!
//! In: windows and what they say. Out: the groups of the next window. Refuses: a group that nothing asks for, and
//! one that costs more than the tool may.

mod choice;
mod cost;
mod needs;
mod sites;

pub use choice::Escalation;
pub use cost::{cost_ns, predicted_pct};
pub use sites::{SiteChoice, functions_to_search, is_busy_with_kernel};
