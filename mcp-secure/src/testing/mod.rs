//! A local client that drives the whole pipeline without a network.
//!
//! It is the server of the application, with its tools, its policies, a real store and a real record in a folder of
//! your choice; only the transport is missing. See [`LocalServer`].

#[cfg(feature = "bench-internals")]
mod bench;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::approval::{Approval, ApprovalId, Verdict};
use crate::audit::{Durability, Options};
use crate::canon::Digest;
use crate::catalog::StartFault;
use crate::clock::Clock;
use crate::identity::{Authenticated, DataDir, DataDirKind, Directory, JwtAuthenticator};
use crate::pipeline::{
    Answer, Channel, DecideRefused, Gate, Incoming, NoTask, ResolveRefused, Stage, Target,
    TaskAsked, Transport,
};
use crate::server::ServerBuilder;
use crate::store::{ApprovalFilter, ListedRun, Resolution, RunFilter, RunId, RunRecord};
use crate::tool::State;

/// A server within this process, for tests of what guards a tool: schema, policies, approvals, limits, record.
///
/// Its folder is a `sandbox`, so whoever [`ServerBuilder::people`] declares can be named: as who calls
/// ([`connect`](Self::connect)) and as who acts ([`decide`](Self::decide), [`rollback`](Self::rollback),
/// [`resolve`](Self::resolve), [`switch`](Self::switch)), under the rules that hold everywhere.
///
/// ```
/// use mcp_secure::prelude::*;
/// use mcp_secure::testing::LocalServer;
/// use serde_json::json;
///
/// /// Says hello to somebody.
/// #[tool(risk = "low", permission = "greeting.read", read_only)]
/// async fn greet(#[arg(max_len = 40)] name: String) -> Content {
///     Content::text(format!("hello {name}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let server = Server::builder(|_| Ok::<(), String>(()))
///     .info("greeter", "1.0.0")
///     .owner("greetings-team")
///     .tools(tools![greet])
///     .people(People::new().with(Person::new("alice", "acme").roles(["guest"])))
///     .policies(Policies::from_str(
///         "greeter.cedar",
///         r#"permit (principal in Role::"guest", action in Action::"greeting.read", resource);"#,
///     ));
/// let folder = tempfile::tempdir().unwrap();
/// let local = LocalServer::open(server, folder.path()).await.unwrap();
/// let reply = local.connect("alice").unwrap().call("greet", json!({"name": "Bob"})).await;
/// assert_eq!(reply.text(), Some("hello Bob"));
/// # }
/// ```
#[derive(Clone)]
pub struct LocalServer {
    gate: Arc<Gate>,
    people: Directory,
    data: DataDir,
    clock: Clock,
}

impl std::fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalServer").field("data", &self.data.path()).finish_non_exhaustive()
    }
}

impl LocalServer {
    /// Opens the server with a `sandbox` data folder in `folder`. Errors are those a server does not start with.
    pub async fn open<S: State>(
        server: ServerBuilder<S>,
        folder: &Path,
    ) -> Result<Self, Vec<StartFault>> {
        Self::open_with(server, folder, Clock::system(), true).await
    }

    /// The same with a clock of the test's own, and, where `durable` is false, a record that no call waits for.
    pub async fn open_with<S: State>(
        server: ServerBuilder<S>,
        folder: &Path,
        clock: Clock,
        durable: bool,
    ) -> Result<Self, Vec<StartFault>> {
        let one = |error: &dyn std::fmt::Display| vec![StartFault::server(error.to_string())];
        let data = DataDir::open_or_create(folder.join("data"), DataDirKind::Sandbox)
            .map_err(|e| one(&e))?;
        let people = server.directory().map_err(|error| one(&error))?;
        let nobody = JwtAuthenticator::new([], clock.clone()).map_err(|error| one(&error))?;
        let durability = if durable { Durability::Strict } else { Durability::Relaxed };
        let options = Options { durability, ..Options::default() };
        let gate = server.open_gate(&data, None, Arc::new(nobody), clock.clone(), options).await?;
        gate.keep_up();
        if let Some(begin) = server.announce(&gate)? {
            begin();
        }
        if let Some(refresh) = server.vouches(&data, &people) {
            gate.run_approved(refresh);
        }
        Ok(Self { gate, people, data, clock })
    }

    /// A client of the person called `name`. An error where nobody of that name is declared.
    pub fn connect(&self, name: &str) -> Result<LocalClient, String> {
        self.connect_through(name, "local-client")
    }

    /// The same person through a client of another name: what one client asked for, another cannot pick up.
    pub fn connect_through(&self, name: &str, client: &str) -> Result<LocalClient, String> {
        Ok(LocalClient { gate: Arc::clone(&self.gate), caller: self.person(name, client)? })
    }

    /// The clock the server goes by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What this crate's own tests drive in other ways.
    #[cfg(test)]
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The folder with the record and the store.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// The folder of the record, once everything queued is written.
    pub async fn audit_dir(&self) -> std::path::PathBuf {
        drop(self.gate.audit().flush().await);
        self.data.path().join(crate::server::AUDIT_FOLDER)
    }

    /// The requests for approval that the person called `name` may see, newest first.
    pub async fn approvals(&self, name: &str) -> Result<Vec<Approval>, String> {
        let who = self.person(name, "local-desk")?;
        let page = self.gate.approvals_page(&who, ApprovalFilter::default(), 1000).await;
        Ok(page.map_err(|error| error.to_string())?.items)
    }

    /// The decision of the person called `name` on the request called `id`, as it stands now.
    pub async fn decide(
        &self,
        name: &str,
        id: &str,
        verdict: Verdict,
    ) -> Result<Approval, DecideRefused> {
        let decider = self.person(name, "local-desk").map_err(|_| DecideRefused::NotFound)?;
        let id: ApprovalId = id.parse().map_err(|_| DecideRefused::NotFound)?;
        // Whoever is shown nothing decides on nothing they saw, and is refused on record.
        let shown = self.gate.approval_for(&decider, &id).await;
        let digest = shown.map_or_else(|_| Digest::of_bytes(&[]), |shown| shown.effect);
        let made = self.gate.decide(&decider, &id, digest, verdict, None).await?;
        Ok(made.approval)
    }

    /// The runs that the person called `name` may see, newest first.
    pub async fn runs(&self, name: &str) -> Result<Vec<RunRecord>, String> {
        let who = self.person(name, "local-desk")?;
        let page = self.gate.runs_page(&who, RunFilter::default(), 1000).await;
        let lines = page.map_err(|error| error.to_string())?.items;
        Ok(lines.into_iter().filter_map(ListedRun::readable).collect())
    }

    /// Takes back what the run called `id` did, as the person called `name`.
    pub async fn rollback(
        &self,
        name: &str,
        id: &RunId,
        reason: &str,
    ) -> Result<LocalReply, String> {
        let who = self.person(name, "local-desk")?;
        Ok(self.gate.rollback(&who, id, Some(reason.to_owned())).await.into())
    }

    /// What the person called `name` says became of the run called `id`, which is in doubt.
    pub async fn resolve(
        &self,
        name: &str,
        id: &RunId,
        found: Resolution,
        reason: &str,
    ) -> Result<RunRecord, ResolveRefused> {
        let who = self.person(name, "local-desk").map_err(|_| ResolveRefused::NotFound)?;
        self.gate.resolve(&who, id, found, reason).await
    }

    /// Switches off or on, as the person called `name`. False where it stood so already.
    pub async fn switch(
        &self,
        name: &str,
        scope: crate::store::SwitchScope,
        off: bool,
        reason: Option<&str>,
    ) -> Result<bool, String> {
        let who = self.person(name, "local-desk")?;
        self.gate.switch(&who, scope, off, reason).await.map_err(|refused| refused.to_string())
    }

    /// Writes the record to its end and closes it.
    pub async fn close(self) -> Result<(), String> {
        self.gate.drain().await;
        self.gate.audit().close().await.map_err(|error| error.to_string())
    }

    fn person(&self, name: &str, client: &str) -> Result<Authenticated, String> {
        let sandbox = self.data.sandbox().map_err(|error| error.to_string())?;
        self.people.assert(name, client, sandbox).map_err(|error| error.to_string())
    }
}

/// A client of one person.
#[derive(Clone)]
pub struct LocalClient {
    gate: Arc<Gate>,
    caller: Authenticated,
}

impl std::fmt::Debug for LocalClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalClient")
            .field("subject", &self.caller.principal().subject)
            .finish_non_exhaustive()
    }
}

impl LocalClient {
    /// The names of the tools this person is shown.
    #[must_use]
    pub fn tools(&self) -> Vec<&'static str> {
        self.gate.tools(&self.caller).iter().map(|served| served.spec.name).collect()
    }

    /// Calls a tool. `arguments` that are no object are sent as none.
    pub async fn call(&self, tool: &str, arguments: Value) -> LocalReply {
        self.call_with(tool, arguments, CancellationToken::new()).await
    }

    /// Calls a tool with a token that gives the call up when it is cancelled.
    pub async fn call_with(
        &self,
        tool: &str,
        arguments: Value,
        give_up: CancellationToken,
    ) -> LocalReply {
        self.send(Target::Tool(tool.to_owned()), arguments, Map::new(), give_up).await
    }

    /// Calls a tool with keys under this crate's prefix in `_meta`.
    pub async fn call_with_meta(
        &self,
        tool: &str,
        arguments: Value,
        meta: Map<String, Value>,
    ) -> LocalReply {
        self.send(Target::Tool(tool.to_owned()), arguments, meta, CancellationToken::new()).await
    }

    /// Calls a tool as a client that waits for a task. Where people have to decide, the reply's `approval_id` is the task.
    pub async fn begin(&self, tool: &str, arguments: Value) -> LocalReply {
        self.begin_with_meta(tool, arguments, Map::new()).await
    }

    /// The same with keys under this crate's prefix in `_meta`.
    pub async fn begin_with_meta(
        &self,
        tool: &str,
        arguments: Value,
        meta: Map<String, Value>,
    ) -> LocalReply {
        let incoming = self.incoming(Target::Tool(tool.to_owned()), arguments, meta);
        LocalReply::from(self.gate.call(Incoming { channel: Channel::Task, ..incoming }).await)
    }

    /// How the task called `id` stands, run now if people have approved it. `Err` is a refusal; its code is `unknown`
    /// where there is no such task for this person and client.
    pub async fn task(&self, id: &str) -> Result<LocalTask, LocalReply> {
        match self.gate.task(self.asked(id)).await {
            Ok(task) => Ok(match task.stage {
                Stage::Waits(says) => LocalTask::Working(says),
                Stage::TakenBack => LocalTask::Cancelled,
                Stage::Over(answer) => LocalTask::Completed(answer.into()),
            }),
            Err(why) => Err(why.into()),
        }
    }

    /// Takes the task called `id` back, where nothing runs yet.
    pub async fn cancel_task(&self, id: &str) -> Result<(), LocalReply> {
        self.gate.cancel_task(self.asked(id)).await.map_err(LocalReply::from)
    }

    fn asked(&self, id: &str) -> TaskAsked {
        TaskAsked {
            caller: self.caller.clone(),
            id: id.to_owned(),
            transport: Transport::Local,
            client_info: None,
            trace: None,
        }
    }

    /// Reads a resource.
    pub async fn read(&self, uri: &str) -> LocalReply {
        self.send(
            Target::Resource(uri.to_owned()),
            Value::Null,
            Map::new(),
            CancellationToken::new(),
        )
        .await
    }

    /// Gets a prompt.
    pub async fn prompt(&self, name: &str, arguments: Value) -> LocalReply {
        self.send(Target::Prompt(name.to_owned()), arguments, Map::new(), CancellationToken::new())
            .await
    }

    async fn send(
        &self,
        target: Target,
        arguments: Value,
        own_meta: Map<String, Value>,
        cancelled: CancellationToken,
    ) -> LocalReply {
        let incoming = self.incoming(target, arguments, own_meta);
        LocalReply::from(self.gate.call(Incoming { cancelled, ..incoming }).await)
    }

    fn incoming(&self, target: Target, arguments: Value, own_meta: Map<String, Value>) -> Incoming {
        Incoming {
            caller: self.caller.clone(),
            target,
            arguments: match arguments {
                Value::Object(map) => map,
                _ => Map::new(),
            },
            own_meta,
            channel: Channel::Result,
            resumes: None,
            transport: Transport::Local,
            client_info: None,
            trace: None,
            cancelled: CancellationToken::new(),
            progress: None,
        }
    }
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum LocalTask {
    /// People have not decided, or what they approved runs or is about to. With words for the person who waits.
    Working(String),
    /// It was taken back.
    Cancelled,
    /// It is over, and this is the answer that the same call made again would get.
    Completed(LocalReply),
}

impl LocalTask {
    /// The answer, once there is one.
    #[must_use]
    pub fn reply(&self) -> Option<&LocalReply> {
        match self {
            Self::Completed(reply) => Some(reply),
            Self::Working(_) | Self::Cancelled => None,
        }
    }
}

impl From<NoTask> for LocalReply {
    fn from(why: NoTask) -> Self {
        match why {
            NoTask::Unknown => Answer::Unknown.into(),
            NoTask::Refused(request_id, refusal) => Answer::Refused { request_id, refusal }.into(),
        }
    }
}

/// What a client got.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalReply {
    /// False where the call was refused or failed.
    pub ok: bool,
    /// The structured content; for a refusal `{executed, code, reason, request_id, ..}`, for an unknown name `null`.
    pub structured: Value,
    /// True where this is a preview of a call that was not carried out.
    pub dry_run: bool,
    /// True where this is the answer of the same call before, and nothing ran this time.
    pub replayed: bool,
    text: Option<String>,
}

impl LocalReply {
    /// The first block of text of a success.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The code of a refusal, `unknown` for a name that is not there for this caller.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if self.ok {
            return None;
        }
        self.structured.get("code").and_then(Value::as_str).or(Some("unknown"))
    }

    /// The id of the request for approval that a refusal tells of.
    #[must_use]
    pub fn approval_id(&self) -> Option<&str> {
        self.structured.get("approval_id").and_then(Value::as_str)
    }
}

impl From<Answer> for LocalReply {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Replayed { request_id, output } => {
                Self { replayed: true, ..Self::from(Answer::Done { request_id, output }) }
            }
            Answer::Previewed { request_id, output } => {
                Self { dry_run: true, ..Self::from(Answer::Done { request_id, output }) }
            }
            Answer::Done { output, .. } => Self {
                ok: true,
                dry_run: false,
                replayed: false,
                text: output.first_text(),
                structured: output.structured.unwrap_or_default(),
            },
            Answer::Refused { request_id, refusal } => Self {
                ok: false,
                dry_run: false,
                replayed: false,
                structured: refusal.to_json(&request_id),
                text: None,
            },
            Answer::Unknown => Self {
                ok: false,
                dry_run: false,
                replayed: false,
                structured: Value::Null,
                text: None,
            },
        }
    }
}
