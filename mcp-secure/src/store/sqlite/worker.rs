use crate::clock::{Clock, Timestamp};
use crate::store::StoreError;
use crate::store::pace::Pace;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How many operations share one transaction at most. It bounds how long a single one waits for the others.
const GROUP: usize = 256;

/// What an operation works with: the open transaction and the store's time in it.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    pub(super) now: Timestamp,
}

/// A thread that owns one connection and runs operations on it, in the order they came.
pub(super) struct Worker {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Worker {
    /// The one thread of this process that writes.
    pub(super) fn writer(
        conn: Connection,
        reopen: Reopen,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let timer = Timer { clock, pace: Pace::default() };
        let mut held = Held { conn: Some(conn), reopen };
        Self::spawn("mcp-store-write", move |jobs, commits| {
            each_group(&jobs, |group| {
                let committed = held.with(|conn| write_group(conn, &timer, group));
                if committed.is_ok() {
                    commits.fetch_add(1, Ordering::Relaxed);
                }
                committed
            });
        })
    }

    /// A thread that only reads. In WAL mode it neither waits for writers nor holds them up.
    ///
    /// A group is taken before its snapshot, so each read sees what was acknowledged when it was asked for.
    pub(super) fn reader(
        conn: Connection,
        reopen: Reopen,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let timer = Timer { clock, pace: Pace::default() };
        let mut held = Held { conn: Some(conn), reopen };
        Self::spawn("mcp-store-read", move |jobs, _| {
            each_group(&jobs, |group| held.with(|conn| read_group(conn, &timer, group)));
        })
    }

    /// How many groups have been committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    fn spawn(
        name: &str,
        body: impl FnOnce(Receiver<Box<dyn Job>>, Arc<AtomicU64>) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (jobs, inbox) = channel();
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || body(inbox, counted))
            .map_err(|e| StoreError::Internal(format!("cannot start a thread: {e}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), commits })
    }

    /// Hands `work` to the thread and waits until it is committed, but not for a disk that hangs. The work is done even if
    /// nobody waits any more, as soon as the disk goes on.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let hangs = |_| Err(StoreError::Unavailable("the store's file does not answer".to_owned()));
        tokio::time::timeout(PATIENCE, self.run_to_end(work)).await.unwrap_or_else(hangs)
    }

    /// The same for who has to hear how it ended, however long that takes.
    pub(super) async fn run_to_end<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Operation { work: Some(work), result: None, reply };
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(Box::new(job)).map_err(|_| StoreError::Closed)?;
        // A thread that died drops the reply, so nobody waits for ever.
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Worker {
    /// Lets what was handed in finish, then closes the connection.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It has no result; a panic in it was seen by those who waited.
            drop(thread.join());
        }
    }
}

/// How long an operation may take. Longer than another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 7 } else { 10 });

/// Opens the same file again.
pub(super) type Reopen = Box<dyn FnMut() -> Result<Connection, StoreError> + Send>;

/// The thread's connection. One that can not get out of a transaction is closed, which takes the transaction back and
/// lets other processes go on, and another is opened.
struct Held {
    conn: Option<Connection>,
    reopen: Reopen,
}

impl Held {
    /// Does a group's work outside of any older transaction, or not at all.
    fn with(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.drop_stuck();
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => (self.reopen)()?,
        };
        let done = work(&conn);
        self.conn = Some(conn);
        self.drop_stuck();
        done
    }

    fn drop_stuck(&mut self) {
        if self.conn.as_ref().is_some_and(|conn| !conn.is_autocommit()) {
            tracing::error!(
                "a transaction of the store could not be taken back; its file is opened again"
            );
            self.conn = None;
        }
    }
}

/// An operation without its types.
trait Job: Send {
    /// Runs it once. False means that its savepoint has to be rolled back.
    fn attempt(&mut self, tx: &Tx<'_>) -> bool;
    /// Answers the waiter, now that the transaction is on the disk or lost.
    fn settle(self: Box<Self>, committed: &Result<(), StoreError>);
}

struct Operation<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn attempt(&mut self, tx: &Tx<'_>) -> bool {
        let result = self.work.take().map_or(Err(StoreError::Closed), |work| {
            // A defect in one operation takes back what that one did, and the thread serves on.
            catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|_| {
                tracing::error!("an operation of the store panicked");
                Err(StoreError::Internal("the operation panicked".to_owned()))
            })
        });
        let fine = result.is_ok();
        self.result = Some(result);
        fine
    }

    fn settle(self: Box<Self>, committed: &Result<(), StoreError>) {
        let answer = match (committed, self.result) {
            // Its own error says more than the group's.
            (_, Some(Err(own))) => Err(own),
            (Err(group), _) => Err(group.clone()),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(StoreError::Closed),
        };
        // Nobody waits any more: the work is done all the same.
        let _ = self.reply.send(answer);
    }
}

/// Takes what waits, has it done, answers, until nobody hands in any more.
fn each_group(
    jobs: &Receiver<Box<dyn Job>>,
    mut work: impl FnMut(&mut [Box<dyn Job>]) -> Result<(), StoreError>,
) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        let done = work(&mut group);
        for job in group {
            job.settle(&done);
        }
    }
}

/// One transaction, one fsync, a savepoint for each operation: a faulty one takes back its own changes only.
fn write_group(
    conn: &Connection,
    timer: &Timer,
    group: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = in_group(conn, timer, group).and_then(|()| {
        conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    });
    if done.is_err() && !conn.is_autocommit() {
        // Where it fails the connection is given up.
        let _ = conn.execute_batch("ROLLBACK");
    }
    done
}

fn in_group(
    conn: &Connection,
    timer: &Timer,
    group: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    let tx = Tx { conn, now: advance_time(conn, timer)? };
    for job in group {
        conn.prepare_cached("SAVEPOINT op")?.execute([])?;
        if !job.attempt(&tx) {
            if conn.is_autocommit() {
                // The fault (a full disk, say) ended the whole transaction: nobody's work stands.
                return Err(StoreError::Internal(
                    "the transaction was lost to another operation's fault".to_owned(),
                ));
            }
            conn.prepare_cached("ROLLBACK TO op")?.execute([])?;
        }
        conn.prepare_cached("RELEASE op")?.execute([])?;
    }
    Ok(())
}

fn read_group(
    conn: &Connection,
    timer: &Timer,
    group: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let now = written_time(conn).map(|written| timer.now(written));
    let done = now.map(|now| {
        for job in group {
            job.attempt(&Tx { conn, now });
        }
    });
    if !conn.is_autocommit() {
        // Where it fails the connection is given up.
        let _ = conn.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
    }
    done
}

/// The store's time.
struct Timer {
    clock: Clock,
    pace: Pace,
}

impl Timer {
    /// The wall clock, but never behind what any process has written down.
    fn now(&self, written: Timestamp) -> Timestamp {
        // A clock of a test's own stands still if the test says so.
        if self.clock.is_fixed() {
            return written.max(self.clock.now());
        }
        // The wall clock as it is: one that is held where it was before a step back would hold the store's time there, too.
        Timestamp::from_millis(self.pace.now(self.clock.wall().millis(), written.millis()))
    }
}

/// The store's time, written down where it has moved.
fn advance_time(conn: &Connection, timer: &Timer) -> Result<Timestamp, StoreError> {
    let written = written_time(conn)?;
    let now = timer.now(written);
    if now <= written {
        return Ok(written);
    }
    conn.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'time'")?
        .execute([now.millis()])?;
    Ok(now)
}

fn written_time(conn: &Connection) -> Result<Timestamp, StoreError> {
    let millis = conn
        .prepare_cached("SELECT value FROM meta WHERE key = 'time'")?
        .query_row([], |r| r.get(0))?;
    Ok(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> Connection {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value);
             INSERT OR IGNORE INTO meta VALUES ('time', 0)",
        )
        .unwrap();
        conn
    }

    #[tokio::test]
    async fn b20_a_disk_that_hangs_hangs_nobody_who_asks_and_work_goes_on_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let (conn, again) = (open(&path), path.clone());
        let worker = Worker::writer(conn, Box::new(move || Ok(open(&again))), Clock::system());
        let worker = Arc::new(worker.unwrap());
        let (goes_on, hangs) = channel::<()>();
        let (begins, begun) = oneshot::channel();
        let slow = Arc::clone(&worker);
        let first = tokio::spawn(async move {
            slow.run(move |_| {
                let _ = begins.send(());
                let _ = hangs.recv();
                Ok(())
            })
            .await
        });
        begun.await.unwrap();
        let insert = "INSERT INTO meta VALUES ('late', 1)";
        let (first, second) =
            tokio::join!(first, worker.run(move |tx| Ok(tx.conn.execute(insert, [])?)));
        assert!(matches!(first.unwrap(), Err(StoreError::Unavailable(_))));
        assert!(matches!(second, Err(StoreError::Unavailable(_))));
        drop(goes_on);
        let count = "SELECT count(*) FROM meta WHERE key = 'late'";
        let done =
            worker.run(move |tx| Ok(tx.conn.query_row(count, [], |r| r.get::<_, i64>(0))?));
        assert_eq!(done.await, Ok(1));
    }

    #[tokio::test]
    async fn a_connection_that_is_stuck_in_a_transaction_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let stuck = open(&path);
        stuck.execute_batch("BEGIN IMMEDIATE; INSERT INTO meta VALUES ('lost', 1)").unwrap();
        let mut gone = true;
        let again = path.clone();
        let reopen: Reopen = Box::new(move || {
            if std::mem::take(&mut gone) { Err(StoreError::ReadOnly) } else { Ok(open(&again)) }
        });
        let worker = Worker::writer(stuck, reopen, Clock::system()).unwrap();
        // While it cannot be replaced nothing is done, and another process has the file.
        let refused = worker.run(|_| Ok(())).await;
        assert_eq!(refused, Err(StoreError::ReadOnly));
        open(&path).execute_batch("BEGIN IMMEDIATE; COMMIT").unwrap();
        let count = worker
            .run(|tx| {
                Ok(tx.conn.query_row("SELECT count(*) FROM meta", [], |r| r.get::<_, i64>(0))?)
            })
            .await;
        assert_eq!((count, worker.commits()), (Ok(1), 1));
    }
}
