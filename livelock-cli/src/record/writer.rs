//! The thread that writes a recording.
//!
//! In: the opening, each window, the end. Out: what a [`Recorder`] makes of them. Refuses: to let whoever observes wait for
//! encoding or a disk, as long as it is no more than [`NR_WAITING`] windows behind; then it is waited for, and nothing is lost.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use livelock_core::recording::{Baseline, Close, EndedBy, NameTable, Opening};
use livelock_core::verdict::Status;

use super::error::RecordError;
use super::recorder::{Recorded, Recorder};

/// Windows that may wait to be written: some seconds of those of `diagnose`, a few MiB at the highest event rates.
const NR_WAITING: usize = 16;

enum Order {
    Begin(Box<Opening>, Baseline),
    Window(Box<Close>, Option<Status>),
    End(Box<Close>, EndedBy),
}

/// What was written, and why no more.
type Written = (Recorded, Result<(), RecordError>);

/// The way to the thread. Dropping it waits for what is still to be written.
pub struct Writer {
    /// `None` at the end.
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<Written>>,
    wants_status: bool,
}

/// Nothing is written any more; [`Writer::finish`] says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl Writer {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// If there is no thread to be had.
    pub fn start(recorder: Recorder) -> Result<Self, RecordError> {
        let wants_status = recorder.wants_status();
        let (orders, inbox) = sync_channel(NR_WAITING);
        let thread = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || serve(recorder, &inbox))
            .map_err(|source| RecordError::Thread { source })?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
            wants_status,
        })
    }

    /// Whether [`Self::window`] wants to know the status.
    #[must_use]
    pub const fn wants_status(&self) -> bool {
        self.wants_status
    }

    /// Before the first window.
    ///
    /// # Errors
    ///
    /// If nothing is written any more; so do all others.
    pub fn begin(&self, opening: &Opening, baseline: Baseline) -> Result<(), Stopped> {
        self.order(Order::Begin(Box::new(opening.clone()), baseline))
    }

    /// A window with the names that it is the first to need, and what the recent windows amount to.
    ///
    /// # Errors
    ///
    /// As [`Self::begin`].
    pub fn window(&self, close: Close, status: Option<Status>) -> Result<(), Stopped> {
        self.order(Order::Window(Box::new(close), status))
    }

    /// The books after the last window, and the end.
    ///
    /// # Errors
    ///
    /// As [`Self::begin`].
    pub fn end(&self, rest: Close, ended_by: EndedBy) -> Result<(), Stopped> {
        self.order(Order::End(Box::new(rest), ended_by))
    }

    /// Waits until all is written; what that was, and why no more.
    pub fn finish(mut self) -> (Recorded, Result<(), RecordError>) {
        self.join().unwrap_or_else(|| {
            let source = io::Error::other("it died");
            (Recorded::default(), Err(RecordError::Thread { source }))
        })
    }

    fn join(&mut self) -> Option<Written> {
        self.orders = None;
        self.thread.take()?.join().ok()
    }

    fn order(&self, order: Order) -> Result<(), Stopped> {
        let orders = self.orders.as_ref().ok_or(Stopped)?;
        orders.send(order).map_err(|_| Stopped)
    }
}

impl Drop for Writer {
    /// What was not finished was not wanted, and leaves no file behind where it never began.
    fn drop(&mut self) {
        drop(self.join());
    }
}

/// Writes what is ordered until nobody orders any more, or it cannot be done.
fn serve(mut recorder: Recorder, inbox: &Receiver<Order>) -> Written {
    let mut names = NameTable::default();
    let mut write = |order| match order {
        Order::Begin(opening, baseline) => recorder.begin(&opening, baseline),
        Order::Window(close, status) => {
            names.learn(&close.names);
            recorder.window(*close, &names, status)
        }
        Order::End(rest, ended_by) => recorder.end(*rest, ended_by),
    };
    let done = inbox.iter().try_for_each(&mut write);
    (recorder.recorded().clone(), done)
}
