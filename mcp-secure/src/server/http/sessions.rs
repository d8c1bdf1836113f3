//! Sessions of the legacy protocol versions, each bound to the principal that opened it.
//!
//! rmcp's own sessions belong to whoever knows the id. Here another principal's session is one that does not exist.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};

use crate::identity::{Authenticated, Principal};

tokio::task_local! {
    static VISIT: Arc<Visit>;
}

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    issuer: String,
    subject: String,
    tenant: String,
    client: String,
}

impl Owner {
    fn of(caller: &Principal) -> Self {
        Self {
            issuer: caller.issuer.clone(),
            subject: caller.subject.clone(),
            tenant: caller.tenant.clone(),
            client: caller.client.clone(),
        }
    }

    fn is(&self, caller: &Principal) -> bool {
        self.issuer == caller.issuer
            && self.subject == caller.subject
            && self.tenant == caller.tenant
            && self.client == caller.client
    }
}

/// One HTTP request of an authenticated caller. What rmcp asks of [`Sessions`] meanwhile is asked for this caller.
#[derive(Debug)]
pub(super) struct Visit {
    caller: Arc<Principal>,
    limit_met: AtomicBool,
}

impl Visit {
    pub(super) fn of(caller: &Authenticated) -> Arc<Self> {
        Arc::new(Self { caller: caller.shared(), limit_met: AtomicBool::new(false) })
    }

    pub(super) async fn scope<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        VISIT.scope(Arc::clone(self), work).await
    }

    /// Whether a session was wanted and there is no room for it.
    pub(super) fn met_the_limit(&self) -> bool {
        self.limit_met.load(Ordering::Relaxed)
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("there are too many sessions")]
    Full,
    #[error("there is no such session")]
    NotYours,
    #[error(transparent)]
    Inner(#[from] LocalSessionManagerError),
}

pub(super) struct Sessions {
    inner: LocalSessionManager,
    owners: Mutex<HashMap<SessionId, Owner>>,
    limit: usize,
    limit_each: usize,
}

impl Sessions {
    pub(super) fn new(limit: usize, limit_each: usize) -> Self {
        Self {
            inner: LocalSessionManager::default(),
            owners: Mutex::new(HashMap::new()),
            limit,
            limit_each,
        }
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<SessionId, Owner>> {
        // The map is whole whoever panicked: every change to it is one operation.
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session is of the caller this is asked for. Asked for nobody, the answer is no.
    fn is_the_visitors(&self, id: &SessionId) -> bool {
        VISIT
            .try_with(|visit| self.owners().get(id).is_some_and(|owner| owner.is(&visit.caller)))
            .unwrap_or(false)
    }

    fn only_the_visitors(&self, id: &SessionId) -> Result<(), SessionError> {
        if self.is_the_visitors(id) { Ok(()) } else { Err(SessionError::NotYours) }
    }

    fn has_room(&self, owner: &Owner) -> bool {
        let owners = self.owners();
        let own = owners.values().filter(|other| *other == owner).count();
        owners.len() < self.limit && own < self.limit_each
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let visit = VISIT.try_with(Arc::clone).map_err(|_| SessionError::NotYours)?;
        let owner = Owner::of(&visit.caller);
        if !self.has_room(&owner) {
            visit.limit_met.store(true, Ordering::Relaxed);
            return Err(SessionError::Full);
        }
        let (id, transport) = self.inner.create_session().await?;
        self.owners().insert(id.clone(), owner);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.only_the_visitors(id)?;
        Ok(self.inner.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        Ok(self.is_the_visitors(id) && self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        // rmcp closes what has ended from a task of its own, where nobody visits. A visitor closes only their own, and
        // hears the same when there was nothing to close.
        if VISIT.try_with(|_| ()).is_ok() && !self.is_the_visitors(id) {
            return Ok(());
        }
        self.owners().remove(id);
        Ok(self.inner.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.only_the_visitors(id)?;
        Ok(self.inner.create_stream(id, message).await?)
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        self.only_the_visitors(id)?;
        Ok(self.inner.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.only_the_visitors(id)?;
        Ok(self.inner.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.only_the_visitors(id)?;
        Ok(self.inner.resume(id, last_event_id).await?)
    }
}
