//! The handle that calls record with.

use super::chain::{About, Chain};
use super::file::{Disk, Folder};
use super::line::Said;
use super::options::{Durability, Options, Receipt};
use super::queue::{Item, Queue, What};
use super::writer::Writer;
use super::{AuditError, AuditKey, Event, Record};
use crate::clock::Clock;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What handle and writer share.
pub(super) struct Shared {
    pub(super) queue: Queue,
    /// A write failed and none has succeeded since.
    pub(super) failed: AtomicBool,
    /// Milliseconds on `base` since which the disk has been busy; 0 while it is not.
    busy_since: AtomicU64,
    base: Instant,
}

impl Shared {
    fn millis(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn disk_begins(&self) {
        self.busy_since.store(self.millis().max(1), Ordering::Release);
    }

    pub(super) fn disk_ended(&self) {
        self.busy_since.store(0, Ordering::Release);
    }

    fn hangs(&self, limit: Duration) -> bool {
        let since = self.busy_since.load(Ordering::Acquire);
        since != 0 && u128::from(self.millis().saturating_sub(since)) > limit.as_millis()
    }
}

struct Inner {
    shared: Arc<Shared>,
    key: AuditKey,
    clock: Clock,
    options: Options,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer thread ends in its own time; whoever wants to wait calls `close`.
        let _ = self.shared.queue.close(closing(&self.clock, None));
    }
}

fn closing(clock: &Clock, answer: Option<super::queue::Answer>) -> Item {
    Item {
        time: clock.now(),
        what: What::Record(Said::of(Record::new(Event::Closed))),
        answer,
        keep: true,
    }
}

/// The audit of one process on a data folder. Clones share the writer.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use mcp_secure::audit::{Audit, AuditKey, Event, Record, verify};
/// use mcp_secure::clock::Clock;
/// let dir = std::env::temp_dir().join(format!("audit-doc-{}", std::process::id()));
/// let audit = Audit::open(&dir, AuditKey::new("k1", &[7; 32]), Clock::system())?;
///
/// let room = audit.reserve_outcome()?;
/// audit.durable(Record::new(Event::Intent).tool("request_refund")).await?;
/// // ... the body runs ...
/// room.durable(Record::new(Event::Outcome).tool("request_refund")).await?;
///
/// audit.close().await?;
/// assert!(verify(&dir)?.is_intact());
/// # std::fs::remove_dir_all(&dir).ok();
/// # Ok::<(), mcp_secure::audit::AuditError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("healthy", &self.is_healthy()).finish_non_exhaustive()
    }
}

impl Audit {
    /// Opens a chain of its own in `dir`, with the default limits. Returns once its first record is on the disk.
    pub fn open(dir: &Path, key: AuditKey, clock: Clock) -> Result<Self, AuditError> {
        Self::open_with(dir, key, clock, Options::default())
    }

    /// As [`Audit::open`], with other limits.
    pub fn open_with(
        dir: &Path,
        key: AuditKey,
        clock: Clock,
        options: Options,
    ) -> Result<Self, AuditError> {
        let disk = Disk::open(dir, options.durability == Durability::Strict)
            .map_err(|e| AuditError::folder(dir, &e))?;
        Self::start(Box::new(disk), key, clock, options).map_err(|e| AuditError::folder(dir, &e))
    }

    /// Opens on any folder; tests use one that fails on demand.
    pub(super) fn start(
        mut folder: Box<dyn Folder>,
        key: AuditKey,
        clock: Clock,
        options: Options,
    ) -> std::io::Result<Self> {
        let about = About { key_id: key.id().to_owned(), durability: options.durability.as_str() };
        let mut chain = Chain::create(&mut *folder, clock.now(), about.clone(), None)?;
        chain.commit(&[])?;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.capacity),
            failed: AtomicBool::new(false),
            busy_since: AtomicU64::new(0),
            base: Instant::now(),
        });
        let writer =
            Writer::new(shared.clone(), folder, chain, about, clock.clone(), options.retry_after);
        std::thread::Builder::new().name("audit".into()).spawn(move || writer.run())?;
        Ok(Self(Arc::new(Inner { shared, key, clock, options })))
    }

    /// Records, and returns once the record is on the disk.
    ///
    /// An error means that nothing may rely on the record: the write failed, took too long, or was not tried because
    /// an earlier one failed.
    pub async fn durable(&self, record: Record) -> Result<Receipt, AuditError> {
        self.check_healthy()?;
        let (answer, answered) = oneshot::channel();
        self.0.shared.queue.push(self.item(record, Some(answer), false))?;
        self.0.confirmed(answered).await
    }

    /// Records, and returns once the record is queued for the next group. From then on it is never dropped: after a
    /// failed write it is kept and written later.
    pub fn queued(&self, record: Record) -> Result<(), AuditError> {
        self.check_healthy()?;
        self.0.shared.queue.push(self.item(record, None, true))
    }

    /// Records, and returns once the record is queued; where the queue is full, once the disk has made room. For what
    /// has happened already, and is withheld where it can not be recorded.
    pub async fn queued_in_turn(&self, record: Record) -> Result<(), AuditError> {
        let room = match self.reserve_outcome() {
            Err(AuditError::Full) => {
                self.flush().await?;
                self.reserve_outcome()?
            }
            room => room?,
        };
        room.queued(record)
    }

    /// Promises room for an outcome, before the body runs. Neither refusals nor other calls can take it.
    pub fn reserve_outcome(&self) -> Result<Reservation, AuditError> {
        self.check_healthy()?;
        self.0.shared.queue.reserve()?;
        Ok(Reservation { audit: self.clone(), open: true })
    }

    /// Whether records reach the disk: false after a failed write until one succeeds, and while the disk hangs.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let shared = &self.0.shared;
        !shared.failed.load(Ordering::Acquire) && !shared.hangs(self.0.options.confirm_within)
    }

    fn check_healthy(&self) -> Result<(), AuditError> {
        if self.is_healthy() { Ok(()) } else { Err(AuditError::Unavailable) }
    }

    /// What a record shows in place of `value`; see [`AuditKey::redact`].
    #[must_use]
    pub fn redact(&self, tenant: &str, field: &str, value: &Value) -> Value {
        self.0.key.redact(tenant, field, value)
    }

    /// The key of redaction.
    #[must_use]
    pub fn key(&self) -> &AuditKey {
        &self.0.key
    }

    /// Returns once everything queued before this call is on the disk.
    pub async fn flush(&self) -> Result<(), AuditError> {
        let (answer, answered) = oneshot::channel();
        let time = self.0.clock.now();
        self.0.shared.queue.push(Item {
            time,
            what: What::Flush,
            answer: Some(answer),
            keep: false,
        })?;
        self.0.confirmed(answered).await.map(|_| ())
    }

    /// Writes what is queued and the closing record, and ends the writer. Records that come later are refused.
    pub async fn close(&self) -> Result<(), AuditError> {
        let (answer, answered) = oneshot::channel();
        self.0.shared.queue.close(closing(&self.0.clock, Some(answer)))?;
        self.0.confirmed(answered).await.map(|_| ())
    }

    fn item(&self, record: Record, answer: Option<super::queue::Answer>, keep: bool) -> Item {
        Item { time: self.0.clock.now(), what: What::Record(Said::of(record)), answer, keep }
    }
}

impl Inner {
    async fn confirmed(
        &self,
        answered: oneshot::Receiver<Result<Receipt, AuditError>>,
    ) -> Result<Receipt, AuditError> {
        let limit = self.options.confirm_within;
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AuditError::Closed),
            Err(_) => {
                // A sink that hangs is a sink that failed. The next write that succeeds lifts it.
                self.shared.failed.store(true, Ordering::Release);
                // It may have succeeded in this very moment, and nobody writes any more while this is failed. The writer
                // lifts it with its next look, once the disk lets it look; where it has ended nothing does.
                let mark =
                    Item { time: self.clock.now(), what: What::Flush, answer: None, keep: false };
                drop(self.shared.queue.push(mark));
                Err(AuditError::TimedOut {
                    millis: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
                })
            }
        }
    }
}

/// Room for one outcome. Dropped unused, the room is free again.
#[must_use = "the room is given back when the reservation is dropped"]
pub struct Reservation {
    audit: Audit,
    open: bool,
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").finish_non_exhaustive()
    }
}

impl Reservation {
    /// Records the outcome, and returns once it is on the disk.
    ///
    /// It is tried even while the audit is unhealthy, and kept for later where that fails: the error then says that
    /// the outcome is not recorded yet.
    pub async fn durable(self, record: Record) -> Result<Receipt, AuditError> {
        let (answer, answered) = oneshot::channel();
        let audit = self.push(record, Some(answer))?;
        audit.0.confirmed(answered).await
    }

    /// Records the outcome, and returns once it is queued. Never refused for want of room.
    pub fn queued(self, record: Record) -> Result<(), AuditError> {
        self.push(record, None).map(|_| ())
    }

    fn push(
        mut self,
        record: Record,
        answer: Option<super::queue::Answer>,
    ) -> Result<Audit, AuditError> {
        let item = self.audit.item(record, answer, true);
        self.audit.0.shared.queue.push_reserved(item)?;
        self.open = false;
        Ok(self.audit.clone())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            self.audit.0.shared.queue.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn b20_an_answer_that_comes_too_late_leaves_nothing_failed_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { confirm_within: Duration::from_millis(20), ..Options::default() };
        let key = AuditKey::new("k1", &[7; 32]);
        let audit = Audit::open_with(dir.path(), key, Clock::system(), options).unwrap();
        // The writer has nothing left to do when the time of whoever waits is up.
        let (_answer, answered) = oneshot::channel();
        let late = audit.0.confirmed(answered).await;
        assert_eq!(late, Err(AuditError::TimedOut { millis: 20 }));
        for _ in 0..1000 {
            if audit.is_healthy() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the audit stays failed though its disk writes");
    }
}
