//! Whether a window shows that something was achieved.
//!
//! In: its observation, books and tokens. Out: [`ProgressState`]. Refuses: to call normal what no counter shows.

use super::Observation;
use crate::ledger::progress::{Tokens, achieved, pi};
use crate::ledger::time::TimeBooks;
use crate::thresholds as at;
use crate::verdict::ProgressState;
use crate::window::Window;

/// What the window says of progress.
pub(super) fn state(
    seen: &Observation,
    books: Option<&TimeBooks>,
    window: &Window,
    tokens: &Tokens,
) -> ProgressState {
    let (Some(used), Some(omega)) = (seen.used, seen.omega) else {
        return match seen.used {
            Some(_) => ProgressState::Normal,
            None => ProgressState::Unknown,
        };
    };
    if seen.no_progress {
        let has_counters = tokens.keys().any(|&source| source != "handoffs");
        let nothing = has_counters && tokens.values().all(|&nr| nr == 0);
        return if nothing {
            ProgressState::Stalled
        } else {
            ProgressState::Collapsed
        };
    }
    let keeps_pace = match (seen.pi, seen.pi0) {
        (Some(pi), Some(pi0)) => pi > at::PI_COLLAPSED * pi0,
        _ => false,
    };
    let computes = seen
        .user_share
        .is_some_and(|user| user >= at::USER_SHARE_COMPUTE);
    let pi_achieved = books.and_then(|b| pi(&achieved(window, tokens.clone()), b.busy_ns()));
    if is_work_unseen(seen, pi_achieved) {
        return ProgressState::Unknown;
    }
    if used < at::BUSY_FOR_STATUS || omega < at::OMEGA_CONTENDED || keeps_pace || computes {
        ProgressState::Normal
    } else {
        ProgressState::Unknown
    }
}

/// Whether the kernel fills the CPUs with what no counter here shows to come to anything: it may be long work, or a loop of
/// trylocks that fail.
fn is_work_unseen(seen: &Observation, pi_achieved: Option<f64>) -> bool {
    seen.is_full()
        && seen.omega.is_some_and(|omega| omega < at::OMEGA_CONTENDED)
        && seen
            .user_share
            .is_some_and(|user| user <= at::USER_SHARE_COLLAPSED)
        && pi_achieved.is_none_or(|pi| pi <= at::STANDSTILL_TOKENS_PER_SEC)
        && seen
            .ok_syscalls_per_busy_sec
            .is_none_or(|rate| rate <= at::STANDSTILL_TOKENS_PER_SEC)
}
