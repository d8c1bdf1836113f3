//! Tasks in the protocol's words (MCP extension `io.modelcontextprotocol/tasks`, 2026-07-28).

use rmcp::ErrorData;
use rmcp::model::{
    CreateTaskResult, DetailedTask, GetTaskResult, ServerResult, Task as Shown, TaskPayload,
    TaskStatus,
};
use serde_json::Value;

use super::answer;
use crate::pipeline::{LOOK_AGAIN_MS, NoTask, Stage, Standing, Task, kept_for_ms};

/// The answer to an id that is no task of this caller's, whether there is one of that id or not. It repeats nothing of the
/// request.
fn unknown() -> ErrorData {
    ErrorData::invalid_params("unknown task", None)
}

/// What a client gets in place of the result of a call that people have to approve.
pub(super) fn created(standing: &Standing, decide_url: Option<&str>) -> CreateTaskResult {
    let created = standing.created.to_rfc3339();
    let says = "NOT EXECUTED: waits for a person to decide";
    let says = match decide_url {
        Some(url) => format!("{says}, at {url}"),
        None => says.to_owned(),
    };
    let task = Shown::new(standing.id.to_string(), TaskStatus::Working, created.clone(), created)
        .with_status_message(says)
        .with_ttl_ms(kept_for_ms(standing.created, standing.expires))
        .with_poll_interval_ms(LOOK_AGAIN_MS);
    CreateTaskResult::new(task)
}

/// The answer to `tasks/get`. `legacy`: to a session of before 2026-07-28, whose results have no type.
pub(super) fn to_task_result(task: Task, legacy: bool) -> Result<GetTaskResult, ErrorData> {
    let mut shown = Shown::new(
        task.id.to_string(),
        TaskStatus::Working,
        task.created.to_rfc3339(),
        task.changed.to_rfc3339(),
    )
    .with_ttl_ms(kept_for_ms(task.created, task.expires))
    .with_poll_interval_ms(LOOK_AGAIN_MS);
    let payload = match task.stage {
        Stage::Waits(says) => {
            shown = shown.with_status_message(says);
            TaskPayload::Working
        }
        Stage::TakenBack => {
            shown = shown.with_status_message("NOT EXECUTED: taken back by whoever asked for it");
            TaskPayload::Cancelled
        }
        Stage::Over(answer) => {
            let mut result = ServerResult::CallToolResult(answer::to_tool_result(answer)?);
            if legacy {
                result.strip_result_type_for_legacy_peer();
                result.strip_non_object_output_for_legacy_peer();
            }
            match serde_json::to_value(&result) {
                Ok(Value::Object(result)) => TaskPayload::Completed { result },
                _ => return Err(ErrorData::internal_error("the result can not be shown", None)),
            }
        }
    };
    Ok(GetTaskResult::new(DetailedTask::new(shown, payload)))
}

/// Why nothing is said about a task.
pub(super) fn refused(why: NoTask) -> ErrorData {
    match why {
        NoTask::Unknown => unknown(),
        NoTask::Refused(request_id, refusal) => answer::as_error(&refusal, &request_id),
    }
}
