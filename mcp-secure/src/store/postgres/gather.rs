use crate::store::StoreError;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many operations share one transaction at most.
const GROUP: usize = 256;

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
    /// `work` answers each operation of a group as soon as it can, and ends once the next group may go. Up to `at_once`
    /// groups are on their way; the rest gather meanwhile.
    pub(super) fn new<F, W>(at_once: usize, work: W) -> Self
    where
        W: Fn(Vec<(I, Waiter<O>)>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (jobs, mut waiting) = mpsc::unbounded_channel();
        let slots = Arc::new(Semaphore::new(at_once));
        tokio::spawn(async move {
            let mut group = Vec::new();
            loop {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                // After the slot: what came while it was taken is in the group.
                if waiting.recv_many(&mut group, GROUP).await == 0 {
                    return;
                }
                let done = work(std::mem::take(&mut group));
                tokio::spawn(async move {
                    done.await;
                    drop(slot);
                });
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
