//! Who waits and who holds, by path.
//!
//! In: one side of a lock. Out: a list of stacks. Refuses: more paths and frames than are read; it says how many more
//! there are.

use livelock_core::verdict::LockSide;
use maud::{Markup, html};

use super::words::{plain, sentence};
use crate::render::known;
use crate::render::units::count;

const MAX_PATHS: usize = 4;
const MAX_FRAMES: usize = 16;

pub(super) fn side(title: &str, sides: &[LockSide]) -> Markup {
    html! {
        div class="side" {
            h4 { (title) }
            @if sides.is_empty() { p class="faint" { "not seen" } }
            @for side in sides.iter().take(MAX_PATHS) {
                (path(side))
            }
            @if sides.len() > MAX_PATHS {
                p class="faint" { "and " (sides.len() - MAX_PATHS) " more paths" }
            }
        }
    }
}

fn path(side: &LockSide) -> Markup {
    html! {
        div class="path" {
            p {
                b { (format!("{:.0} %", side.share_pct)) } " by " (count(side.nr_samples))
                @if side.nr_samples == 1 { " stack, " } @else { " stacks, " }
                @match (&side.comm, side.pid) {
                    (Some(comm), Some(pid)) => { code { (plain(comm)) } " (" (pid.0) ")" },
                    (Some(comm), None) => code { (plain(comm)) },
                    (None, Some(pid)) => { "pid " (pid.0) },
                    (None, None) => "unknown task",
                }
                // The root cgroup says nothing.
                @if let Some(cgroup) = side.cgroup.as_ref().filter(|path| *path != "/") {
                    br;
                    code class="faint" { (plain(cgroup)) }
                }
            }
            @for known in known(side) {
                p class="faint" { (sentence(&known)) }
            }
            (frames(&side.stack))
            @if let Some(user) = side.user_stacks.first() {
                p class="faint" {
                    (format!("from user code ({:.0} % of those seen)", user.share_pct))
                }
                (frames(&user.frames))
            }
        }
    }
}

fn frames(stack: &[String]) -> Markup {
    let nr_more = stack.len().saturating_sub(MAX_FRAMES);
    html! {
        ol class="stack" {
            @for frame in stack.iter().take(MAX_FRAMES) {
                li { code { (plain(frame)) } }
            }
            @if nr_more > 0 { li class="faint" { "and " (nr_more) " more" } }
        }
    }
}
