//! Sessions of the legacy protocol versions, each bound to the principal that opened it.
//!
//! rmcp's own sessions belong to whoever knows the id. Here another principal's session is one that does not exist.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::{Stream, StreamExt as _};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};

use crate::identity::{Authenticated, Principal};
use crate::server::handler::ended;

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
    /// When what the caller proved themselves with ends.
    until: Option<Instant>,
    limit_met: AtomicBool,
}

impl Visit {
    pub(super) fn of(caller: &Authenticated) -> Arc<Self> {
        let until = caller.until();
        Arc::new(Self { caller: caller.shared(), until, limit_met: AtomicBool::new(false) })
    }

    pub(super) async fn scope<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        VISIT.scope(Arc::clone(self), work).await
    }

    /// Whether a session was wanted and there is no room for it.
    pub(super) fn met_the_limit(&self) -> bool {
        self.limit_met.load(Ordering::Relaxed)
    }
}

/// When the proof of whoever visits ends. A stream to listen on goes no further: the next one takes another proof.
fn until_of_visit() -> Option<Instant> {
    VISIT.try_with(|visit| visit.until).ok().flatten()
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

/// The sessions that count towards the limits.
#[derive(Default)]
struct Held {
    owners: HashMap<SessionId, Owner>,
    /// Whose are being opened right now.
    opening: Vec<Owner>,
}

/// A place for one session while it is opened. Given back where it comes to nothing.
struct Opening<'a> {
    sessions: &'a Sessions,
    owner: Owner,
}

impl Opening<'_> {
    /// The session is there, and takes the place.
    fn done(self, id: SessionId) {
        // Dropped after that: it counts twice for a moment rather than not at all.
        self.sessions.held().owners.insert(id, self.owner.clone());
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let mut held = self.sessions.held();
        if let Some(at) = held.opening.iter().position(|owner| *owner == self.owner) {
            held.opening.swap_remove(at);
        }
    }
}

pub(super) struct Sessions {
    inner: LocalSessionManager,
    held: Mutex<Held>,
    limit: usize,
    limit_each: usize,
}

impl Sessions {
    pub(super) fn new(limit: usize, limit_each: usize) -> Self {
        Self { inner: LocalSessionManager::default(), held: Mutex::default(), limit, limit_each }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Both are whole whoever panicked: every change to one of them is one operation.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session is of the caller this is asked for. Asked for nobody, the answer is no.
    fn is_the_visitors(&self, id: &SessionId) -> bool {
        VISIT
            .try_with(|visit| {
                self.held().owners.get(id).is_some_and(|owner| owner.is(&visit.caller))
            })
            .unwrap_or(false)
    }

    fn only_the_visitors(&self, id: &SessionId) -> Result<(), SessionError> {
        if self.is_the_visitors(id) { Ok(()) } else { Err(SessionError::NotYours) }
    }

    /// A place for one more session, if there is room. Looked for and taken at once: many may be opened at a time.
    fn place(&self, owner: Owner) -> Option<Opening<'_>> {
        let mut held = self.held();
        let all = held.owners.len().saturating_add(held.opening.len());
        let own = held.owners.values().chain(&held.opening).filter(|other| **other == owner);
        if all >= self.limit || own.count() >= self.limit_each {
            return None;
        }
        held.opening.push(owner.clone());
        Some(Opening { sessions: self, owner })
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let visit = VISIT.try_with(Arc::clone).map_err(|_| SessionError::NotYours)?;
        let Some(opening) = self.place(Owner::of(&visit.caller)) else {
            visit.limit_met.store(true, Ordering::Relaxed);
            return Err(SessionError::Full);
        };
        let (id, transport) = self.inner.create_session().await?;
        opening.done(id.clone());
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
        self.held().owners.remove(id);
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
        Ok(self.inner.create_standalone_stream(id).await?.take_until(ended(until_of_visit())))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.only_the_visitors(id)?;
        Ok(self.inner.resume(id, last_event_id).await?.take_until(ended(until_of_visit())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{People, Person, Sandbox};

    /// A visit of this person.
    fn visit(name: &str) -> Arc<Visit> {
        let people = People::new()
            .with(Person::new("alice", "acme"))
            .with(Person::new("bob", "acme"))
            .build()
            .unwrap();
        Visit::of(&people.assert(name, "a-client", Sandbox::in_process()).unwrap())
    }

    /// Opens sessions at once, so that all of them stand before the lock of the same map, and counts those that are let in.
    async fn opened_at_once(sessions: &Arc<Sessions>, who: &[&str]) -> usize {
        let held = sessions.inner.sessions.write().await;
        let opening: Vec<_> = who
            .iter()
            .map(|name| {
                let (sessions, visit) = (Arc::clone(sessions), visit(name));
                tokio::spawn(async move {
                    let opened = visit.scope(sessions.create_session()).await;
                    assert_eq!(opened.is_err(), visit.met_the_limit());
                    opened.ok()
                })
            })
            .collect();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        drop(held);
        let mut opened = Vec::new();
        for one in opening {
            opened.extend(one.await.unwrap());
        }
        opened.len()
    }

    #[tokio::test]
    async fn sessions_opened_at_once_are_as_few_as_those_opened_one_by_one() {
        let each = Arc::new(Sessions::new(100, 3));
        assert_eq!(opened_at_once(&each, &["alice"; 10]).await, 3);
        assert_eq!(opened_at_once(&each, &["bob"; 10]).await, 3);
        let all = Arc::new(Sessions::new(4, 3));
        let both: Vec<&str> = ["alice", "bob"].repeat(5);
        assert_eq!(opened_at_once(&all, &both).await, 4);
    }

    #[tokio::test]
    async fn a_session_that_is_given_up_while_it_opens_leaves_its_place() {
        let sessions = Arc::new(Sessions::new(1, 1));
        for _ in 0..3 {
            let held = sessions.inner.sessions.write().await;
            let (same, visit) = (Arc::clone(&sessions), visit("alice"));
            let opening = tokio::spawn(async move { visit.scope(same.create_session()).await });
            tokio::task::yield_now().await;
            opening.abort();
            assert!(opening.await.is_err(), "it was given up");
            drop(held);
        }
        assert_eq!(opened_at_once(&sessions, &["alice"]).await, 1);
    }
}
