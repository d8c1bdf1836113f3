//! The bounded queue between the calls and the writer thread.

use super::line::Said;
use super::options::Receipt;
use super::{AuditError, Event};
use crate::clock::Timestamp;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

pub(super) type Answer = oneshot::Sender<Result<Receipt, AuditError>>;

/// How long the writer lets records gather that nobody waits for.
///
/// A loss of power loses what was read in this time; nothing that changes anything is among it. Each group costs a sync.
const GATHER: Duration = Duration::from_millis(10);
/// A batch of this size is written at once.
const GATHER_AT_MOST: usize = 512;
/// More is written in several groups, so that no group keeps the disk long enough to look hung.
const LARGEST_BATCH: usize = 1024;

/// One place in the queue.
pub(super) struct Item {
    pub(super) time: Timestamp,
    pub(super) what: What,
    /// Who waits for the disk.
    pub(super) answer: Option<Answer>,
    /// Kept and tried again after a failed write: it was accepted already, or its effect has happened.
    pub(super) keep: bool,
}

pub(super) enum What {
    /// Something to write.
    Record(Said),
    /// A mark: everything before it has been written when it is answered.
    Flush,
}

impl Item {
    pub(super) fn event(&self) -> Option<Event> {
        match &self.what {
            What::Record(record) => Some(record.event()),
            What::Flush => None,
        }
    }
}

/// What the writer took out.
pub(super) struct Batch {
    pub(super) items: VecDeque<Item>,
    /// Nothing will follow.
    pub(super) last: bool,
}

/// What the writer thread does at the queue.
#[derive(Default, PartialEq, Eq)]
enum Rest {
    /// It is busy and will look by itself.
    #[default]
    Awake,
    /// It waits for a first item.
    Sleeping,
    /// It waits for more items, but not for long.
    Gathering,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// Records in the queue or at the writer.
    used: usize,
    /// How many of them are refusals.
    refusals: usize,
    /// Places promised to outcomes.
    reserved: usize,
    closing: bool,
    /// Somebody waits for the disk.
    urgent: bool,
    writer: Rest,
}

/// Every place is either free, promised to an outcome, or taken; refusals never take more than half.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), capacity: capacity.max(4) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A holder that panicked left nothing half done: every change below is a single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item in a place of its own.
    pub(super) fn push(&self, item: Item) -> Result<(), AuditError> {
        let mut state = self.lock();
        if state.closing {
            return Err(AuditError::Closed);
        }
        if let Some(event) = item.event() {
            let full = state.used + state.reserved >= self.capacity;
            if full || (event.is_refusal() && state.refusals >= self.capacity / 2) {
                return Err(AuditError::Full);
            }
            state.used += 1;
            state.refusals += usize::from(event.is_refusal());
        }
        self.add(state, item);
        Ok(())
    }

    /// Promises a place.
    pub(super) fn reserve(&self) -> Result<(), AuditError> {
        let mut state = self.lock();
        if state.closing {
            return Err(AuditError::Closed);
        }
        if state.used + state.reserved >= self.capacity {
            return Err(AuditError::Full);
        }
        state.reserved += 1;
        Ok(())
    }

    /// Gives a promised place back.
    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(1);
    }

    /// Adds an item in a place that [`Queue::reserve`] promised. The promise is used up unless this fails.
    pub(super) fn push_reserved(&self, item: Item) -> Result<(), AuditError> {
        let mut state = self.lock();
        if state.closing {
            return Err(AuditError::Closed);
        }
        state.reserved = state.reserved.saturating_sub(1);
        state.used += 1;
        state.refusals += usize::from(item.event().is_some_and(Event::is_refusal));
        self.add(state, item);
        Ok(())
    }

    /// Takes no more; `item` is the last. Later calls change nothing.
    pub(super) fn close(&self, item: Item) -> Result<(), AuditError> {
        let mut state = self.lock();
        if state.closing {
            return Err(AuditError::Closed);
        }
        state.closing = true;
        state.used += 1;
        self.add(state, item);
        Ok(())
    }

    fn add(&self, mut state: MutexGuard<'_, State>, item: Item) {
        state.urgent |= item.answer.is_some() || state.closing;
        state.items.push_back(item);
        let due = state.urgent || state.items.len() >= GATHER_AT_MOST;
        // Waking is the dear part, so it is left out when the writer is awake or will look by itself.
        if state.writer == Rest::Sleeping || (state.writer == Rest::Gathering && due) {
            state.writer = Rest::Awake;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits for items and takes them, oldest first.
    pub(super) fn next(&self) -> Batch {
        let mut state = self.lock();
        while state.items.is_empty() && !state.closing {
            state.writer = Rest::Sleeping;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state = self.gather(state, GATHER);
        Self::take(state)
    }

    /// Waits for `pause`, or for an item somebody waits for, and takes what is there.
    pub(super) fn next_within(&self, pause: Duration) -> Batch {
        let state = self.gather(self.lock(), pause);
        Self::take(state)
    }

    fn gather<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        pause: Duration,
    ) -> MutexGuard<'a, State> {
        state.writer = Rest::Gathering;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, pause, |s| {
                !s.urgent && !s.closing && s.items.len() < GATHER_AT_MOST
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.writer = Rest::Awake;
        state
    }

    fn take(mut state: MutexGuard<'_, State>) -> Batch {
        let count = state.items.len().min(LARGEST_BATCH);
        let rest = state.items.split_off(count);
        let items = std::mem::replace(&mut state.items, rest);
        // What is left is due at once: it has waited its time.
        state.urgent = !state.items.is_empty();
        Batch { items, last: state.closing && !state.urgent }
    }

    /// Frees the places of records that are on the disk or were answered with an error.
    pub(super) fn settle(&self, records: usize, refusals: usize) {
        let mut state = self.lock();
        state.used = state.used.saturating_sub(records);
        state.refusals = state.refusals.saturating_sub(refusals);
    }

    /// The writer has ended: nothing is taken any more, and whoever waits is told by the drop of their answer.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closing = true;
        state.items.clear();
    }
}
