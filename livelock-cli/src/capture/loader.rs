//! The thread that loads and attaches programs while the host is watched.
//!
//! In: orders. Out: what is attached when one is carried out. Refuses: orders beyond [`NR_ORDERS`], and all when it is over. To load a program
//! and to register it with a tracepoint waits for all CPUs to answer (`text_poke_bp()`, `synchronize_rcu()`), which takes milliseconds,
//! and seconds in a storm; meanwhile rings fill and have to be emptied.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use aya::{Btf, Ebpf};
use livelock_core::probes::{GroupSet, ProbeSet};

use super::groups::Groups;
use super::watched_calls::CallPrograms;

/// Orders under way at most: one for groups, and once one for the programs that record calls.
const NR_ORDERS: usize = 2;

enum Order {
    Groups(GroupSet),
    Calls(SyncSender<CallPrograms>),
}

/// The thread is no more, and all that it had attached with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// The way to the thread, which detaches all and ends with it.
pub(super) struct Loader {
    orders: SyncSender<Order>,
    attached: Receiver<ProbeSet>,
    is_over: Arc<AtomicBool>,
}

impl Loader {
    /// Starts the thread; without it there is no level 1.
    pub(super) fn start(mut ebpf: Ebpf, btf: Btf, mut groups: Groups) -> Option<Self> {
        let (orders, inbox) = sync_channel(NR_ORDERS);
        let (outbox, attached) = sync_channel(1);
        let is_over = Arc::new(AtomicBool::new(false));
        let is_over_there = Arc::clone(&is_over);
        let run = move || {
            let is_over = &is_over_there;
            let next = || {
                inbox
                    .recv()
                    .ok()
                    .filter(|_| !is_over.load(Ordering::Relaxed))
            };
            while let Some(order) = next() {
                match order {
                    Order::Groups(wanted) => {
                        let probes = groups.set(wanted, (&mut ebpf, &btf), is_over);
                        if outbox.send(probes).is_err() {
                            break;
                        }
                    }
                    Order::Calls(to) => load_calls(&mut ebpf, &to),
                }
            }
            groups.detach_all();
        };
        let started = thread::Builder::new().name("loader".to_owned()).spawn(run);
        if let Err(error) = started {
            log::warn!(
                "only level 0 is there: failed to start the thread that loads more: {error}"
            );
            return None;
        }
        Some(Self {
            orders,
            attached,
            is_over,
        })
    }

    /// Orders these groups and no others; whether the order was taken.
    pub(super) fn set(&self, wanted: GroupSet) -> bool {
        self.orders.try_send(Order::Groups(wanted)).is_ok()
    }

    /// What is attached after the last order, once it is carried out; waits for it no longer than `limit`.
    pub(super) fn attached(&self, limit: Duration) -> Result<Option<ProbeSet>, Gone> {
        match self.attached.recv_timeout(limit) {
            Ok(probes) => Ok(Some(probes)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Gone),
        }
    }

    pub(super) fn load_calls(&self, to: SyncSender<CallPrograms>) {
        // Whoever waits for them sees that nobody has the other end.
        let _ = self.orders.try_send(Order::Calls(to));
    }
}

impl Drop for Loader {
    /// What is under way ends with the program that is being attached.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn load_calls(ebpf: &mut Ebpf, to: &SyncSender<CallPrograms>) {
    match CallPrograms::load(ebpf) {
        Ok(programs) => drop(to.try_send(programs)),
        Err(error) => {
            let error = anyhow::Error::from(error);
            log::warn!("the calls around trylocks stay unseen: failed to {error:#}");
        }
    }
}

#[cfg(test)]
impl Loader {
    /// One whose orders are taken by the caller, who tells what is attached.
    pub(super) fn stand_in() -> (Self, SyncSender<ProbeSet>, impl FnMut() -> Option<GroupSet>) {
        let (orders, inbox) = sync_channel(NR_ORDERS);
        let (outbox, attached) = sync_channel(1);
        let loader = Self {
            orders,
            attached,
            is_over: Arc::default(),
        };
        let ordered = move || match inbox.try_recv() {
            Ok(Order::Groups(wanted)) => Some(wanted),
            _ => None,
        };
        (loader, outbox, ordered)
    }
}
