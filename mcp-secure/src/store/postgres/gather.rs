use crate::store::StoreError;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many operations share one transaction at most.
const GROUP: usize = 256;

type Waiter<I, O> = (I, oneshot::Sender<Result<O, StoreError>>);

/// Takes operations of one kind, and has those that wait done together.
pub(super) struct Gather<I, O> {
    jobs: mpsc::UnboundedSender<Waiter<I, O>>,
}

impl<I: Send + 'static, O: Send + 'static> Gather<I, O> {
    /// `work` answers each operation of a group. Up to `at_once` groups are on their way; the rest gather meanwhile.
    pub(super) fn new<F, W>(at_once: usize, work: W) -> Self
    where
        W: Fn(Vec<I>) -> F + Send + 'static,
        F: Future<Output = Vec<Result<O, StoreError>>> + Send + 'static,
    {
        let (jobs, mut waiting) = mpsc::unbounded_channel::<Waiter<I, O>>();
        let slots = Arc::new(Semaphore::new(at_once));
        tokio::spawn(async move {
            let mut group = Vec::new();
            loop {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                // After the slot: what came while it was taken is in the group.
                if waiting.recv_many(&mut group, GROUP).await == 0 {
                    return;
                }
                let (inputs, waiters): (Vec<I>, Vec<_>) = group.drain(..).unzip();
                let done = work(inputs);
                tokio::spawn(async move {
                    let answers = done.await;
                    for (waiter, answer) in waiters.into_iter().zip(answers) {
                        // Nobody waits any more: the work is done all the same.
                        let _ = waiter.send(answer);
                    }
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
        let sent = self.jobs.send((input, reply));
        async move {
            sent.map_err(|_| StoreError::Closed)?;
            // A group that panicked drops the reply, so nobody waits for ever.
            answer.await.map_err(|_| StoreError::Closed)?
        }
    }
}
