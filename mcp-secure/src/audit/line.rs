//! The line on the disk: sealing a record, and reading it back.

use super::direct::Encoded;
use super::record::{Event, Record};
use crate::canon::{Digest, MAX_SAFE_INTEGER, canonical};
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The version of the line format.
pub(super) const FORMAT: u64 = 1;

/// Arguments and details beyond this many bytes are left out of a record; the digest of the arguments stays.
const MAX_BODY: usize = 256 * 1024;

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the format.
    #[serde(rename = "v")]
    pub version: u64,
    /// The writer: one process's run, or a part of it where it had to change files.
    pub writer: String,
    /// The place in the writer's chain, from 0.
    pub seq: u64,
    /// When it happened, in milliseconds since the Unix epoch.
    pub time_ms: Timestamp,
    /// The same time as RFC 3339, for people.
    pub time: String,
    /// The process, as the operating system numbers it.
    pub pid: u32,
    /// The hash of the record before, or the writer's genesis.
    pub prev: Digest,
    /// The hash of this record.
    pub hash: Digest,
    /// What the record says.
    #[serde(flatten)]
    pub record: Record,
}

/// What the chain adds to a record.
pub(super) struct Stamp<'a> {
    pub(super) writer: &'a str,
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    /// The same as RFC 3339.
    pub(super) text: &'a str,
    pub(super) pid: u32,
    pub(super) prev: Digest,
}

/// What the first record of `writer` is chained to, so that a chain cannot be passed off as another writer's.
pub(super) fn genesis(writer: &str) -> Digest {
    Digest::of_bytes(format!("mcp-secure audit chain v1\n{writer}").as_bytes())
}

fn chain_hash(prev: &Digest, body: &[u8]) -> Digest {
    Digest::of_parts([prev.as_bytes().as_slice(), body])
}

const HASH_OPENS: &[u8] = b",\"hash\":\"";
const HASH_CLOSES: &[u8] = b"\"}";

/// A record on its way to the log.
#[derive(Debug)]
pub(super) enum Said {
    /// In canonical JSON already.
    Encoded(Encoded),
    /// What the short way cannot say, or is too long to be said in full.
    Long(Box<Record>),
}

impl Said {
    pub(super) fn of(record: Record) -> Self {
        match Encoded::of(&record) {
            Some(encoded) if encoded.body_len() <= MAX_BODY => Self::Encoded(encoded),
            _ => Self::Long(Box::new(record)),
        }
    }

    pub(super) fn event(&self) -> Event {
        match self {
            Self::Encoded(encoded) => encoded.event(),
            Self::Long(record) => record.event,
        }
    }
}

/// Appends the line of `record` to `out` and returns its hash; `None` where the record cannot be said in JSON.
pub(super) fn seal(record: &Said, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Option<Digest> {
    let begins = out.len();
    match record {
        Said::Encoded(encoded) => encoded.body(stamp, out)?,
        Said::Long(record) => out.extend_from_slice(&by_value(record, stamp)?),
    }
    let hash = chain_hash(&stamp.prev, out.get(begins..)?);
    out.pop();
    out.extend_from_slice(HASH_OPENS);
    out.extend_from_slice(hash.to_hex().as_bytes());
    out.extend_from_slice(HASH_CLOSES);
    out.push(b'\n');
    Some(hash)
}

/// The canonical body of any record: bulk is left out, and numbers without a canonical form become text.
pub(super) fn by_value(record: &Record, stamp: &Stamp<'_>) -> Option<Vec<u8>> {
    let mut value = Value::Object(fields(record, stamp)?);
    match canonical(&value) {
        Ok(body) if body.len() <= MAX_BODY => Some(body),
        result => {
            leave_out_bulk(&mut value, result.map_or(0, |body| body.len()));
            canonical(&value).ok()
        }
    }
}

fn fields(record: &Record, stamp: &Stamp<'_>) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(record) else {
        return None;
    };
    for bulk in ["arguments", "detail"] {
        if let Some(value) = fields.get_mut(bulk) {
            make_sayable(value);
        }
    }
    if let Some(latency) = fields.get_mut("outcome").and_then(|o| o.get_mut("latency_us"))
        && latency.as_i64().is_none_or(|us| us > MAX_SAFE_INTEGER)
    {
        *latency = MAX_SAFE_INTEGER.into();
    }
    fields.insert("v".into(), FORMAT.into());
    fields.insert("writer".into(), stamp.writer.into());
    fields.insert("seq".into(), stamp.seq.into());
    fields.insert("time_ms".into(), stamp.time.millis().into());
    fields.insert("time".into(), stamp.text.into());
    fields.insert("pid".into(), stamp.pid.into());
    fields.insert("prev".into(), stamp.prev.to_hex().into());
    Some(fields)
}

/// A record is never lost for a number that canonical JSON does not allow: the number becomes its text.
fn make_sayable(value: &mut Value) {
    match value {
        Value::Number(n) if canonical(&Value::Number(n.clone())).is_err() => {
            *value = Value::String(n.to_string());
        }
        Value::Array(items) => items.iter_mut().for_each(make_sayable),
        Value::Object(map) => map.values_mut().for_each(make_sayable),
        _ => {}
    }
}

fn leave_out_bulk(record: &mut Value, bytes: usize) {
    for bulk in ["arguments", "detail"] {
        if let Some(value) = record.get_mut(bulk) {
            *value = json!({ "omitted": true, "record_bytes": bytes });
        }
    }
    if let Some(Value::String(error)) = record.get_mut("outcome").and_then(|o| o.get_mut("error")) {
        *error = error.chars().take(1000).collect();
    }
}

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadLine {
    NotARecord,
    UnknownVersion,
    Altered,
}

impl BadLine {
    pub(super) const fn says(self) -> &'static str {
        match self {
            Self::NotARecord => "the line is not an audit record",
            Self::UnknownVersion => "the record is of a format this version does not know",
            Self::Altered => "the record does not match its hash: it was altered",
        }
    }
}

/// A line that is no record, with what it claims to be, so that a report can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: BadLine,
    pub(super) seq: Option<u64>,
    pub(super) hash: Option<Digest>,
}

/// Reads one line (without its line break) and checks it against its own hash, not against its neighbours.
pub(super) fn read(line: &[u8]) -> Result<Entry, Fault> {
    #[derive(Deserialize)]
    struct Place {
        v: u64,
        seq: u64,
        prev: Digest,
    }
    let mut fault = Fault { what: BadLine::NotARecord, seq: None, hash: None };
    let (body, hash) = split(line).ok_or(fault)?;
    let place: Place = serde_json::from_slice(&body).map_err(|_| fault)?;
    fault.seq = Some(place.seq);
    fault.hash = Some(hash);
    if chain_hash(&place.prev, &body) != hash {
        return Err(Fault { what: BadLine::Altered, ..fault });
    }
    if place.v != FORMAT {
        return Err(Fault { what: BadLine::UnknownVersion, ..fault });
    }
    serde_json::from_slice(line).map_err(|_| fault)
}

/// The hashed bytes of a line, and the hash.
fn split(line: &[u8]) -> Option<(Vec<u8>, Digest)> {
    let rest = line.strip_suffix(HASH_CLOSES)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
    // Upper case reads as the same digest but is not what was written.
    let hash =
        std::str::from_utf8(hash).ok().filter(|h| !h.bytes().any(|b| b.is_ascii_uppercase()))?;
    let mut body = rest.strip_suffix(HASH_OPENS)?.to_vec();
    body.push(b'}');
    Some((body, Digest::from_hex(hash)?))
}
