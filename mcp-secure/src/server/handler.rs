//! The protocol's methods, each handed to the pipeline. Written by hand: there is no router to add to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities,
    CustomRequest, CustomResult, ErrorCode, GetPromptRequestParams, GetPromptResponse,
    GetTaskParams, GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    ServerConfig, ServerJsonRpcMessage, ServerResult, SubscriptionFilter, TASKS_EXTENSION_ID,
    UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use rmcp::{Peer, ServerHandler};
use serde_json::{Map, Value};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::face::{Catalogue, Face, Shown, TaskWish};
use super::http::Caller;
use super::plain::{Client, PlainCall};
use super::{answer, changes, elicit, list, tasks};
use crate::context::Progress;
use crate::identity::{Authenticated, Credentials};
use crate::limit::Crowd;
use crate::pipeline::{
    Account, Answer, Channel, Incoming, META_PREFIX, Resumes, Target, Task, TaskAsked, Transport,
    account,
};

/// On how many streams one account may listen, in each process.
const MOST_STREAMS: u32 = 16;

/// How long what a client calls itself may be in a record, in characters.
const CLIENT_INFO_CHARS: usize = 120;

/// The methods a client may know, so that bad parameters of one are not taken for an unknown method.
const METHODS: [&str; 16] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "subscriptions/listen",
    "completion/complete",
    "logging/setLevel",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
];

/// Serves one connection, session or request. Cheap to clone.
#[derive(Clone)]
pub(super) struct Handler {
    face: Arc<dyn Face>,
    config: Arc<ServerConfig>,
    transport: Transport,
    running: Running,
    /// The streams that accounts listen on.
    listening: Crowd<Account>,
    /// The requests that accounts' sessions are told of when they are decided.
    watched: elicit::Watched,
    /// This session is told already when lists change; a client may say again that it is initialized.
    told: Arc<AtomicBool>,
}

impl Handler {
    /// The same for another session.
    pub(super) fn for_session(&self) -> Self {
        Self { told: Arc::default(), ..self.clone() }
    }

    pub(super) fn new(face: Arc<dyn Face>, transport: Transport, running: Running) -> Self {
        let config = Arc::new(server_config(&*face));
        Self {
            face,
            config,
            transport,
            running,
            listening: Crowd::default(),
            watched: elicit::Watched::default(),
            told: Arc::default(),
        }
    }

    /// Who calls. Over HTTP that is what the door established for this very request; nothing else counts.
    fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Authenticated, ErrorData> {
        match self.transport {
            Transport::Http => context
                .extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Caller>())
                .map(Caller::authenticated)
                .ok_or_else(answer::unauthenticated),
            Transport::Stdio | Transport::Local => self.local_caller(),
            // The server has no connection with itself.
            Transport::Task => Err(answer::unauthenticated()),
        }
    }

    /// Who calls where the connection belongs to one process.
    fn local_caller(&self) -> Result<Authenticated, ErrorData> {
        self.face.authenticator().authenticate(&Credentials::Local).map_err(|why| {
            self.face.unauthenticated(why, self.transport);
            answer::unauthenticated()
        })
    }

    fn shown(
        &self,
        context: &RequestContext<RoleServer>,
        which: Catalogue,
    ) -> Result<Vec<Shown>, ErrorData> {
        let caller = self.caller(context)?;
        self.face.may_list(&caller).map_err(|(id, refusal)| answer::as_error(&refusal, &id))?;
        Ok(list::in_order(self.face.shown(&caller, which)))
    }

    /// Whether a client that has to be handed an address while its call runs may call this tool. Only rmcp can do that.
    pub(super) fn hands_over(&self, tool: &str) -> bool {
        self.face.has_inbox() && self.face.asks_people(Some(tool))
    }

    /// What this client can be given while people decide. A session of before 2026-07-28 gets no task, whatever its client
    /// says: results had no type then, and one that is no result of a tool is an error to it.
    pub(super) fn channel(&self, client: Option<&ClientCapabilities>, legacy: bool) -> Channel {
        match client {
            Some(client) if !legacy && client.supports_tasks() => Channel::Task,
            Some(client) if !legacy && opens_links(client) && self.face.has_inbox() => {
                Channel::Link
            }
            _ => Channel::Result,
        }
    }

    /// The client of a plain call that says everything itself.
    pub(super) fn client_of(&self, call: &PlainCall) -> Client {
        let channel = self.channel(call.capabilities.as_ref(), false);
        Client { info: call.client_info(), channel }
    }

    /// The answer to `tools/call`, as this client can be given it.
    fn called(answer: Answer, channel: Channel) -> Result<CallToolResponse, ErrorData> {
        if let Answer::Refused { refusal, .. } = &answer
            && let Some(standing) = &refusal.standing
        {
            let url = refusal.decide_url.as_deref();
            match (channel, &standing.state, url) {
                (Channel::Task, ..) => return Ok(tasks::created(standing, url).into()),
                (Channel::Link, Some(state), Some(url)) => {
                    let (url, state) = (url.to_owned(), state.clone());
                    return Ok(elicit::input_required(standing, url, state).into());
                }
                _ => {}
            }
        }
        answer::to_tool_result(answer).map(CallToolResponse::Complete)
    }

    /// A plain call that came in over the process's own pipes.
    pub(super) async fn local_call(
        &self,
        call: PlainCall,
        client: Client,
        cancelled: CancellationToken,
    ) -> ServerJsonRpcMessage {
        match self.local_caller() {
            Ok(caller) => self.plain_call(caller, call, client, cancelled).await,
            Err(error) => ServerJsonRpcMessage::error(error, Some(call.id)),
        }
    }

    /// The whole of a plain call: the same pipeline, and the same answer as rmcp would make of it.
    ///
    /// A client of before 2026-07-28 names no version in the call, and gets the shape it knows.
    pub(super) async fn plain_call(
        &self,
        caller: Authenticated,
        call: PlainCall,
        client: Client,
        cancelled: CancellationToken,
    ) -> ServerJsonRpcMessage {
        let _running = self.running.enter();
        // A token of its own: the pipeline cancels it when the time runs out, which is not the client giving up.
        let cancelled = cancelled.child_token();
        let gone = cancelled.clone().drop_guard();
        let legacy = call.leans_on_its_session();
        let PlainCall { id, name, arguments, meta, .. } = call;
        let Client { info, channel } = client;
        let target = Target::Tool(name);
        let incoming =
            self.incoming(caller, target, arguments, &meta.0.0, info.as_ref(), cancelled);
        let answer = Arc::clone(&self.face).call(Incoming { channel, ..incoming }).await;
        gone.disarm();
        match Self::called(answer, channel) {
            Ok(response) => {
                let mut result = ServerResult::from(response);
                if legacy {
                    result.strip_result_type_for_legacy_peer();
                    result.strip_non_object_output_for_legacy_peer();
                }
                ServerJsonRpcMessage::response(result, id)
            }
            Err(error) => ServerJsonRpcMessage::error(error, Some(id)),
        }
    }

    /// The lists that there are, which all may change.
    fn lists(&self) -> SubscriptionFilter {
        let mut lists = SubscriptionFilter::builder().tools_list_changed().build();
        lists.prompts_list_changed = Some(self.face.declares(Catalogue::Prompts));
        lists.resources_list_changed = Some(self.face.declares(Catalogue::Resources));
        lists
    }

    fn incoming(
        &self,
        caller: Authenticated,
        target: Target,
        arguments: Map<String, Value>,
        meta: &Map<String, Value>,
        client: Option<&Implementation>,
        cancelled: CancellationToken,
    ) -> Incoming {
        Incoming {
            caller,
            target,
            arguments,
            own_meta: list::own_keys(meta, META_PREFIX),
            channel: Channel::Result,
            resumes: None,
            transport: self.transport,
            client_info: client.map(untrusted_name),
            trace: trace_of(meta),
            cancelled,
            progress: None,
        }
    }

    /// Asks about a task.
    async fn task(
        &self,
        id: String,
        context: &RequestContext<RoleServer>,
        wish: TaskWish,
    ) -> Result<Option<Task>, ErrorData> {
        let _running = self.running.enter();
        let asked = TaskAsked {
            caller: self.caller(context)?,
            id,
            transport: self.transport,
            client_info: context.client_info().as_ref().map(untrusted_name),
            trace: trace_of(&context.meta.0.0),
        };
        Arc::clone(&self.face).task(asked, wish).await.map_err(tasks::refused)
    }

    /// One call through the pipeline, with its progress forwarded while it runs.
    async fn run(
        &self,
        context: RequestContext<RoleServer>,
        caller: Authenticated,
        target: Target,
        arguments: Map<String, Value>,
        (channel, resumes): (Channel, Option<Resumes>),
    ) -> Answer {
        let _running = self.running.enter();
        // The pipeline hears of it when the client cancels, and when this future is dropped because it went away.
        let cancelled = context.ct.child_token();
        let gone = cancelled.clone().drop_guard();
        let token = context.meta.get_progress_token();
        let (sender, receiver) = token.as_ref().map(|_| unbounded_channel()).unzip();
        let client = context.client_info();
        let meta = &context.meta.0.0;
        let incoming = self.incoming(caller, target, arguments, meta, client.as_ref(), cancelled);
        let incoming = Incoming { progress: sender, channel, resumes, ..incoming };
        let answering = Arc::clone(&self.face).call(incoming);
        let answer = match token.zip(receiver) {
            None => answering.await,
            Some((token, receiver)) => {
                // In this future and not in a task of its own: the peer knows the request by the task it is asked from.
                // Boxed, since every call would make room for it, and rmcp moves the whole of a request's future about.
                let mut forwarding = Box::pin(forward(receiver, |progress| {
                    notify(
                        &context.peer,
                        ProgressNotificationParam::new(token.clone(), 0.0),
                        progress,
                    )
                }));
                tokio::pin!(answering);
                tokio::select! {
                    answer = &mut answering => answer,
                    () = &mut forwarding => answering.await,
                }
            }
        };
        gone.disarm();
        answer
    }
}

/// Sends what is reported until nobody reports any more; of reports that came meanwhile only the newest.
async fn forward<F: Future<Output = ()>>(
    mut receiver: UnboundedReceiver<Progress>,
    mut send: impl FnMut(Progress) -> F,
) {
    while let Some(mut progress) = receiver.recv().await {
        while let Ok(newer) = receiver.try_recv() {
            progress = newer;
        }
        send(progress).await;
    }
}

async fn notify(peer: &Peer<RoleServer>, mut param: ProgressNotificationParam, progress: Progress) {
    param.progress = progress.done;
    param.total = progress.total;
    param.message = progress.message;
    // A client that does not listen is no reason to fail the call.
    drop(peer.notify_progress(param).await);
}

fn server_config(face: &dyn Face) -> ServerConfig {
    let info = face.info();
    let mut capabilities =
        ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
    if face.declares(Catalogue::Resources) {
        let mut resources = rmcp::model::ResourcesCapability::default();
        resources.list_changed = Some(true);
        capabilities.resources = Some(resources);
    }
    if face.declares(Catalogue::Prompts) {
        let mut prompts = rmcp::model::PromptsCapability::default();
        prompts.list_changed = Some(true);
        capabilities.prompts = Some(prompts);
    }
    if face.asks_people(None) {
        let extensions = capabilities.extensions.get_or_insert_default();
        extensions.insert(TASKS_EXTENSION_ID.to_owned(), serde_json::Map::new());
    }
    let mut config = ServerConfig::new(capabilities);
    config.server_info = Implementation::new(info.name.clone(), info.version.clone());
    config.instructions.clone_from(&info.instructions);
    config
}

/// Whether the client can show a person an address to open.
pub(super) fn opens_links(client: &ClientCapabilities) -> bool {
    client.elicitation.as_ref().is_some_and(|elicitation| elicitation.url.is_some())
}

/// Whether the request is one of before 2026-07-28.
fn is_legacy(context: &RequestContext<RoleServer>) -> bool {
    // ISO dates compare as texts do.
    let modern = ProtocolVersion::V_2026_07_28;
    context.protocol_version().is_none_or(|version| version.as_str() < modern.as_str())
}

/// What the client says it is, fit for a record: short, and without characters that act on a terminal.
fn untrusted_name(info: &Implementation) -> String {
    let joined = info.name.chars().chain(" ".chars()).chain(info.version.chars());
    joined.filter(|c| !crate::cli::is_unsafe(*c)).take(CLIENT_INFO_CHARS).collect()
}

/// The trace the client says this belongs to, if it is shaped like one (W3C Trace Context, `traceparent`).
fn trace_of(meta: &Map<String, Value>) -> Option<String> {
    let text = meta.get("traceparent")?.as_str()?;
    let shaped = text.len() == 55
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-');
    shaped.then(|| text.to_owned())
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        (*self.config).clone()
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.shown(&context, Catalogue::Tools)?.into_iter().map(list::to_tool);
        Ok(ListToolsResult::with_all_items(tools.collect())
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let target = Target::Tool(request.name.into_owned());
        let arguments = request.arguments.unwrap_or_default();
        let (legacy, client) = (is_legacy(&context), context.client_capabilities());
        let channel = self.channel(client.as_ref(), legacy);
        // Of what a client brings back only this is looked at. What it answered to whatever it was asked decides nothing.
        let resumes = request.request_state.map(Resumes::State);
        let asker = account(caller.principal());
        let peer = context.peer.clone();
        let answer = self.run(context, caller, target, arguments, (channel, resumes)).await;
        if legacy
            && channel == Channel::Result
            && client.as_ref().is_some_and(opens_links)
            && let Some(asked) = answer::just_asked(&answer)
        {
            // Boxed: the future of every call would make room for it.
            Box::pin(elicit::hand_over(&peer, &self.face, &self.watched, asker, asked)).await;
        }
        Self::called(answer, channel)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let legacy = is_legacy(&context);
        match self.task(request.task_id, &context, TaskWish::Look).await? {
            Some(task) => tasks::to_task_result(task, legacy),
            None => Err(ErrorData::internal_error("the task can not be shown", None)),
        }
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.task(request.task_id, &context, TaskWish::Update).await.map(drop)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.task(request.task_id, &context, TaskWish::Cancel).await.map(drop)
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let shown = self.shown(&context, Catalogue::Prompts)?;
        Ok(ListPromptsResult::with_all_items(shown.iter().map(list::to_prompt).collect())
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let target = Target::Prompt(request.name);
        let answer = self.run(context, caller, target, arguments, (Channel::Result, None)).await;
        answer::to_prompt_result(answer).map(GetPromptResponse::Complete)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let shown = self.shown(&context, Catalogue::Resources)?;
        Ok(ListResourcesResult::with_all_items(
            shown.iter().filter_map(list::to_resource).collect(),
        )
        .with_ttl_ms(0)
        .with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let shown = self.shown(&context, Catalogue::Resources)?;
        let templates = shown.iter().filter_map(list::to_template).collect();
        Ok(ListResourceTemplatesResult::with_all_items(templates)
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let uri = request.uri;
        let mime_type = list::mime_type_of(&self.face.shown(&caller, Catalogue::Resources), &uri);
        let target = Target::Resource(uri.clone());
        let answer = self.run(context, caller, target, Map::new(), (Channel::Result, None)).await;
        answer::to_resource_result(answer, &uri, mime_type).map(ReadResourceResponse::Complete)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if !self.told.swap(true, Ordering::Relaxed) {
            changes::tell(context.peer, self.lists(), self.face.changes());
        }
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(self.lists())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let caller = self.caller(subscription.request_context())?;
        let Some(_place) = self.listening.enter(account(caller.principal()), MOST_STREAMS) else {
            return Err(answer::too_many_streams(MOST_STREAMS));
        };
        // Who holds no good token any more hears nothing more, and listens again with another one.
        tokio::select! {
            () = changes::tell_subscriber(&subscription, self.face.changes()) => {}
            () = ended(caller.until()) => {}
        }
        Ok(())
    }

    /// Whatever is no request of the protocol, also a known method with parameters of the wrong shape.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(match METHODS.into_iter().find(|method| *method == request.method) {
            Some(method) => {
                let says = format!(
                    "the parameters of `{method}` do not have the shape the protocol gives them"
                );
                ErrorData::invalid_params(says, None)
            }
            None => ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "method not found", None),
        })
    }
}

/// Waits until a proof ends, or for ever where it does not.
pub(super) async fn ended(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// Counts the calls under way, so that a server can let them end before it stops.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<tokio::sync::watch::Sender<usize>>);

impl Running {
    pub(super) fn enter(&self) -> RunningCall {
        self.0.send_modify(|count| *count = count.saturating_add(1));
        RunningCall(self.clone())
    }

    /// Waits until no call is under way.
    pub(super) async fn none(&self) {
        // The sender lives as long as `self`, so the wait can not fail.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }
}

/// One call under way.
#[derive(Debug)]
pub(super) struct RunningCall(Running);

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
