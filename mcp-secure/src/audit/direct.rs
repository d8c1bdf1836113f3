//! The short way to a canonical body: written as it stands, with nothing built in between.
//!
//! Most records are made of text and whole numbers, where `serde_json`'s spelling is the canonical one as long as keys
//! come sorted. Whatever else a record holds is left to [`by_value`](super::line::by_value).

use super::line::{FORMAT, Stamp};
use super::{ApprovalNote, Event, OutcomeNote, PolicyNote, Record, Who};
use crate::canon::{Digest, MAX_SAFE_INTEGER};
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use std::io::Write as _;

/// A record in canonical JSON, but for what the chain adds: that goes in at three places.
///
/// Said on the thread of the call, so that a few bytes are all that reaches the writer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    event: Event,
    /// The fields of the record, with their commas and without braces.
    bytes: Vec<u8>,
    /// Where `pid`, where `prev`, and where the place in the chain goes in.
    cuts: [usize; 3],
}

#[derive(serde::Serialize)]
struct BeforePid<'a> {
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
}

#[derive(serde::Serialize)]
struct BeforePrev<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a PolicyNote>,
}

#[derive(serde::Serialize)]
struct BeforeSeq<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
}

#[derive(serde::Serialize)]
struct AfterTime<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'a str>,
}

impl Encoded {
    /// `None` where the record holds what this way cannot say.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let limit = MAX_SAFE_INTEGER.unsigned_abs();
        if record.outcome.as_ref().and_then(|o| o.latency_us).is_some_and(|us| us > limit) {
            return None;
        }
        let mut bytes = Vec::with_capacity(1024);
        let before_pid = BeforePid {
            approval: record.approval.as_ref(),
            arguments: record.arguments.as_ref().map(Plain),
            arguments_digest: record.arguments_digest,
            client_info: record.client_info.as_deref(),
            detail: record.detail.as_ref().map(Plain),
            event: record.event,
            fingerprint: record.fingerprint.as_deref(),
            outcome: record.outcome.as_ref(),
        };
        let pid = fields(&before_pid, &mut bytes)?;
        let prev = fields(&BeforePrev { policy: record.policy.as_ref() }, &mut bytes)?;
        let before_seq = BeforeSeq {
            principal: record.principal.as_ref(),
            request_id: record.request_id.as_deref(),
            resource: record.resource.as_deref(),
            run_id: record.run_id.as_deref(),
        };
        let seq = fields(&before_seq, &mut bytes)?;
        let after_time = AfterTime {
            tool: record.tool.as_deref(),
            trace_id: record.trace_id.as_deref(),
            transport: record.transport.as_deref(),
        };
        fields(&after_time, &mut bytes)?;
        Some(Self { event: record.event, bytes, cuts: [pid, prev, seq] })
    }

    pub(super) const fn event(&self) -> Event {
        self.event
    }

    /// How long the body will be, at most.
    pub(super) fn body_len(&self) -> usize {
        self.bytes.len().saturating_add(320)
    }

    /// Appends the canonical body.
    pub(super) fn body(&self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Option<()> {
        let [pid, prev, seq] = self.cuts;
        out.push(b'{');
        out.extend_from_slice(self.bytes.get(..pid)?);
        write!(out, "\"pid\":{},", stamp.pid).ok()?;
        out.extend_from_slice(self.bytes.get(pid..prev)?);
        write!(out, "\"prev\":\"{}\",", stamp.prev).ok()?;
        out.extend_from_slice(self.bytes.get(prev..seq)?);
        let (millis, text) = (stamp.time.millis(), stamp.text);
        write!(out, "\"seq\":{},\"time\":\"{text}\",\"time_ms\":{millis},", stamp.seq).ok()?;
        out.extend_from_slice(self.bytes.get(seq..)?);
        // The name of a writer is hexadecimal digits.
        write!(out, "\"v\":{FORMAT},\"writer\":\"{}\"}}", stamp.writer).ok()
    }
}

/// Appends the fields of `object` with a comma after each, and returns where they end.
fn fields(object: &impl Serialize, bytes: &mut Vec<u8>) -> Option<usize> {
    let begins = bytes.len();
    serde_json::to_writer(&mut *bytes, object).ok()?;
    if bytes.len() == begins.checked_add(2)? {
        bytes.truncate(begins);
        return Some(begins);
    }
    bytes.pop();
    bytes.push(b',');
    bytes.remove(begins);
    Some(bytes.len())
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
