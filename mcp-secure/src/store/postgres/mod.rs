//! The store that several machines share.

mod approvals;
mod batch;
mod fault;
mod gather;
mod notices;
mod options;
mod pool;
mod rows;
mod runs;
mod schema;
mod shared;
mod tickets;
mod tls;
mod work;

pub use options::PostgresOptions;

use super::{
    ApprovalFilter, Committed, Decided, Fence, Finished, KeyRecord, LapsedRun, Leased, ListedRun,
    Moved, NewRun, NewTicket, Notice, NoticeEnd, Renewed, Requested, Resolution, Resolved,
    RunFilter, RunId, RunRecord, RunResult, Store, StoreError, StoreFuture, Switch, SwitchScope,
    Ticket, TicketKind, Wanted,
};
use crate::approval::{Approval, ApprovalId, NewApproval, Party, Vote};
use crate::canon::Digest;
use crate::clock::Timestamp;
use batch::End;
use gather::Gather;
use pool::Pool;
use std::sync::Arc;
use work::{reading, writing};

/// How many rows one transaction of a sweep takes: each of them is a few round trips, and a transaction that does not end in
/// time is lost with all of them.
const SWEEP: i64 = 50;
/// How many such transactions one sweep makes. What is left is found by the next.
const SWEEPS: usize = 10;
/// How often one sweep drops rows, so that it ends even where many come to their end.
const DROPS: u32 = 100;

/// A store in a PostgreSQL database, which any number of replicas share. Databases that only speak its protocol are not
/// tested.
///
/// Its tables are in the schema `mcp_secure`, which the first replica makes. It holds no session state, so a pooler in
/// transaction mode may stand in between. The time is the database's. Where the database cannot be reached the answer is
/// [`StoreError::Unavailable`], and the next operation tries again.
///
/// A run whose commit was cut off in the middle is looked up by its id: it runs only if its row is there. Other writes
/// that were cut off answer with an error, though they may have been carried out.
///
/// ```no_run
/// # async fn open() -> Result<(), mcp_secure::store::StoreError> {
/// use mcp_secure::store::{Postgres, PostgresOptions, Store};
/// let options = PostgresOptions::new("postgres://tools@db.example/tools?sslmode=require")?;
/// let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(Postgres::open(&options).await?);
/// # Ok(())
/// # }
/// ```
pub struct Postgres {
    pool: Arc<Pool>,
    begins: Gather<NewRun, Committed>,
    ends: Gather<End, Finished>,
    keys: Gather<Digest, Option<KeyRecord>>,
}

impl Postgres {
    /// Connects, and brings the tables to the present version. Needs a tokio runtime, for as long as the store is used.
    ///
    /// Refuses a database of a newer release, one that acknowledges what it has not written, and a connection over the
    /// network without TLS.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let pool = Arc::new(Pool::new(options.clone())?);
        schema::migrate(&pool).await?;
        let (a, b, c) = (Arc::clone(&pool), Arc::clone(&pool), Arc::clone(&pool));
        Ok(Self {
            begins: Gather::new(move |runs| work::begin_all(Arc::clone(&a), runs)),
            ends: Gather::new(move |ends| work::end_all(Arc::clone(&b), ends)),
            keys: Gather::new(move |keys| work::keys_of_all(Arc::clone(&c), keys)),
            pool,
        })
    }

    /// How many transactions this process has committed, each shared by all that waited for it.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.pool.commits()
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Store for Postgres {
    fn now(&self) -> StoreFuture<'_, Timestamp> {
        reading!(self, |tx| async { Ok::<_, fault::Fault>(tx.now) })
    }

    fn request_approval(&self, new: NewApproval) -> StoreFuture<'_, Requested> {
        writing!(self, |tx| approvals::request(tx, &new))
    }

    fn approval_for(&self, effect: &Digest) -> StoreFuture<'_, Option<Approval>> {
        let effect = *effect;
        reading!(self, |tx| approvals::for_effect(tx, &effect))
    }

    fn approval(&self, id: &ApprovalId) -> StoreFuture<'_, Option<Approval>> {
        let id = *id;
        reading!(self, |tx| approvals::by_id(tx, &id))
    }

    fn answer(&self, id: &ApprovalId) -> StoreFuture<'_, Option<serde_json::Value>> {
        let id = *id;
        reading!(self, |tx| approvals::answer(tx, &id))
    }

    fn approvals(&self, filter: ApprovalFilter, limit: u32) -> StoreFuture<'_, Vec<Approval>> {
        reading!(self, |tx| approvals::list(tx, &filter, limit))
    }

    fn nth(
        &self,
        tenant: &str,
        after: Option<(Timestamp, ApprovalId)>,
        nth: u32,
    ) -> StoreFuture<'_, Option<(Timestamp, ApprovalId)>> {
        let tenant = tenant.to_owned();
        reading!(self, |tx| approvals::nth(tx, &tenant, after.as_ref(), nth))
    }

    fn decide(&self, id: &ApprovalId, digest: Digest, vote: Vote) -> StoreFuture<'_, Decided> {
        let id = *id;
        writing!(self, |tx| approvals::decide(tx, &id, &digest, &vote))
    }

    fn withdraw(&self, id: &ApprovalId, by: Party) -> StoreFuture<'_, Moved> {
        let id = *id;
        writing!(self, |tx| approvals::withdraw(tx, &id, &by))
    }

    fn void_approval(&self, id: &ApprovalId, why: &str) -> StoreFuture<'_, Moved> {
        let (id, why) = (*id, why.to_owned());
        writing!(self, |tx| approvals::void(tx, &id, &why))
    }

    fn void_approvals(
        &self,
        mut ids: Vec<ApprovalId>,
        why: &str,
    ) -> StoreFuture<'_, Vec<Approval>> {
        // In one order everywhere, so that nobody waits for each other.
        ids.sort_unstable_by_key(ToString::to_string);
        let why = why.to_owned();
        writing!(self, |tx| approvals::void_all(tx, &ids, &why))
    }

    fn resolve(&self, id: &ApprovalId, found: Resolution, by: Party) -> StoreFuture<'_, Moved> {
        let id = *id;
        writing!(self, |tx| approvals::resolve(tx, &id, found, &by))
    }

    fn expire_due(&self) -> StoreFuture<'_, Vec<ApprovalId>> {
        Box::pin(async move {
            let mut after = Some(String::new());
            for _ in 0..SWEEPS {
                let Some(last) = after else { break };
                after = writing!(self, |tx| approvals::expire(tx, &last)).await?;
            }
            let (mut told, mut after) = (Vec::new(), Some(String::new()));
            for _ in 0..SWEEPS {
                let Some(last) = after else { break };
                match writing!(self, |tx| approvals::untold(tx, &last)).await {
                    Ok((page, last)) => {
                        told.extend(page);
                        after = last;
                    }
                    // What was found is told now, the rest another time.
                    Err(_) if !told.is_empty() => return Ok(told),
                    Err(error) => return Err(error),
                }
            }
            let () = writing!(self, |tx| approvals::forget_answers(tx)).await?;
            for _ in 0..DROPS {
                if writing!(self, |tx| shared::drop_rows(tx)).await? {
                    break;
                }
            }
            Ok(told)
        })
    }

    fn idempotent(&self, key: &Digest) -> StoreFuture<'_, Option<KeyRecord>> {
        Box::pin(self.keys.run(*key))
    }

    fn commit_run(&self, run: NewRun) -> StoreFuture<'_, Committed> {
        Box::pin(self.begins.run(run))
    }

    fn renew(&self, run: &RunId, fence: Fence, lease_ms: u64) -> StoreFuture<'_, Renewed> {
        let run = *run;
        writing!(self, |tx| runs::renew(tx, &run, fence, lease_ms))
    }

    fn finish_run(
        &self,
        run: &RunId,
        fence: Fence,
        result: RunResult,
    ) -> StoreFuture<'_, Finished> {
        Box::pin(self.ends.run(End { run: *run, fence, result }))
    }

    fn recover(&self) -> StoreFuture<'_, Vec<LapsedRun>> {
        Box::pin(async move {
            let (mut lapsed, mut after) = (Vec::new(), Some(0));
            for _ in 0..SWEEPS {
                let Some(last) = after else { break };
                match writing!(self, |tx| runs::recover(tx, last)).await {
                    Ok((page, last)) => {
                        lapsed.extend(page);
                        after = last;
                    }
                    // What was found is told now, the rest another time.
                    Err(_) if !lapsed.is_empty() => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(lapsed)
        })
    }

    fn told(&self, runs: Vec<RunId>, approvals: Vec<ApprovalId>) -> StoreFuture<'_, ()> {
        writing!(self, |tx| runs::told(tx, &runs, &approvals))
    }

    fn run(&self, id: &RunId) -> StoreFuture<'_, Option<RunRecord>> {
        let id = *id;
        reading!(self, |tx| runs::by_id(tx, &id))
    }

    fn runs(&self, filter: RunFilter, limit: u32) -> StoreFuture<'_, Vec<ListedRun>> {
        reading!(self, |tx| runs::list(tx, &filter, limit))
    }

    fn resolve_run(&self, id: &RunId, found: Resolution, by: Party) -> StoreFuture<'_, Resolved> {
        let id = *id;
        writing!(self, |tx| runs::resolve(tx, &id, found, &by))
    }

    fn lease(&self, wanted: Vec<Wanted>) -> StoreFuture<'_, Vec<Leased>> {
        writing!(self, |tx| shared::lease(tx, &wanted))
    }

    fn switches(&self) -> StoreFuture<'_, Vec<Switch>> {
        reading!(self, |tx| shared::switches(tx))
    }

    fn switch(
        &self,
        scope: SwitchScope,
        off: bool,
        by: &str,
        reason: Option<&str>,
    ) -> StoreFuture<'_, bool> {
        let (by, reason) = (by.to_owned(), reason.map(str::to_owned));
        writing!(self, |tx| shared::switch(tx, &scope, off, &by, reason.as_deref()))
    }

    fn put_ticket(&self, digest: Digest, new: NewTicket) -> StoreFuture<'_, ()> {
        writing!(self, |tx| tickets::put(tx, &digest, &new))
    }

    fn ticket(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>> {
        let digest = *digest;
        reading!(self, |tx| tickets::find(tx, kind, &digest))
    }

    fn take_ticket(&self, kind: TicketKind, digest: &Digest) -> StoreFuture<'_, Option<Ticket>> {
        let digest = *digest;
        writing!(self, |tx| tickets::take(tx, kind, &digest))
    }

    fn renew_ticket(&self, kind: TicketKind, digest: &Digest, in_ms: u64) -> StoreFuture<'_, bool> {
        let digest = *digest;
        writing!(self, |tx| tickets::renew(tx, kind, &digest, in_ms))
    }

    fn due_notices(&self, limit: u32, hold_ms: u64) -> StoreFuture<'_, Vec<Notice>> {
        writing!(self, |tx| notices::due(tx, limit, hold_ms))
    }

    fn notices(&self, of: &ApprovalId) -> StoreFuture<'_, Vec<Notice>> {
        let of = *of;
        reading!(self, |tx| notices::of(tx, &of))
    }

    fn settle_notice(&self, number: i64, end: NoticeEnd) -> StoreFuture<'_, ()> {
        writing!(self, |tx| notices::settle(tx, number, &end))
    }
}
