//! Each method of the protocol, handed to the pipeline.

use std::sync::atomic::Ordering;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CustomRequest,
    CustomResult, ErrorCode, GetPromptRequestParams, GetPromptResponse, GetTaskParams,
    GetTaskResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ServerConfig, SubscriptionFilter, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use rmcp::{ErrorData, ServerHandler};
use serde_json::Map;

use super::Handler;
use super::running::ended;
use super::says::{is_legacy, opens_links};
use crate::pipeline::{Channel, Resumes, Target, account};
use crate::server::face::{Catalogue, TaskWish};
use crate::server::{answer, changes, elicit, list, tasks};

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

/// On how many streams one account may listen, in each process.
const MOST_STREAMS: u32 = 16;

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
