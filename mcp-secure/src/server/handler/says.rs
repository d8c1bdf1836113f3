//! What a client says of itself and of its requests. Nothing of it grants anything.

use rmcp::model::{ClientCapabilities, Implementation, ProtocolVersion};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, Value};

/// How long what a client calls itself may be in a record, in characters.
const CLIENT_INFO_CHARS: usize = 120;

/// Whether the client can show a person an address to open.
pub(in crate::server) fn opens_links(client: &ClientCapabilities) -> bool {
    client.elicitation.as_ref().is_some_and(|elicitation| elicitation.url.is_some())
}

/// Whether the request is one of before 2026-07-28.
pub(super) fn is_legacy(context: &RequestContext<RoleServer>) -> bool {
    // ISO dates compare as texts do.
    let modern = ProtocolVersion::V_2026_07_28;
    context.protocol_version().is_none_or(|version| version.as_str() < modern.as_str())
}

/// What the client says it is, fit for a record: short, and without characters that act on a terminal.
pub(super) fn untrusted_name(info: &Implementation) -> String {
    let joined = info.name.chars().chain(" ".chars()).chain(info.version.chars());
    joined.filter(|c| !crate::cli::is_unsafe(*c)).take(CLIENT_INFO_CHARS).collect()
}

/// The trace the client says this belongs to, if it is shaped like one (W3C Trace Context, `traceparent`).
pub(super) fn trace_of(meta: &Map<String, Value>) -> Option<String> {
    let text = meta.get("traceparent")?.as_str()?;
    let shaped = text.len() == 55
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-');
    shaped.then(|| text.to_owned())
}
