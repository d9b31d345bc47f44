//! What is shown, and how keys change it.
//!
//! In: snapshots and keys. Out: the view, and an [`Effect`] for whoever owns the terminal. Refuses: to lose what comes
//! while the view is frozen, and to move a selection because the order changed: locks go by address, CPUs by number.

use std::sync::Arc;

use livelock_core::host::HostFacts;
use livelock_core::ids::CpuId;
use livelock_core::recording::Opening;
use livelock_core::scope::Scope;
use livelock_core::verdict::{LockReport, TimeLedger};

use super::cpu_shares::merged;
use super::draw::Drawn;
use super::history::{Entry, History};
use super::key::Key;
use super::order::{self, CpuOrder, LockOrder};
use super::panes::Pane;
use super::snapshot::{Snapshot, Source};

/// Windows that may be merged for display.
const MERGES: [usize; 6] = [1, 2, 5, 10, 30, 60];
/// Longest filter: names are shorter, and a held key must end.
const MAX_FILTER: usize = 64;

/// What a key asks of whoever owns the terminal.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing.
    None,
    /// To end, as if the time were over.
    Quit,
    /// To end, as if by SIGINT.
    Interrupt,
    /// To stop until the shell continues it.
    Suspend,
    /// To draw everything anew.
    Redraw,
    /// To have the next window of the recording now.
    Next,
    /// To write a report of this moment.
    Write(Arc<Snapshot>),
}

/// What is known before the first window.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) host: HostFacts,
    pub(super) scope: Scope,
    pub(super) window_ns: u64,
    /// The end of the recording is missing.
    pub(super) is_cut_off: bool,
}

/// A lock by address; `None` is the sum of those without one.
pub(super) type LockKey = Option<String>;

/// The state.
#[derive(Clone, Debug)]
pub struct Screen {
    pub(super) source: Source,
    pub(super) head: Option<Head>,
    pub(super) history: History,
    /// No more windows come.
    pub(super) is_over: bool,
    pub(super) pane: Pane,
    pub(super) is_open: bool,
    pub(super) is_help: bool,
    pub(super) frozen: Option<Entry>,
    pub(super) lock: Option<LockKey>,
    pub(super) cpu: Option<CpuId>,
    pub(super) lock_order: LockOrder,
    pub(super) cpu_order: CpuOrder,
    pub(super) filter: String,
    pub(super) is_typing: bool,
    /// The next window is shown as soon as it is there, and the view stays at it.
    wants_next: bool,
    merge: usize,
    pub(super) scroll: usize,
    pub(super) notice: Option<String>,
    pub(super) drawn: Drawn,
}

impl Screen {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self {
            source,
            head: None,
            history: History::default(),
            is_over: false,
            pane: Pane::default(),
            is_open: false,
            is_help: false,
            frozen: None,
            lock: None,
            cpu: None,
            lock_order: LockOrder::default(),
            cpu_order: CpuOrder::default(),
            filter: String::new(),
            is_typing: false,
            wants_next: false,
            merge: 0,
            scroll: 0,
            notice: None,
            drawn: Drawn::default(),
        }
    }

    /// The session has begun.
    pub fn begin(&mut self, opening: &Opening) {
        self.head = Some(Head {
            host: opening.host.clone(),
            scope: opening.scope.clone(),
            window_ns: opening.window_ns,
            is_cut_off: opening.is_cut_off(),
        });
    }

    /// A window was judged.
    pub fn feed(&mut self, snapshot: Snapshot) {
        self.history.push(snapshot);
        if std::mem::take(&mut self.wants_next) {
            self.frozen = self.history.newest().cloned();
        }
    }

    /// No more windows come.
    pub const fn end(&mut self) {
        self.is_over = true;
    }

    /// Something to tell in the last line, until the next key.
    pub fn notice(&mut self, text: String) {
        self.notice = Some(text);
    }

    /// What the last frame had room for.
    pub const fn drawn(&mut self, drawn: Drawn) {
        self.drawn = drawn;
    }

    /// The moment that is shown.
    pub(super) fn shown(&self) -> Option<&Entry> {
        self.frozen.as_ref().or_else(|| self.history.newest())
    }

    /// Windows merged for display.
    pub(super) fn nr_merged(&self) -> usize {
        MERGES.get(self.merge).copied().unwrap_or(1)
    }

    /// The locks listed at the moment shown.
    pub(super) fn locks(&self) -> Vec<&LockReport> {
        self.shown().map_or_else(Vec::new, |shown| {
            let locks = &shown.snapshot.verdict.locks;
            order::locks(locks, &self.filter, self.lock_order)
        })
    }

    /// The CPUs at the moment shown, over the windows merged, sorted.
    pub(super) fn cpus(&self) -> Vec<(CpuId, TimeLedger)> {
        let Some(shown) = self.shown() else {
            return Vec::new();
        };
        // What is frozen may have left the history since.
        let newest = std::iter::once(&shown.snapshot);
        let older = self.history.back_from(shown.number().saturating_sub(1));
        let snapshots = newest.chain(older).take(self.nr_merged());
        let mut cpus = merged(snapshots.map(|snapshot| &**snapshot));
        order::cpus(&mut cpus, self.cpu_order);
        cpus
    }

    /// Index of the selected lock in `locks`.
    pub(super) fn lock_index(&self, locks: &[&LockReport]) -> usize {
        let is_it = |lock: &&LockReport| Some(&lock.addr) == self.lock.as_ref();
        locks.iter().position(is_it).unwrap_or(0)
    }

    /// Index of the selected CPU in `cpus`.
    pub(super) fn cpu_index(&self, cpus: &[(CpuId, TimeLedger)]) -> usize {
        let is_it = |(cpu, _): &(CpuId, TimeLedger)| Some(*cpu) == self.cpu;
        cpus.iter().position(is_it).unwrap_or(0)
    }

    /// A key was pressed.
    pub fn key(&mut self, key: Key) -> Effect {
        self.notice = None;
        match key {
            Key::Interrupt => return Effect::Interrupt,
            Key::Suspend => return Effect::Suspend,
            Key::Redraw => return Effect::Redraw,
            _ if self.is_typing => self.type_filter(key),
            Key::Char('q') => return Effect::Quit,
            _ if self.is_help => self.is_help = false,
            Key::Char('w') => return self.write(),
            Key::Char('[') => self.step(false),
            Key::Char(']') => return self.forward(),
            _ => self.command(key),
        }
        Effect::None
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Char(c) if !c.is_control() && self.filter.chars().count() < MAX_FILTER => {
                self.filter.push(c);
            }
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Enter => self.is_typing = false,
            Key::Esc => {
                self.filter.clear();
                self.is_typing = false;
            }
            _ => {}
        }
    }

    fn write(&mut self) -> Effect {
        if let Some(shown) = self.shown() {
            return Effect::Write(Arc::clone(&shown.snapshot));
        }
        self.notice("nothing to write yet: no window has closed".to_owned());
        Effect::None
    }

    fn command(&mut self, key: Key) {
        match key {
            Key::Char('?') => self.is_help = true,
            Key::Esc | Key::Backspace => self.back(),
            Key::Tab => self.go_to(self.pane.next()),
            Key::BackTab => self.go_to(self.pane.previous()),
            Key::Enter => {
                self.is_open = !self.is_open;
                self.scroll = 0;
            }
            Key::Char('/') => {
                self.pane = Pane::Locks;
                self.is_open = false;
                self.is_typing = true;
            }
            Key::Char('s') if self.pane == Pane::Cpus => self.cpu_order = self.cpu_order.next(),
            Key::Char('s') => self.lock_order = self.lock_order.next(),
            Key::Char(' ') => self.toggle_freeze(),
            Key::Char('+' | '=') => self.merge = (self.merge + 1).min(MERGES.len() - 1),
            Key::Char('-' | '_') => self.merge = self.merge.saturating_sub(1),
            Key::Up | Key::Char('k') => self.go(0, -1),
            Key::Down | Key::Char('j') => self.go(0, 1),
            Key::Left | Key::Char('h') => self.go(-1, 0),
            Key::Right | Key::Char('l') => self.go(1, 0),
            Key::PageUp => self.go(0, -self.page()),
            Key::PageDown => self.go(0, self.page()),
            Key::Home | Key::Char('g') => self.go(0, isize::MIN),
            Key::End | Key::Char('G') => self.go(0, isize::MAX),
            _ => {}
        }
    }

    /// One thing less: detail, filter, freeze.
    fn back(&mut self) {
        if self.is_open {
            self.is_open = false;
        } else if !self.filter.is_empty() {
            self.filter.clear();
        } else if self.frozen.is_some() {
            self.frozen = None;
        } else {
            self.notice("q quits, ? tells the keys".to_owned());
        }
        self.scroll = 0;
    }

    const fn go_to(&mut self, pane: Pane) {
        self.pane = pane;
        self.scroll = 0;
    }

    fn toggle_freeze(&mut self) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => self.history.newest().cloned(),
        };
    }

    /// The window before or after the one shown, and stays there.
    fn step(&mut self, is_later: bool) {
        let Some(number) = self.shown().map(Entry::number) else {
            return;
        };
        match self.history.beside(number, is_later).cloned() {
            Some(entry) => self.frozen = Some(entry),
            None if is_later => self.notice("this is the newest window".to_owned()),
            None => {
                self.frozen = self.shown().cloned();
                self.notice("this is the oldest window that is kept".to_owned());
            }
        }
    }

    /// A window forward; at the newest one, the next that a recording has.
    fn forward(&mut self) -> Effect {
        let is_newest = self
            .shown()
            .is_some_and(|shown| self.history.nr_after(shown.number()) == 0);
        let can_have_next = matches!(self.source, Source::Recording { .. }) && !self.is_over;
        if is_newest && can_have_next {
            self.wants_next = true;
            return Effect::Next;
        }
        self.step(true);
        Effect::None
    }

    fn page(&self) -> isize {
        isize::try_from(self.drawn.nr_rows.max(1)).unwrap_or(1)
    }

    /// Moves what is selected, or the text of a detail. Left and right in a detail go to the item beside.
    fn go(&mut self, right: isize, down: isize) {
        if self.is_open && down != 0 {
            self.scroll = moved(self.scroll, down, self.drawn.nr_scrollable + 1);
            return;
        }
        match self.pane {
            Pane::Locks => self.select_lock(down.saturating_add(right)),
            Pane::Cpus => {
                let a_row = isize::try_from(self.drawn.nr_cpus_a_row.max(1)).unwrap_or(1);
                self.select_cpu(right.saturating_add(down.saturating_mul(a_row)));
            }
            Pane::Time if right != 0 => self.step(right > 0),
            Pane::Time | Pane::Verdict | Pane::Cost => {}
        }
        self.scroll = 0;
    }

    fn select_lock(&mut self, by: isize) {
        let locks = self.locks();
        let index = moved(self.lock_index(&locks), by, locks.len());
        if let Some(addr) = locks.get(index).map(|lock| lock.addr.clone()) {
            self.lock = Some(addr);
        }
    }

    fn select_cpu(&mut self, by: isize) {
        let cpus = self.cpus();
        let index = moved(self.cpu_index(&cpus), by, cpus.len());
        if let Some((cpu, _)) = cpus.get(index) {
            self.cpu = Some(*cpu);
        }
    }
}

/// `index` moved by `by`, within `nr` items.
fn moved(index: usize, by: isize, nr: usize) -> usize {
    index.saturating_add_signed(by).min(nr.saturating_sub(1))
}
