//! The embedded store: one file, one writing thread per process, one fsync for all who wait.

mod approvals;
mod notices;
mod open;
#[cfg(test)]
mod plans;
mod rows;
mod runs;
mod schema;
mod shared;
mod tickets;
mod worker;

use super::{
    ApprovalFilter, Committed, Decided, Fence, Finished, KeyRecord, LapsedRun, Leased, ListedRun,
    Moved, NewRun, NewTicket, Notice, NoticeEnd, Renewed, Requested, Resolution, Resolved,
    RunFilter, RunId, RunRecord, RunResult, Store, StoreError, StoreFuture, Switch, SwitchScope,
    Ticket, TicketKind, Wanted,
};
use crate::approval::{Approval, ApprovalId, NewApproval, Party, Vote};
use crate::canon::Digest;
use crate::clock::{Clock, Timestamp};
use std::path::Path;
use worker::Worker;

/// How often one sweep drops rows, so that it ends even where many come to their end.
const DROPS: u32 = 100;

/// A store in one `SQLite` file, which several processes may have open at once.
///
/// The folder has to be on a local disk: WAL needs shared memory, and network file systems break its locks.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use mcp_secure::{clock::Clock, store::{Sqlite, Store}};
/// let store = Sqlite::open(&folder.path().join("store.db"), Clock::system())?;
/// let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sqlite {
    write: Worker,
    read: Worker,
}

impl Sqlite {
    /// Opens the file, creating it readable by its owner only. Waits for the disk, so call it at start-up.
    ///
    /// A damaged file, a file of another program and a file of a newer release are refused and left as they are.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let writer = open::writer(path)?;
        let reader = open::reader(path)?;
        let (again, reads_again) = (path.to_owned(), path.to_owned());
        let again = Box::new(move || open::writer_again(&again));
        let reads_again = Box::new(move || open::reader(&reads_again));
        Ok(Self {
            write: Worker::writer(writer, again, clock.clone())?,
            read: Worker::reader(reader, reads_again, clock)?,
        })
    }

    /// How many transactions this process has committed. Each is one fsync, shared by all that waited for it.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.write.commits()
    }

    /// Runs raw SQL where the next operation will run. For tests that break things.
    #[cfg(test)]
    pub(super) async fn sabotage(&self, sql: &'static str) -> Result<(), StoreError> {
        self.write.run(move |tx| Ok(tx.conn.execute_batch(sql)?)).await
    }

    /// Panics where the next operation will run, after it has written something.
    #[cfg(test)]
    pub(super) async fn panic(&self) -> Result<(), StoreError> {
        self.write
            .run(|tx| {
                tx.conn.execute_batch("INSERT INTO meta VALUES (hex(randomblob(8)), 1)")?;
                std::panic::resume_unwind(Box::new("a defect"))
            })
            .await
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Store for Sqlite {
    fn now(&self) -> StoreFuture<'_, Timestamp> {
        Box::pin(self.read.run(|tx| Ok(tx.now)))
    }

    fn request_approval(&self, new: NewApproval) -> StoreFuture<'_, Requested> {
        Box::pin(self.write.run(move |tx| approvals::request(tx, new)))
    }

    fn approval_for(&self, effect: &Digest) -> StoreFuture<'_, Option<Approval>> {
        let effect = *effect;
        Box::pin(self.read.run(move |tx| approvals::for_effect(tx, &effect)))
    }

    fn approval(&self, id: &ApprovalId) -> StoreFuture<'_, Option<Approval>> {
        let id = *id;
        Box::pin(self.read.run(move |tx| approvals::by_id(tx, &id)))
    }

    fn answer(&self, id: &ApprovalId) -> StoreFuture<'_, Option<serde_json::Value>> {
        let id = *id;
        Box::pin(self.read.run(move |tx| approvals::answer(tx, &id)))
    }

    fn approvals(&self, filter: ApprovalFilter, limit: u32) -> StoreFuture<'_, Vec<Approval>> {
        Box::pin(self.read.run(move |tx| approvals::list(tx, &filter, limit)))
    }

    fn nth(
        &self,
        tenant: &str,
        after: Option<(Timestamp, ApprovalId)>,
        nth: u32,
    ) -> StoreFuture<'_, Option<(Timestamp, ApprovalId)>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read.run(move |tx| approvals::nth(tx, &tenant, after.as_ref(), nth)))
    }

    fn decide(&self, id: &ApprovalId, digest: Digest, vote: Vote) -> StoreFuture<'_, Decided> {
        let id = *id;
        Box::pin(self.write.run(move |tx| approvals::decide(tx, &id, &digest, &vote)))
    }

    fn withdraw(&self, id: &ApprovalId, by: Party) -> StoreFuture<'_, Moved> {
        let id = *id;
        Box::pin(self.write.run(move |tx| approvals::withdraw(tx, &id, &by)))
    }

    fn void_approval(&self, id: &ApprovalId, why: &str) -> StoreFuture<'_, Moved> {
        let (id, why) = (*id, why.to_owned());
        Box::pin(self.write.run(move |tx| approvals::void(tx, &id, why)))
    }

    fn void_approvals(&self, ids: Vec<ApprovalId>, why: &str) -> StoreFuture<'_, Vec<Approval>> {
        let why = why.to_owned();
        Box::pin(self.write.run(move |tx| approvals::void_all(tx, &ids, &why)))
    }

    fn resolve(&self, id: &ApprovalId, found: Resolution, by: Party) -> StoreFuture<'_, Moved> {
        let id = *id;
        Box::pin(self.write.run(move |tx| approvals::resolve(tx, &id, found, &by)))
    }

    fn expire_due(&self) -> StoreFuture<'_, Vec<ApprovalId>> {
        Box::pin(async move {
            let told = self.write.run(approvals::expire_due).await?;
            // A little at a time: others write in between.
            for _ in 0..DROPS {
                if self.write.run(shared::drop_rows).await? {
                    break;
                }
            }
            Ok(told)
        })
    }

    fn commit_run(&self, run: NewRun) -> StoreFuture<'_, Committed> {
        // What has begun has to be known: who gives up waiting ends it.
        Box::pin(self.write.run_to_end(move |tx| runs::commit(tx, &run)))
    }

    fn renew(&self, run: &RunId, fence: Fence, lease_ms: u64) -> StoreFuture<'_, Renewed> {
        let run = *run;
        Box::pin(self.write.run(move |tx| runs::renew(tx, &run, fence, lease_ms)))
    }

    fn finish_run(
        &self,
        run: &RunId,
        fence: Fence,
        result: RunResult,
    ) -> StoreFuture<'_, Finished> {
        let run = *run;
        Box::pin(self.write.run(move |tx| runs::finish(tx, &run, fence, result)))
    }

    fn recover(&self) -> StoreFuture<'_, Vec<LapsedRun>> {
        Box::pin(self.write.run(runs::recover))
    }

    fn told(&self, runs: Vec<RunId>, approvals: Vec<ApprovalId>) -> StoreFuture<'_, ()> {
        Box::pin(self.write.run(move |tx| runs::told(tx, &runs, &approvals)))
    }

    fn idempotent(&self, key: &Digest) -> StoreFuture<'_, Option<KeyRecord>> {
        let key = *key;
        Box::pin(self.read.run(move |tx| runs::idempotent(tx, &key)))
    }

    fn run(&self, id: &RunId) -> StoreFuture<'_, Option<RunRecord>> {
        let id = *id;
        Box::pin(self.read.run(move |tx| runs::by_id(tx, &id)))
    }

    fn runs(&self, filter: RunFilter, limit: u32) -> StoreFuture<'_, Vec<ListedRun>> {
        Box::pin(self.read.run(move |tx| runs::list(tx, &filter, limit)))
    }

    fn resolve_run(&self, id: &RunId, found: Resolution, by: Party) -> StoreFuture<'_, Resolved> {
        let id = *id;
        Box::pin(self.write.run(move |tx| runs::resolve(tx, &id, found, &by)))
    }

    fn lease(&self, wanted: Vec<Wanted>) -> StoreFuture<'_, Vec<Leased>> {
        Box::pin(self.write.run(move |tx| shared::lease(tx, &wanted)))
    }

    fn switches(&self) -> StoreFuture<'_, Vec<Switch>> {
        Box::pin(self.read.run(shared::switches))
    }

    fn switch(
        &self,
        scope: SwitchScope,
        off: bool,
        by: &str,
        reason: Option<&str>,
    ) -> StoreFuture<'_, bool> {
        let (by, reason) = (by.to_owned(), reason.map(str::to_owned));
        Box::pin(self.write.run(move |tx| shared::switch(tx, &scope, off, &by, reason.as_deref())))
    }

    fn put_ticket(&self, digest: Digest, new: NewTicket) -> StoreFuture<'_, ()> {
        Box::pin(self.write.run(move |tx| tickets::put(tx, &digest, &new)))
    }

    fn ticket(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>> {
        let digest = *digest;
        Box::pin(self.read.run(move |tx| tickets::find(tx, kind, &digest)))
    }

    fn take_ticket(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>> {
        let digest = *digest;
        Box::pin(self.write.run(move |tx| tickets::take(tx, kind, &digest)))
    }

    fn renew_ticket(
        &self,
        kind: TicketKind,
        digest: &Digest,
        expires_in_ms: u64,
    ) -> StoreFuture<'_, bool> {
        let digest = *digest;
        Box::pin(self.write.run(move |tx| tickets::renew(tx, kind, &digest, expires_in_ms)))
    }

    fn due_notices(&self, limit: u32, hold_ms: u64) -> StoreFuture<'_, Vec<Notice>> {
        Box::pin(async move {
            // Asked again and again, and mostly for nothing: that need not wait for the disk.
            if !self.read.run(notices::any_due).await? {
                return Ok(Vec::new());
            }
            self.write.run(move |tx| notices::due(tx, limit, hold_ms)).await
        })
    }

    fn notices(&self, of: &ApprovalId) -> StoreFuture<'_, Vec<Notice>> {
        let of = *of;
        Box::pin(self.read.run(move |tx| notices::of(tx, &of)))
    }

    fn settle_notice(&self, number: i64, end: NoticeEnd) -> StoreFuture<'_, ()> {
        Box::pin(self.write.run(move |tx| notices::settle(tx, number, &end)))
    }
}
