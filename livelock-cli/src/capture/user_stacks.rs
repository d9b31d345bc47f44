//! The user sides of stacks, which travel in rings of their own.
//!
//! In: their rings, and the stacks drained just now. Out: stacks that have their user side. Refuses: to keep a side whose stack
//! does not come; rings bound how many there can be.

use std::collections::HashMap;

use livelock_common::{Ring, STACK_RING, UserStackRecord};

use super::drain::Rings;
use super::mapping::MappedArray;
use crate::raw::RawRecord;

/// Rings of user sides, and those whose stack was not drained yet.
pub(super) struct UserStacks {
    rings: Rings<UserStackRecord, STACK_RING>,
    /// By CPU and number of the stack.
    waiting: HashMap<(u32, u32), Box<UserStackRecord>>,
    /// More than this cannot be on their way.
    most: usize,
}

impl UserStacks {
    pub(super) fn new(map: MappedArray<Ring<UserStackRecord, STACK_RING>>) -> Self {
        let most = map.len() * STACK_RING;
        Self {
            rings: Rings::new(map),
            waiting: HashMap::new(),
            most,
        }
    }

    /// Sides dropped by the ring of `cpu` since attach.
    pub(super) fn nr_dropped(&self, cpu: usize) -> u64 {
        self.rings.nr_dropped(cpu)
    }

    /// Gives each of `stacks` its side. A side is written before its stack, so it is here if the stack is.
    pub(super) fn join(&mut self, stacks: &mut [RawRecord]) {
        let waiting = &mut self.waiting;
        self.rings.drain(|cpu, record| {
            waiting.insert((cpu, record.stack_id), Box::new(record));
        });
        for stack in stacks {
            if let RawRecord::Stack { cpu, record, user } = stack {
                *user = waiting.remove(&(*cpu, record.stack_id));
            }
        }
        if waiting.len() > self.most {
            waiting.clear();
        }
    }
}
