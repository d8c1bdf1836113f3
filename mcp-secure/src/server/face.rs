//! What a transport may ask of the pipeline, and nothing else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::identity::{AuthError, Authenticated, Authenticator};
use crate::pipeline::{Answer, Incoming, Refusal, ServerInfo, Transport};
use crate::tool::ToolSpec;

/// One of the lists a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Catalogue {
    Tools,
    Resources,
    Prompts,
}

/// One entry of a list, as the caller may see it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) spec: &'static ToolSpec,
    pub(crate) input_schema: Arc<Map<String, Value>>,
    pub(crate) output_schema: Option<Arc<Map<String, Value>>>,
    pub(crate) preview_schema: Option<Arc<Map<String, Value>>>,
}

/// An answer under way.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Answer> + Send + 'static>>;

/// The pipeline as transports see it.
pub(crate) trait Face: Send + Sync + 'static {
    /// Takes one call through every stage. Dropping the future never drops a body that may change something.
    fn call(self: Arc<Self>, incoming: Incoming) -> Answering;

    /// Whether `caller` may ask for a list now: lists count against the account's quota, as calls do. What is refused comes
    /// with the id of its record.
    fn may_list(&self, caller: &Authenticated) -> Result<(), (Arc<str>, Box<Refusal>)>;

    /// What `caller` could be permitted to use.
    fn shown(&self, caller: &Authenticated, which: Catalogue) -> Vec<Shown>;

    /// Whether anything at all of this kind is declared.
    fn declares(&self, which: Catalogue) -> bool;

    /// Changes whenever the lists may have.
    fn changes(&self) -> watch::Receiver<u64>;

    fn info(&self) -> &ServerInfo;

    /// Says who calls, from what the transport received.
    fn authenticator(&self) -> &dyn Authenticator;

    /// Takes note of an address that asks too often, and of how many of its requests went unrecorded before.
    fn turned_away(&self, peer: &str, before: u64);

    /// Takes note of a caller nobody vouches for.
    fn unauthenticated(&self, why: AuthError, transport: Transport);
}
