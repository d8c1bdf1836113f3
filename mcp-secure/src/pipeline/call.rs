//! One call as a transport brings it, and one answer as it takes it back.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::refusal::Refusal;
use crate::approval::ApprovalId;
use crate::context::Progress;
use crate::identity::Authenticated;
use crate::tool::Output;

/// The way a call came in. For the record; nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Standard input and output of a process a host started.
    Stdio,
    /// Streamable HTTP.
    Http,
    /// A client within the process, for tests.
    Local,
    /// None: the server goes on with a call by itself, once people have approved what a client waits for.
    Task,
}

impl Transport {
    /// The word in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "http",
            Self::Local => "local",
            Self::Task => "task",
        }
    }
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `tools/call` by name.
    Tool(String),
    /// `resources/read` by URI; the arguments are what the matching template's variables hold.
    Resource(String),
    /// `prompts/get` by name.
    Prompt(String),
}

impl Target {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Resource(name) | Self::Prompt(name) => name,
        }
    }
}

/// What a client can be given while people decide, by what it declared for this very call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Channel {
    /// A result that says so; the same call made again hears more.
    #[default]
    Result,
    /// The address where people decide, once, and a `requestState` to come back with (MCP 2026-07-28, "Multi Round-Trip
    /// Requests").
    Link,
    /// A task (MCP extension `io.modelcontextprotocol/tasks`).
    Task,
}

/// The request that a call goes on with. Such a call asks nobody anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resumes {
    /// A `requestState`, as a client sent it.
    State(String),
    /// The request of a task. Nothing a client sends makes this.
    Request(ApprovalId),
}

/// One call. Who calls is what an authenticator established; everything else is untrusted.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) caller: Authenticated,
    pub(crate) target: Target,
    pub(crate) arguments: Map<String, Value>,
    /// What of `_meta` has a key that starts with our prefix.
    pub(crate) own_meta: Map<String, Value>,
    pub(crate) channel: Channel,
    pub(crate) resumes: Option<Resumes>,
    pub(crate) transport: Transport,
    /// What the client says it is (`clientInfo`), cut short. Recorded, never believed.
    pub(crate) client_info: Option<String>,
    /// The trace this call belongs to (W3C Trace Context).
    pub(crate) trace: Option<String>,
    /// Cancelled when the caller gives up.
    pub(crate) cancelled: CancellationToken,
    pub(crate) progress: Option<UnboundedSender<Progress>>,
}

/// The prefix of `_meta` keys that are ours. An unknown key under it is refused: a misspelt wish never runs for real.
pub(crate) const META_PREFIX: &str = "mcp-secure/";

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The body ran, its output passed the guard and its record stands.
    Done { request_id: Arc<str>, output: Output },
    /// The very call was carried out before, and this is the answer it had. Nothing ran this time.
    Replayed { request_id: Arc<str>, output: Output },
    /// The call asked what it would do, and this is the preview. Nothing was carried out.
    Previewed { request_id: Arc<str>, output: Output },
    /// Anything else, in words a model can act on.
    Refused { request_id: Arc<str>, refusal: Box<Refusal> },
    /// There is no such thing for this caller. The same answer whether it is hidden or does not exist.
    Unknown,
}
