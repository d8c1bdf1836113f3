//! An agent on rmcp's own client, with no knowledge of this project. It speaks the same lines as `agent.py`, where they are
//! described.

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities, ClientConfig,
    CustomNotification, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, GetTaskParams, Implementation, ProtocolVersion, TaskPayload,
    UpdateTaskParams, UrlElicitationCapability,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, NotificationContext, RequestContext,
    RunningService, ServiceError,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, ErrorData, RoleClient};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

struct Agent {
    tasks: bool,
    links: Option<ElicitationAction>,
}

fn say(event: &Value) {
    println!("{event}");
}

impl ClientHandler for Agent {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        if self.tasks {
            capabilities = ClientCapabilities::builder().enable_tasks().build();
        }
        if self.links.is_some() {
            let url = UrlElicitationCapability::new();
            capabilities.elicitation = Some(ElicitationCapability::new().with_url(url));
        }
        ClientConfig::new(capabilities, Implementation::new("rmcp-agent", "1.0.0"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::UrlElicitationParams { url, message, elicitation_id, .. } =
            request
        else {
            return Err(ErrorData::invalid_params("only links are shown", None));
        };
        say(&json!({"event": "link", "url": url, "message": message, "id": elicitation_id}));
        Ok(ElicitResult::new(self.links.clone().unwrap_or(ElicitationAction::Decline)))
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        _: NotificationContext<RoleClient>,
    ) {
        if notification.method == "notifications/elicitation/complete" {
            let id = notification.params.as_ref().map(|params| params["elicitationId"].clone());
            say(&json!({"event": "decided", "id": id}));
        }
    }
}

type Client = RunningService<RoleClient, Agent>;

async fn connect(job: &Value) -> Client {
    let agent = Agent {
        tasks: job["tasks"] == json!(true),
        links: serde_json::from_value(job["links"].clone()).unwrap(),
    };
    let lifecycle = match job["era"].as_str().unwrap() {
        "legacy" => ClientLifecycleMode::Initialize,
        _ => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    };
    if let Some(command) = job["stdio"].as_array() {
        let words: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
        let mut command = tokio::process::Command::new(words[0]);
        command.args(&words[1..]);
        let transport = TokioChildProcess::new(command).unwrap();
        agent.serve_with_lifecycle(transport, lifecycle).await.unwrap()
    } else {
        let config = StreamableHttpClientTransportConfig::with_uri(job["http"].as_str().unwrap())
            .auth_header(job["token"].as_str().unwrap());
        let transport = StreamableHttpClientTransport::from_config(config);
        agent.serve_with_lifecycle(transport, lifecycle).await.unwrap()
    }
}

/// A call to its end. rmcp hands out the task; waiting for it is left to its user.
async fn call(client: &Client, step: &Value) -> Result<Value, ServiceError> {
    let arguments = step["arguments"].as_object().unwrap().clone();
    let tool = step["tool"].as_str().unwrap().to_owned();
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    if !client.service().tasks {
        return client.call_tool(params).await.map(shown);
    }
    let mut task = match client.call_tool_once(params).await? {
        CallToolResponse::Complete(result) => return Ok(shown(result)),
        CallToolResponse::Task(created) => created.task,
        other => panic!("neither a result nor a task: {other:?}"),
    };
    let mut event = shown(&task);
    event["event"] = json!("task");
    say(&event);
    loop {
        let wait = Duration::from_millis(task.poll_interval_ms.unwrap_or(1000));
        tokio::time::sleep(wait).await;
        let looked = client.get_task(GetTaskParams::new(task.task_id.as_str())).await?.task;
        task = looked.task;
        match looked.payload {
            TaskPayload::Completed { result } => return Ok(Value::Object(result)),
            TaskPayload::Working => {}
            other => panic!("the task is {other:?}"),
        }
    }
}

fn shown(result: impl serde::Serialize) -> Value {
    serde_json::to_value(result).unwrap()
}

async fn take(client: &Client, step: &Value) -> Result<Value, ServiceError> {
    let id = || step["id"].as_str().unwrap().to_owned();
    match step["op"].as_str().unwrap() {
        "call" => call(client, step).await,
        "task" => client.get_task(GetTaskParams::new(id())).await.map(shown),
        "cancel" => client.cancel_task(CancelTaskParams::new(id())).await.map(shown),
        "update" => {
            let responses = serde_json::from_value(step["responses"].clone()).unwrap();
            client.update_task(UpdateTaskParams::new(id(), responses)).await.map(shown)
        }
        other => panic!("unknown step {other}"),
    }
}

#[tokio::main]
async fn main() {
    // The workspace builds its HTTP client without one of its own.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let job: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let client = connect(&job).await;
    while let Some(line) = lines.next_line().await.unwrap() {
        let step: Value = serde_json::from_str(&line).unwrap();
        match take(&client, &step).await {
            Ok(done) => say(&json!({"done": done})),
            Err(ServiceError::McpError(error)) => {
                say(&json!({"error": {"code": error.code.0, "message": error.message}}));
            }
            Err(error) => panic!("{step}: {error}"),
        }
    }
    client.cancel().await.unwrap();
}
