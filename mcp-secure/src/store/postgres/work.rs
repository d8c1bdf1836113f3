//! Attempts: what is made again, and what is looked up instead.

use super::batch::{self, End};
use super::fault::Fault;
use super::gather::Waiter;
use super::pool::{Pool, Tx};
use super::rows::{self, Lock};
use super::runs;
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::{
    CommitRefused, Committed, Fence, Finished, KeyRecord, NewRun, RunId, RunState, StoreError,
};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How often an operation is attempted. Rows that replicas fight over need several; a server that is gone is not
/// waited for much longer than a restart of a connection takes.
const ATTEMPTS: u32 = 8;

/// How often a run is looked for that may turn up after everybody was told that it did not begin, and how many times: a
/// database that has not committed by then has lost the transaction.
const LATE_LOOK_EVERY: Duration = Duration::from_secs(1);
const LATE_LOOKS: u32 = 60;

/// Waits a little longer before each attempt, and not as long as others do. `None`: there have been enough.
pub(super) async fn pause(attempt: u32, fault: Fault) -> Result<(), StoreError> {
    let Fault::Again(error) = fault else { return Err(fault.into_error()) };
    if attempt >= ATTEMPTS {
        return Err(error);
    }
    let most = 4_u64 << attempt;
    let wait = most / 2 + u64::from(rand::random::<u8>()) * most / 512;
    tokio::time::sleep(Duration::from_millis(wait)).await;
    Ok(())
}

/// One transaction, in time: committed if `$work` answers, taken back if it fails.
macro_rules! attempt {
    ($pool:expr, |$tx:ident| $work:expr) => {{
        let pool: &$crate::store::postgres::pool::Pool = &$pool;
        let done = $crate::store::postgres::work::in_time(pool, async {
            let lent = pool.lend().await?;
            let begun = pool.begin(&lent).await?;
            let done = {
                let $tx = &begun.tx;
                $work.await
            };
            match done {
                Ok(answer) => {
                    let time = pool.commit(begun).await?;
                    Ok((answer, lent, time))
                }
                Err(fault) => {
                    pool.roll_back(lent).await;
                    Err(fault)
                }
            }
        })
        .await;
        match done {
            Ok((answer, lent, time)) => {
                pool.end(lent, time).await;
                Ok(answer)
            }
            Err(fault) => Err(fault),
        }
    }};
}
pub(super) use attempt;

/// An operation in a transaction of its own, attempted until it is committed or cannot be. What is dropped while it
/// waits is carried out all the same.
macro_rules! writing {
    ($store:ident, |$tx:ident| $work:expr) => {{
        let pool = std::sync::Arc::clone(&$store.pool);
        let task = async move {
            let mut attempt = 0;
            loop {
                match $crate::store::postgres::work::attempt!(pool, |$tx| $work) {
                    Ok(answer) => return Ok(answer),
                    Err(fault) => $crate::store::postgres::work::pause(attempt, fault).await?,
                }
                attempt += 1;
            }
        };
        Box::pin($crate::store::postgres::work::carried_out(task))
            as $crate::store::StoreFuture<'_, _>
    }};
}
pub(super) use writing;

/// An operation that only reads, which is safe to repeat whatever happens to it.
macro_rules! reading {
    ($store:ident, |$tx:ident| $work:expr) => {{
        let pool = std::sync::Arc::clone(&$store.pool);
        Box::pin(async move {
            let mut attempt = 0;
            loop {
                match $crate::store::postgres::work::attempt!(pool, |$tx| $work) {
                    Ok(answer) => return Ok(answer),
                    Err(fault) => {
                        $crate::store::postgres::work::pause(attempt, fault.repeatable()).await?;
                    }
                }
                attempt += 1;
            }
        }) as $crate::store::StoreFuture<'_, _>
    }};
}
pub(super) use reading;

/// Ends an attempt that hangs. Its connection goes with it, and what was open on it; but a commit that was sent may
/// have arrived.
pub(super) async fn in_time<T>(
    pool: &Pool,
    attempt: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(pool.timeout() * 2, attempt).await.unwrap_or_else(|_| {
        Err(Fault::Lost(StoreError::Unavailable("the database does not answer".to_owned())))
    })
}

/// Runs `task` to its end, whether or not anybody waits for it.
pub(super) async fn carried_out<T: Send + 'static>(
    task: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(task).await.unwrap_or(Err(StoreError::Closed))
}

/// What an attempt at a group came to.
type Group<T> = Result<Vec<Option<T>>, Fault>;

/// Begins runs: the plain ones together. The rest are begun one by one, and neither these nor the next group wait for
/// them.
pub(super) async fn begin_all(pool: Arc<Pool>, group: Vec<(NewRun, Waiter<Committed>)>) {
    let (runs, waiters): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    let together: Group<Committed> = if runs.iter().any(batch::is_plain) {
        attempt!(pool, |tx| batch::commit(tx, &runs))
    } else {
        Ok(runs.iter().map(|_| None).collect())
    };
    let lost = matches!(together, Err(Fault::Lost(_)));
    let together = together.unwrap_or_else(|_| runs.iter().map(|_| None).collect());
    for ((run, waiter), done) in runs.into_iter().zip(waiters).zip(together) {
        if let Some(committed) = done {
            waiter.answer(Ok(committed));
            continue;
        }
        let pool = Arc::clone(&pool);
        tokio::spawn(async move {
            let lost = lost && batch::is_plain(&run);
            waiter.answer(begin_one(&pool, &run, lost).await);
        });
    }
}

/// Begins one run. `lost`: an attempt whose answer was lost may have begun it.
async fn begin_one(
    pool: &Arc<Pool>,
    run: &NewRun,
    mut lost: bool,
) -> Result<Committed, StoreError> {
    let begun = attempts_to_begin(pool, run, &mut lost).await;
    if begun.is_err() && lost {
        tokio::spawn(end_late(Arc::clone(pool), run.run_id));
    }
    begun
}

async fn attempts_to_begin(
    pool: &Pool,
    run: &NewRun,
    lost: &mut bool,
) -> Result<Committed, StoreError> {
    let mut attempt = 0;
    loop {
        let alone = pool.alone().await.map_err(Fault::into_error)?;
        let once = if *lost {
            attempt!(pool, |tx| told(tx, run))
        } else {
            attempt!(pool, |tx| runs::commit(tx, run))
        };
        drop(alone);
        match once {
            Ok(answer) => return Ok(answer),
            // Never made again blindly: from now on the row is what counts.
            Err(fault) => {
                *lost = *lost || matches!(fault, Fault::Lost(_));
                pause(attempt, fault.repeatable()).await?;
            }
        }
        attempt += 1;
    }
}

/// Ends a run whose commit arrives after everybody was told that it did not begin: nobody would, and a person would have to
/// find out that nothing happened.
async fn end_late(pool: Arc<Pool>, id: RunId) {
    for _ in 0..LATE_LOOKS {
        tokio::time::sleep(LATE_LOOK_EVERY).await;
        match attempt!(pool, |tx| runs::end_unbegun(tx, &id)) {
            Ok(true) => return,
            Ok(false) => {}
            Err(fault) => {
                tracing::debug!(error = %fault.into_error(), run_id = %id, "a run that may turn up can not be looked for");
            }
        }
    }
}

/// What the row of a run says whose commit was cut off. Without a row it may still be on its way: it is looked for again,
/// and nothing runs until it is there.
async fn told(tx: &Tx<'_>, run: &NewRun) -> Result<Committed, Fault> {
    let Some(row) = rows::run(tx, &run.run_id.to_string(), Lock::None).await? else {
        return Err(Fault::Again(StoreError::Unavailable(
            "the connection was lost while the run was committed".to_owned(),
        )));
    };
    if row.state()? != RunState::Running || row.caller()? != run.caller {
        return Ok(Committed::Refused(CommitRefused::AlreadyRunning));
    }
    let lease_until = Timestamp::from_millis(row.lease_until);
    Ok(Committed::Running { fence: Fence(row.fence), lease_until })
}

/// Writes down ends: those of plain runs together, the rest without keeping anybody else waiting.
pub(super) async fn end_all(pool: Arc<Pool>, group: Vec<(End, Waiter<Finished>)>) {
    let (ends, waiters): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    let together: Group<Finished> = attempt!(pool, |tx| batch::finish(tx, &ends));
    let lost = matches!(together, Err(Fault::Lost(_)));
    let together = together.unwrap_or_else(|_| ends.iter().map(|_| None).collect());
    let mut rest: HashMap<Fence, Vec<(End, Waiter<Finished>)>> = HashMap::new();
    for ((end, waiter), done) in ends.into_iter().zip(waiters).zip(together) {
        match done {
            Some(finished) => waiter.answer(Ok(finished)),
            None => rest.entry(end.fence).or_default().push((end, waiter)),
        }
    }
    for ends in rest.into_values() {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move {
            // In the order they came: two ends of one run are told apart by it.
            for (end, waiter) in ends {
                waiter.answer(end_one(&pool, &end, lost).await);
            }
        });
    }
}

/// Writes down one end. It is safe to repeat: an outcome that is there already is recognised.
async fn end_one(pool: &Pool, end: &End, mut lost: bool) -> Result<Finished, StoreError> {
    let mut attempt = 0;
    loop {
        let alone = pool.alone().await.map_err(Fault::into_error)?;
        let once = attempt!(pool, |tx| runs::finish(tx, end, lost));
        drop(alone);
        match once {
            Ok(answer) => return Ok(answer),
            Err(fault) => {
                lost = lost || matches!(fault, Fault::Lost(_));
                pause(attempt, fault.repeatable()).await?;
            }
        }
        attempt += 1;
    }
}

/// Looks keys up, together.
pub(super) async fn keys_of_all(pool: Arc<Pool>, group: Vec<(Digest, Waiter<Option<KeyRecord>>)>) {
    let (keys, waiters): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    let mut attempt = 0;
    let found = loop {
        let looking = async {
            let lent = pool.lend().await?;
            let found = batch::keys(&pool, &lent, &keys).await?;
            lent.give_back();
            Ok(found)
        };
        let fault = match in_time(&pool, looking).await {
            Ok(found) => break found,
            Err(fault) => fault.repeatable(),
        };
        if let Err(error) = pause(attempt, fault).await {
            break keys.iter().map(|_| Err(error.clone())).collect();
        }
        attempt += 1;
    };
    for (waiter, found) in waiters.into_iter().zip(found) {
        waiter.answer(found);
    }
}
