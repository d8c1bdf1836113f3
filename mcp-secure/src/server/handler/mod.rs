//! The protocol's methods, each handed to the pipeline. Written by hand: there is no router to add to.

mod config;
mod methods;
mod progress;
mod running;
mod says;

pub(super) use running::{Running, ended};
pub(super) use says::opens_links;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, ClientCapabilities, Implementation, ProgressNotificationParam, ServerConfig,
    ServerJsonRpcMessage, ServerResult, SubscriptionFilter,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, Value};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::face::{Catalogue, Face, Shown, TaskWish};
use super::http::Caller;
use super::plain::{Client, PlainCall};
use super::{answer, elicit, list, tasks};
use crate::identity::{Authenticated, Credentials};
use crate::limit::Crowd;
use crate::pipeline::{
    Account, Answer, Channel, Incoming, META_PREFIX, Resumes, Target, Task, TaskAsked, Transport,
};
use config::server_config;
use progress::{forward, notify};
use says::{trace_of, untrusted_name};

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
