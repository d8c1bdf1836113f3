//! What a transport may ask of the pipeline, and nothing else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::approval::ApprovalId;
use crate::identity::{AuthError, Authenticated, Authenticator};
use crate::pipeline::{Answer, Incoming, NoTask, Refusal, ServerInfo, Task, TaskAsked, Transport};
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

/// What somebody wants of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskWish {
    /// To know how it stands.
    Look,
    /// To take it back.
    Cancel,
    /// To hand something in.
    Update,
}

/// An answer about a task; a task only to who looks at it.
pub(crate) type AnsweringTask =
    Pin<Box<dyn Future<Output = Result<Option<Task>, NoTask>> + Send + 'static>>;

/// The pipeline as transports see it.
pub(crate) trait Face: Send + Sync + 'static {
    /// Takes one call through every stage. Dropping the future never drops a body that may change something.
    fn call(self: Arc<Self>, incoming: Incoming) -> Answering;

    /// Answers about a task, to whoever asked for what it waits for and to nobody else.
    fn task(self: Arc<Self>, asked: TaskAsked, wish: TaskWish) -> AnsweringTask;

    /// Whether people are asked about calls of this tool, or of any tool where none is named.
    fn asks_people(&self, tool: Option<&str>) -> bool;

    /// Whether clients can be told where people decide.
    fn has_inbox(&self) -> bool;

    /// Waits until people have decided on the request, or it is over in another way, or for as long as `until`.
    fn until_decided(
        self: Arc<Self>,
        id: ApprovalId,
        until: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

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
