//! What names of locks need.
//!
//! In: [`Survey`]. Out: a [`Check`] each. Refuses: to call a host unfit for a missing name; who waits for a lock is always
//! known.

use super::requirements::ok_or;
use super::{Check, CheckId, CheckState, Survey, SymbolsFound};

/// Data symbols.
pub(super) fn data_names(survey: &Survey) -> Check {
    let has_data = matches!(survey.symbols, SymbolsFound::Visible { has_data: true });
    let found = if has_data {
        "/proc/kallsyms"
    } else {
        "no data symbols"
    };
    let state = ok_or(has_data, CheckState::Degraded);
    Check::new(CheckId::DataNames, "names of static locks", state, found).or(
        "static locks are named by the function that takes them",
        "a kernel with CONFIG_KALLSYMS_ALL=y would name them",
    )
}

/// Objects that locks are in.
pub(super) fn lock_names(survey: &Survey) -> Check {
    let missing = &survey.missing_names;
    let state = ok_or(missing.is_empty(), CheckState::Degraded);
    let found = if missing.is_empty() {
        "all of them".to_owned()
    } else {
        format!("without {}", missing.join(", "))
    };
    Check::new(
        CheckId::LockNames,
        "objects that locks are in",
        state,
        found,
    )
    .or(
        "locks there are named by the functions that wait for them",
        "",
    )
}
