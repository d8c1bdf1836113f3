//! The one thread that writes.

use super::chain::{About, Chain};
use super::file::Folder;
use super::line::Said;
use super::log::Shared;
use super::options::Receipt;
use super::queue::{Batch, Item, What};
use super::{AuditError, Event, Record};
use crate::clock::{Clock, Timestamp};
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The longest pause between two tries of a failed write.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Writer {
    shared: Arc<Shared>,
    folder: Box<dyn Folder>,
    chain: Chain,
    about: About,
    clock: Clock,
    retry_after: Duration,
    /// Accepted records that a failed write left behind, oldest first.
    kept: Vec<Item>,
    trouble: Option<Trouble>,
}

/// What has gone wrong since the last write that succeeded.
struct Trouble {
    since: Timestamp,
    why: String,
    failed_writes: u64,
    refused: u64,
    pause: Duration,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        folder: Box<dyn Folder>,
        chain: Chain,
        about: About,
        clock: Clock,
        retry_after: Duration,
    ) -> Self {
        Self { shared, folder, chain, about, clock, retry_after, kept: Vec::new(), trouble: None }
    }

    pub(super) fn run(mut self) {
        // Also when this thread ends by a panic: nobody may wait for it, or believe it writes.
        let _ended = Ended(self.shared.clone());
        loop {
            let Batch { items, last } = match &self.trouble {
                None => self.shared.queue.next(),
                Some(trouble) => self.shared.queue.next_within(trouble.pause),
            };
            let kept = std::mem::take(&mut self.kept);
            self.write(kept.into_iter().chain(items).collect());
            if last {
                break;
            }
        }
        if !self.kept.is_empty() {
            tracing::error!(
                records = self.kept.len(),
                "the audit ends with records it could not write"
            );
        }
    }

    fn write(&mut self, items: Vec<Item>) {
        if items.is_empty() && self.trouble.is_none() {
            return;
        }
        self.shared.disk_begins();
        let written = self.commit(&items);
        self.shared.disk_ended();
        match written {
            Ok(receipts) => self.succeeded(items, receipts),
            Err(error) => self.failed(items, &error),
        }
    }

    fn commit(&mut self, items: &[Item]) -> io::Result<Vec<Receipt>> {
        if !self.chain.is_intact() {
            // Cut, extended or removed by somebody else. It is left as it is, for `verify` to show.
            tracing::error!(
                "the audit file was changed from outside; recording goes on in a new one"
            );
            self.begin_file()?;
        }
        let mut records: Vec<(Timestamp, &Said)> = items
            .iter()
            .filter_map(|item| match &item.what {
                What::Record(record) => Some((item.time, record)),
                What::Flush => None,
            })
            .collect();
        let recovered = self.trouble.as_ref().map(|trouble| Said::of(trouble.record()));
        let extra = recovered.as_ref().map(|record| {
            // After the records that were kept, whose times are older, but not after the closing one.
            let closes = records.last().is_some_and(|r| r.1.event() == Event::Closed);
            let at = records.len() - usize::from(closes);
            records.insert(at, (self.clock.now(), record));
            at
        });
        if records.is_empty() {
            return Ok(Vec::new());
        }
        match self.chain.commit(&records) {
            Ok(mut receipts) => {
                if let Some(at) = extra.filter(|at| *at < receipts.len()) {
                    receipts.remove(at);
                }
                Ok(receipts)
            }
            Err(error) => {
                if self.chain.roll_back().is_err() {
                    // What the failed write left cannot be taken back, so nothing may follow it there.
                    self.begin_file()?;
                }
                Err(error)
            }
        }
    }

    fn begin_file(&mut self) -> io::Result<()> {
        let after = self.chain.head();
        self.chain = Chain::create(&mut *self.folder, self.clock.now(), self.about.clone(), after)?;
        Ok(())
    }

    fn succeeded(&mut self, items: Vec<Item>, receipts: Vec<Receipt>) {
        if let Some(trouble) = self.trouble.take() {
            tracing::warn!(failed_writes = trouble.failed_writes, "the audit writes again");
        }
        self.settle(&items);
        self.shared.failed.store(false, Ordering::Release);
        let mut receipts = receipts.into_iter();
        let mut latest: Option<Receipt> = None;
        for item in items {
            if matches!(item.what, What::Record(_)) {
                latest = receipts.next();
            }
            if let Some(answer) = item.answer {
                let receipt = latest.clone().or_else(|| self.chain.head().map(Receipt::from));
                // Whoever waited may be gone; the record stands all the same.
                let _ = answer.send(receipt.ok_or(AuditError::Closed));
            }
        }
    }

    fn failed(&mut self, items: Vec<Item>, error: &io::Error) {
        self.shared.failed.store(true, Ordering::Release);
        let (kept, dropped): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|item| item.keep);
        self.settle(&dropped);
        self.note(error, dropped.iter().filter(|i| i.event().is_some()).count());
        let why = error.to_string();
        self.kept = kept;
        let waiting = self.kept.iter_mut().filter_map(|item| item.answer.take());
        for answer in waiting.chain(dropped.into_iter().filter_map(|item| item.answer)) {
            let _ = answer.send(Err(AuditError::Write { why: why.clone() }));
        }
    }

    fn note(&mut self, error: &io::Error, refused: usize) {
        let trouble = self.trouble.get_or_insert_with(|| {
            tracing::error!(%error, "the audit cannot be written; mutating calls are refused until it can");
            Trouble {
                since: self.clock.now(),
                why: String::new(),
                failed_writes: 0,
                refused: 0,
                pause: self.retry_after,
            }
        });
        trouble.why = error.to_string();
        trouble.failed_writes += 1;
        trouble.refused += refused as u64;
        if trouble.failed_writes > 1 {
            trouble.pause = (trouble.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn settle(&self, items: &[Item]) {
        let records = items.iter().filter_map(Item::event);
        let (all, refusals) = records.fold((0, 0), |(all, refusals), event| {
            (all + 1, refusals + usize::from(event.is_refusal()))
        });
        self.shared.queue.settle(all, refusals);
    }
}

impl Trouble {
    fn record(&self) -> Record {
        Record::new(Event::AuditRecovered).detail(json!({
            "since": self.since.to_rfc3339(),
            "failed_writes": self.failed_writes,
            "records_refused": self.refused,
            "error": self.why,
        }))
    }
}

struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.failed.store(true, Ordering::Release);
        self.0.queue.abandon();
    }
}
