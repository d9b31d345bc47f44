//! The report for a human.
//!
//! In: a verdict. Out: text whose first three lines say what is wrong, where, and what to do. Refuses: to hide
//! what speaks against the verdict.

mod chain;
mod handoffs;
mod head;
mod holder;
mod ledger;
mod lock;
mod page;
mod reasons;

use livelock_core::scope::Scope;
use livelock_core::verdict::{LockReport, Verdict};

use super::Style;
pub(crate) use chain::{chain_links, chain_title};
pub(crate) use handoffs::{class as handoff_class, explanation as handoff_explanation};
pub(crate) use head::{is_doubtful, lags, no_remedy};
pub(crate) use holder::{held, known};
pub(crate) use lock::{beside_burn_text, source as name_source_text};
pub(crate) use page::Page;

/// The report, in the order in which it is read under pressure.
#[must_use]
pub fn verdict_text(verdict: &Verdict, style: Style) -> String {
    let mut page = Page::new(style);
    head::write(&mut page, verdict);
    lock::write(&mut page, verdict);
    chain::write(&mut page, verdict);
    ledger::write(&mut page, verdict);
    reasons::write(&mut page, verdict);
    page.finish()
}

/// What is wrong, where, and what to do.
pub(crate) fn verdict_head(verdict: &Verdict, style: Style) -> String {
    let mut page = Page::new(style);
    head::write(&mut page, verdict);
    page.finish()
}

/// One lock with all that is known of its two sides.
pub(crate) fn lock_text(lock: &LockReport, scope: &Scope, style: Style) -> String {
    let mut page = Page::new(style);
    lock::write_all(&mut page, lock, scope);
    page.finish()
}

/// Evidence for and against, what was ruled out, what is not visible, what to do.
pub(crate) fn reasons_text(verdict: &Verdict, style: Style) -> String {
    let mut page = Page::new(style);
    reasons::write_reasons(&mut page, verdict);
    page.finish()
}

/// What probe level 1 saw, a line for each kind; empty if it was not attached.
pub(crate) fn activity_text(verdict: &Verdict, style: Style) -> String {
    let mut page = Page::new(style);
    ledger::write_activity(&mut page, verdict);
    page.finish()
}

/// The books, and what they cost.
pub(crate) fn cost_text(verdict: &Verdict, style: Style) -> String {
    let mut page = Page::new(style);
    reasons::write_cost(&mut page, verdict);
    page.finish()
}
