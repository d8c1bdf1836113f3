use crate::store::StoreError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// How many operations share one transaction at most.
const GROUP: usize = 256;
/// How many groups of one kind are on their way at once.
const AT_ONCE: usize = 2;
/// A group that takes longer, since it waits for a row or the database is far away, is overtaken by the next. In less
/// time those who wait had better share one more: a transaction costs the database the same for one call and for thirty.
const OVERTAKEN: Duration = Duration::from_millis(20);

/// Whoever waits for one operation of a group.
pub(super) struct Waiter<O>(oneshot::Sender<Result<O, StoreError>>);

impl<O> Waiter<O> {
    pub(super) fn answer(self, answer: Result<O, StoreError>) {
        // Nobody waits any more: the work is done all the same.
        let _ = self.0.send(answer);
    }
}

/// Takes operations of one kind, and has those that wait done together.
pub(super) struct Gather<I, O> {
    jobs: mpsc::UnboundedSender<(I, Waiter<O>)>,
}

impl<I: Send + 'static, O: Send + 'static> Gather<I, O> {
    /// `work` answers each operation of a group as soon as it can, and ends once the next group may go. The rest gather
    /// meanwhile.
    pub(super) fn new<F, W>(work: W) -> Self
    where
        W: Fn(Vec<(I, Waiter<O>)>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (jobs, mut waiting) = mpsc::unbounded_channel();
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        tokio::spawn(async move {
            let mut group = Vec::new();
            loop {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                // After the slot: what came while it was taken is in the group.
                if waiting.recv_many(&mut group, GROUP).await == 0 {
                    return;
                }
                let done = work(std::mem::take(&mut group));
                let on_its_way = tokio::spawn(async move {
                    done.await;
                    drop(slot);
                });
                // Whether it ended, or panicked, or goes on behind the next one.
                let _ = timeout(OVERTAKEN, on_its_way).await;
            }
        });
        Self { jobs }
    }

    /// Hands `input` in, at once, and answers once it is done.
    pub(super) fn run(
        &self,
        input: I,
    ) -> impl Future<Output = Result<O, StoreError>> + Send + use<I, O> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.send((input, Waiter(reply)));
        async move {
            sent.map_err(|_| StoreError::Closed)?;
            // A group that panicked drops the reply, so nobody waits for ever.
            answer.await.map_err(|_| StoreError::Closed)?
        }
    }
}
