//! The short way to a canonical body: written as it stands, with nothing built in between.
//!
//! Most records are made of text and whole numbers, where `serde_json`'s spelling is the canonical one as long as keys
//! come sorted. Whatever else a record holds is left to [`by_value`](super::line::by_value).

use super::line::{FORMAT, Stamp};
use super::{ApprovalNote, Event, OutcomeNote, PolicyNote, Record, Who};
use crate::canon::{Digest, MAX_SAFE_INTEGER};
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// The body, in the order of the alphabet.
#[derive(serde::Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<&'a ApprovalNote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Plain<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_info: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Plain<'a>>,
    event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a OutcomeNote>,
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a PolicyNote>,
    prev: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
    seq: u64,
    time: String,
    time_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'a str>,
    v: u64,
    writer: &'a str,
}

/// The canonical body of `record`, or `None` where this way cannot say it.
pub(super) fn body(record: &Record, stamp: &Stamp<'_>) -> Option<Vec<u8>> {
    let limit = MAX_SAFE_INTEGER.unsigned_abs();
    if record.outcome.as_ref().and_then(|o| o.latency_us).is_some_and(|us| us > limit) {
        return None;
    }
    let body = Body {
        approval: record.approval.as_ref(),
        arguments: record.arguments.as_ref().map(Plain),
        arguments_digest: record.arguments_digest,
        client_info: record.client_info.as_deref(),
        detail: record.detail.as_ref().map(Plain),
        event: record.event,
        fingerprint: record.fingerprint.as_deref(),
        outcome: record.outcome.as_ref(),
        pid: stamp.pid,
        policy: record.policy.as_ref(),
        prev: stamp.prev,
        principal: record.principal.as_ref(),
        request_id: record.request_id.as_deref(),
        resource: record.resource.as_deref(),
        run_id: record.run_id.as_deref(),
        seq: stamp.seq,
        time: stamp.time.to_rfc3339(),
        time_ms: stamp.time.millis(),
        tool: record.tool.as_deref(),
        trace_id: record.trace_id.as_deref(),
        transport: record.transport.as_deref(),
        v: FORMAT,
        writer: stamp.writer,
    };
    let mut out = Vec::with_capacity(1024);
    serde_json::to_writer(&mut out, &body).ok()?;
    Some(out)
}

/// A value of text and whole numbers, with its keys sorted.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(n) => match n.as_i64() {
                Some(i) if i.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() => {
                    s.serialize_i64(i)
                }
                _ => Err(S::Error::custom("not a plain number")),
            },
            Value::Array(items) => {
                let mut seq = s.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&Plain(item))?;
                }
                seq.end()
            }
            Value::Object(object) => {
                let mut entries: Vec<_> = object.iter().collect();
                // For these the order of bytes is the order of UTF-16 code units.
                if entries.iter().any(|(key, _)| !key.is_ascii()) {
                    return Err(S::Error::custom("not a plain key"));
                }
                entries.sort_unstable_by_key(|(key, _)| *key);
                let mut map = s.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &Plain(value))?;
                }
                map.end()
            }
            other => other.serialize(s),
        }
    }
}
