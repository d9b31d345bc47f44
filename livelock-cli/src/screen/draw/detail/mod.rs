//! What Enter opens.

pub(super) mod cost;
pub(super) mod cpu;
pub(super) mod evidence;
pub(super) mod lock;
mod matrix;
pub(super) mod windows;

use crate::render::units::clean;
use crate::screen::panes::Pane;
use crate::screen::state::Screen;

/// What the detail is of.
pub(super) fn title(screen: &Screen) -> String {
    let what = screen.pane.detail();
    match screen.pane {
        Pane::Locks => {
            let locks = screen.locks();
            let index = screen.lock_index(&locks);
            match locks.get(index) {
                Some(lock) => format!(
                    "{what} {} of {}: {}",
                    index + 1,
                    locks.len(),
                    clean(&lock.name)
                ),
                None => what.to_owned(),
            }
        }
        Pane::Cpus => {
            let cpus = screen.cpus();
            let index = screen.cpu_index(&cpus);
            match cpus.get(index) {
                Some((cpu, _)) => {
                    let order = screen.cpu_order.name();
                    format!("{what} {}, {} of {}, {order}", cpu.0, index + 1, cpus.len())
                }
                None => what.to_owned(),
            }
        }
        Pane::Verdict | Pane::Time | Pane::Cost => what.to_owned(),
    }
}
