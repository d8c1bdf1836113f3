//! The pipeline's answers in the protocol's words.

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, CallToolResult, ContentBlock, ErrorCode, GetPromptResult, MetaObject,
    PromptMessage, ReadResourceResult, Resource, ResourceContents, Role,
};
use serde_json::Value;

use crate::audit::Executed;
use crate::pipeline::{Answer, Code, META_PREFIX, Refusal, Standing};
use crate::tool::{Block, DRY_RUN, Output};

/// The answer to a name that is not there for this caller, whether it exists or not. It repeats nothing of the request.
pub(super) fn unknown_tool() -> ErrorData {
    ErrorData::invalid_params("unknown tool", None)
}

fn unknown_prompt() -> ErrorData {
    ErrorData::invalid_params("unknown prompt", None)
}

fn unknown_resource() -> ErrorData {
    ErrorData::resource_not_found("unknown resource", None)
}

pub(super) fn unauthenticated() -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_REQUEST, "not authenticated", None)
}

/// The answer to an account that listens on as many streams as it may.
pub(super) fn too_many_streams(most: u32) -> ErrorData {
    let says = format!("this account listens on {most} streams already; end one");
    let data = serde_json::json!({"code": Code::RateLimited.as_str(), "retry_after_ms": 30_000});
    ErrorData::new(ErrorCode::INVALID_REQUEST, says, Some(data))
}

/// The request that this very call has made, and where people decide on it.
pub(super) fn just_asked(answer: &Answer) -> Option<(&Standing, String)> {
    let Answer::Refused { refusal, .. } = answer else { return None };
    let standing = refusal.standing.as_deref().filter(|standing| standing.fresh)?;
    Some((standing, refusal.decide_url.clone()?))
}

/// The answer to `tools/call`.
pub(super) fn to_tool_result(answer: Answer) -> Result<CallToolResult, ErrorData> {
    match answer {
        Answer::Done { request_id, output } => Ok(done(output, &request_id)),
        Answer::Replayed { request_id, output } => Ok(replayed(output, &request_id)),
        Answer::Previewed { request_id, output } => Ok(previewed(output, &request_id)),
        Answer::Refused { request_id, refusal } => Ok(refused(&refusal, &request_id)),
        Answer::Unknown => Err(unknown_tool()),
    }
}

fn done(output: Output, request_id: &str) -> CallToolResult {
    let blocks = output.blocks.into_iter().map(to_content);
    let mut result = match output.structured {
        None => CallToolResult::success(blocks.collect()),
        Some(value) => {
            let mut result = CallToolResult::structured(value);
            result.content.extend(blocks);
            result
        }
    };
    // Names the call in the record, as refusals do.
    let mut meta = MetaObject::default();
    meta.0.insert(format!("{META_PREFIX}request_id"), request_id.into());
    result.meta = Some(meta);
    result
}

/// The first answer once more, with a mark for the program around the model. The content is as it was: a model that reads
/// it acts as it would have the first time.
fn replayed(output: Output, request_id: &str) -> CallToolResult {
    let mut result = done(output, request_id);
    let meta = result.meta.get_or_insert_default();
    meta.0.insert(format!("{META_PREFIX}replayed"), true.into());
    result
}

/// A preview looks like a result, so it says twice that it is none: to the model, and to the program around it.
fn previewed(output: Output, request_id: &str) -> CallToolResult {
    let mut result = done(output, request_id);
    result.content.push(ContentBlock::text(
        "DRY RUN: nothing was carried out; this is what the call would do",
    ));
    let meta = result.meta.get_or_insert_default();
    meta.0.insert(format!("{META_PREFIX}{DRY_RUN}"), true.into());
    result
}

fn refused(refusal: &Refusal, request_id: &str) -> CallToolResult {
    let mut result = CallToolResult::structured_error(refusal.to_json(request_id));
    result.content.push(ContentBlock::text(in_words(refusal)));
    result
}

/// What became of a call in one sentence that can not be read as success.
fn in_words(refusal: &Refusal) -> String {
    let opening = match refusal.executed {
        Executed::No => "NOT EXECUTED",
        Executed::Yes => "EXECUTED, BUT WITH AN ERROR; do not repeat the call",
        Executed::Unknown => "OUTCOME UNKNOWN; do not assume that it happened, nor that it did not",
    };
    let mut text = format!("{opening} ({}): {}", refusal.code.as_str(), refusal.reason);
    if let Some(remedy) = &refusal.remedy {
        text.push_str(". ");
        text.push_str(remedy);
    }
    text
}

fn to_content(block: Block) -> ContentBlock {
    match block {
        Block::Text { text } => ContentBlock::text(text),
        Block::Image { data, mime_type } => ContentBlock::image(data, mime_type),
        Block::Audio { data, mime_type } => ContentBlock::audio(data, mime_type),
        Block::Link { uri, name } => ContentBlock::resource_link(Resource::new(uri, name)),
    }
}

/// The answer to `prompts/get`. Prompts have no `isError`, so a refusal is an error of the protocol.
pub(super) fn to_prompt_result(answer: Answer) -> Result<GetPromptResult, ErrorData> {
    match answer {
        Answer::Done { output, .. }
        | Answer::Replayed { output, .. }
        | Answer::Previewed { output, .. } => {
            let mut blocks: Vec<ContentBlock> = output.blocks.into_iter().map(to_content).collect();
            if let Some(value) = output.structured {
                blocks.insert(0, ContentBlock::text(plain(value)));
            }
            let messages = blocks.into_iter().map(|block| PromptMessage::new(Role::User, block));
            Ok(GetPromptResult::new(messages.collect()))
        }
        Answer::Refused { request_id, refusal } => Err(as_error(&refusal, &request_id)),
        Answer::Unknown => Err(unknown_prompt()),
    }
}

/// The answer to `resources/read`, which nobody may hand on to another caller.
pub(super) fn to_resource_result(
    answer: Answer,
    uri: &str,
    mime_type: Option<&str>,
) -> Result<ReadResourceResult, ErrorData> {
    match answer {
        Answer::Done { output, .. }
        | Answer::Replayed { output, .. }
        | Answer::Previewed { output, .. } => {
            let text = |text: String| {
                let contents = ResourceContents::text(text, uri);
                match mime_type {
                    Some(mime_type) => contents.with_mime_type(mime_type),
                    None => contents,
                }
            };
            let mut contents = Vec::new();
            contents.extend(output.structured.map(|value| text(plain(value))));
            contents.extend(output.blocks.into_iter().map(|block| match block {
                Block::Text { text: words } => text(words),
                Block::Image { data, mime_type } | Block::Audio { data, mime_type } => {
                    ResourceContents::blob(data, uri).with_mime_type(mime_type)
                }
                Block::Link { uri, .. } => text(uri),
            }));
            Ok(ReadResourceResult::new(contents)
                .with_ttl_ms(0)
                .with_cache_scope(CacheScope::Private))
        }
        Answer::Refused { request_id, refusal } => Err(as_error(&refusal, &request_id)),
        Answer::Unknown => Err(unknown_resource()),
    }
}

/// A string as it is, anything else as JSON.
fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

pub(super) fn as_error(refusal: &Refusal, request_id: &str) -> ErrorData {
    let code = match refusal.code {
        Code::InvalidArguments => ErrorCode::INVALID_PARAMS,
        Code::ToolFailed | Code::TimedOut | Code::OutputRefused => ErrorCode::INTERNAL_ERROR,
        _ => ErrorCode::INVALID_REQUEST,
    };
    ErrorData::new(code, in_words(refusal), Some(refusal.to_json(request_id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(block: &ContentBlock) -> &str {
        &block.as_text().unwrap().text
    }

    #[test]
    fn b29_a_refusal_is_an_error_and_reads_like_one() {
        for (executed, said, opening) in [
            (Executed::No, json!(false), "NOT EXECUTED (permission_denied)"),
            (Executed::Yes, json!(true), "EXECUTED, BUT WITH AN ERROR"),
            (Executed::Unknown, json!("unknown"), "OUTCOME UNKNOWN"),
        ] {
            let refusal = Refusal::new(Code::PermissionDenied, "not permitted").executed(executed);
            let answer = Answer::Refused { request_id: "req_1".into(), refusal: Box::new(refusal) };
            let result = to_tool_result(answer).unwrap();
            assert_eq!(result.is_error, Some(true));
            let structured = result.structured_content.unwrap();
            assert_eq!(structured["executed"], said);
            assert_eq!(structured["request_id"], "req_1");
            assert_eq!(
                serde_json::from_str::<Value>(text(&result.content[0])).unwrap(),
                structured
            );
            assert!(text(&result.content[1]).starts_with(opening), "{}", text(&result.content[1]));
        }
    }

    #[test]
    fn a_success_is_structured_and_the_same_as_text() {
        let output = Output {
            structured: Some(json!({"status": "refunded"})),
            blocks: vec![Block::Image { data: "aGk=".into(), mime_type: "image/png".into() }],
        };
        let result = to_tool_result(Answer::Done { request_id: "req_1".into(), output }).unwrap();
        assert_eq!(result.is_error, Some(false));
        assert_eq!(result.structured_content, Some(json!({"status": "refunded"})));
        assert_eq!(text(&result.content[0]), r#"{"status":"refunded"}"#);
        assert_eq!(result.content.len(), 2);
    }

    #[test]
    fn a_preview_can_not_be_taken_for_a_result() {
        let output = Output { structured: Some(json!({"would_pay": 40})), blocks: vec![] };
        let result =
            to_tool_result(Answer::Previewed { request_id: "req_1".into(), output }).unwrap();
        assert_eq!(result.structured_content, Some(json!({"would_pay": 40})));
        assert!(text(result.content.last().unwrap()).starts_with("DRY RUN: nothing"));
        let meta = result.meta.unwrap().0;
        assert_eq!(meta["mcp-secure/dry_run"], json!(true));
        assert_eq!(meta["mcp-secure/request_id"], json!("req_1"));
    }

    #[test]
    fn a_refused_prompt_is_an_error_of_the_protocol_with_the_same_refusal() {
        let refusal = Box::new(Refusal::new(Code::InvalidArguments, "no such order"));
        let answer = Answer::Refused { request_id: "req_1".into(), refusal };
        let error = to_prompt_result(answer).unwrap_err();
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
        assert_eq!(error.data.unwrap()["code"], "invalid_arguments");
    }

    #[test]
    fn b15_a_resource_is_nobody_elses_to_cache() {
        let output =
            Output { structured: None, blocks: vec![Block::Text { text: "# Refunds".into() }] };
        let answer = Answer::Done { request_id: "req_1".into(), output };
        let result =
            to_resource_result(answer, "kb://articles/refunds", Some("text/markdown")).unwrap();
        assert_eq!(result.cache_scope, Some(CacheScope::Private));
        let wire = serde_json::to_value(&result).unwrap();
        assert_eq!(wire["contents"][0]["mimeType"], "text/markdown");
    }
}
