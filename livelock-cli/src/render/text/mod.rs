//! The report for a human.
//!
//! In: a verdict. Out: text whose first three lines say what is wrong, where, and what to do. Refuses: to hide
//! what speaks against the verdict.

mod handoffs;
mod head;
mod ledger;
mod lock;
mod page;
mod reasons;

use livelock_core::verdict::Verdict;

use super::Style;
pub(crate) use page::Page;

/// The report, in the order in which it is read under pressure.
#[must_use]
pub fn verdict_text(verdict: &Verdict, style: Style) -> String {
    let mut page = Page::new(style);
    head::write(&mut page, verdict);
    lock::write(&mut page, verdict);
    ledger::write(&mut page, verdict);
    reasons::write(&mut page, verdict);
    page.finish()
}
