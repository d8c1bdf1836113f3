//! Plain calls over standard input: run beside each other, answered in any order, cancelled by their id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, ClientJsonRpcMessage, ClientNotification, ClientRequest, GetMeta,
    Implementation, ProtocolVersion, RequestId,
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lines::to_line;
use crate::server::handler::{Handler, opens_links};
use crate::server::plain::{Client, PlainCall};

/// How many calls may be under way, or have answers that the host has not taken.
const AT_ONCE: usize = 256;

/// How long calls under way may still take once the host has closed the input; as long as rmcp gives its own.
const DRAIN: Duration = Duration::from_secs(5);

/// How the connection was opened, which says what a call may leave out.
#[derive(Debug, Clone)]
enum Session {
    /// Nothing has been agreed yet: every message is rmcp's.
    Opening,
    /// `initialize` came, `notifications/initialized` did not.
    Greeted(Box<Hello>),
    /// By the handshake of before 2026-07-28.
    Legacy(Box<Hello>),
    /// By a request that says everything itself, as all that follow have to.
    SelfContained,
}

/// What the client said of itself when it began.
#[derive(Debug, Clone)]
struct Hello {
    info: Implementation,
    capabilities: ClientCapabilities,
}

pub(super) struct Calls {
    handler: Handler,
    session: Session,
    running: Running,
    tasks: TaskTracker,
    slots: Arc<Semaphore>,
}

#[derive(Debug, Clone, Default)]
struct Running(Arc<Mutex<Tokens>>);

/// The token of each call under way, and what tells two calls of one id apart.
type Tokens = HashMap<RequestId, (Arc<()>, CancellationToken)>;

impl Running {
    fn lock(&self) -> MutexGuard<'_, Tokens> {
        // Every change is one operation, so a holder that panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Forgets a call that has ended, and no other of the same id.
    fn forget(&self, id: &RequestId, mine: &Arc<()>) {
        let mut running = self.lock();
        if running.get(id).is_some_and(|(whose, _)| Arc::ptr_eq(whose, mine)) {
            running.remove(id);
        }
    }
}

impl Calls {
    pub(super) fn new(handler: Handler) -> Self {
        Self {
            handler,
            session: Session::Opening,
            running: Running::default(),
            tasks: TaskTracker::new(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Whether as many calls are under way as may be.
    pub(super) fn are_full(&self) -> bool {
        self.slots.available_permits() == 0
    }

    /// Waits until one of them has ended and its answer is on its way.
    pub(super) async fn room(&self) {
        drop(self.slots.acquire().await);
    }

    /// Begins the call in `line`, if it is plain and the connection stands where such a call may come. The answer goes
    /// to `output`.
    pub(super) fn begin(&self, line: &[u8], output: &mpsc::Sender<Vec<u8>>) -> bool {
        if matches!(self.session, Session::Opening | Session::Greeted(_)) {
            return false;
        }
        let Some(call) = PlainCall::read(line) else { return false };
        let client = match &self.session {
            Session::Legacy(hello) if call.leans_on_its_session() => {
                // Only such a session is asked anything while its call runs, and only rmcp can do that.
                if opens_links(&hello.capabilities) && self.handler.hands_over(&call.name) {
                    return false;
                }
                let channel = self.handler.channel(Some(&hello.capabilities), true);
                Client { info: Some(hello.info.clone()), channel }
            }
            Session::SelfContained if call.is_self_contained() => self.handler.client_of(&call),
            _ => return false,
        };
        // Nobody else takes one, so there is one wherever it was waited for.
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else { return false };
        let cancelled = CancellationToken::new();
        let id = call.id.clone();
        let mine = Arc::new(());
        if self.running.lock().insert(id.clone(), (Arc::clone(&mine), cancelled.clone())).is_some()
        {
            // The id is in use, against the protocol. Both are carried out; only the later one can be cancelled.
            tracing::warn!(%id, "a request reuses the id of one that is under way");
        }
        let (handler, running, output) =
            (self.handler.clone(), self.running.clone(), output.clone());
        self.tasks.spawn(async move {
            let message = handler.local_call(call, client, cancelled.clone()).await;
            running.forget(&id, &mine);
            // A cancelled request gets no answer (MCP, "Cancellation").
            if !cancelled.is_cancelled()
                && let Ok(line) = to_line(&message)
            {
                // A host that has gone needs no answer.
                drop(output.send(line).await);
            }
            drop(slot);
        });
        true
    }

    /// Notes what a message that is rmcp's says of the session. Answers whether rmcp still has to see it.
    pub(super) fn heed(&mut self, message: &ClientJsonRpcMessage) -> bool {
        match message {
            ClientJsonRpcMessage::Request(request) => self.opened_by(&request.request),
            ClientJsonRpcMessage::Notification(note) => match &note.notification {
                ClientNotification::CancelledNotification(cancelled) => {
                    let id = cancelled.params.request_id.as_ref();
                    return !id.is_some_and(|id| self.cancel(id));
                }
                ClientNotification::InitializedNotification(_) => {
                    if let Session::Greeted(hello) = &self.session {
                        self.session = Session::Legacy(hello.clone());
                    }
                }
                _ => {}
            },
            _ => {}
        }
        true
    }

    fn opened_by(&mut self, request: &ClientRequest) {
        match (&self.session, request) {
            (Session::Opening, ClientRequest::InitializeRequest(hello)) => {
                self.session = Session::Greeted(Box::new(Hello {
                    info: hello.params.client_info.clone(),
                    capabilities: hello.params.capabilities.clone(),
                }));
            }
            (
                Session::Opening,
                ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_),
            ) => {}
            (Session::Opening, other)
                if other
                    .get_meta()
                    .missing_required_keys(&ProtocolVersion::V_2026_07_28)
                    .is_empty() =>
            {
                self.session = Session::SelfContained;
            }
            _ => {}
        }
    }

    fn cancel(&self, id: &RequestId) -> bool {
        let found = self.running.lock().remove(id);
        found.is_some_and(|(_, call)| {
            call.cancel();
            true
        })
    }

    /// Waits for the calls under way, and tells those that take too long that nobody waits any more.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            for (_, (_, call)) in self.running.lock().drain() {
                call.cancel();
            }
        }
    }
}
