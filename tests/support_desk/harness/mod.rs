//! Starting the program and its clients.

mod agent;
mod client;
mod desk;
mod doubt;
mod http;
mod provider;
mod stdio;
mod tools;

pub(crate) use agent::{Agent, Declares, Sdk, Way};
pub(crate) use client::{Client, every_client};
pub(crate) use desk::{Desk, Finished, INBOX, PATIENCE, Server, ask_to_end, program};
pub(crate) use doubt::cut_off;
pub(crate) use http::{Request, Response, mcp};
pub(crate) use provider::Provider;
pub(crate) use stdio::Stdio;
#[allow(
    unused_imports,
    reason = "two test programs share this, and one of them starts a browser"
)]
pub(crate) use tools::{installed, node};

use serde_json::{Value, json};

/// One JSON-RPC request of the 2026-07-28 protocol, which needs no handshake.
pub(crate) fn rpc(id: u64, method: &str, params: Value) -> Value {
    declaring(&json!({}), id, method, params)
}

/// The same of a client that declares these capabilities.
pub(crate) fn declaring(capabilities: &Value, id: u64, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "mcp-secure-tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A `tools/call`.
pub(crate) fn call(id: u64, name: &str, arguments: Value) -> Value {
    rpc(id, "tools/call", json!({"name": name, "arguments": arguments}))
}

/// The structured content of a call's result.
#[track_caller]
pub(crate) fn structured(result: &Value) -> &Value {
    result.get("structuredContent").unwrap_or_else(|| panic!("no structured content in {result:#}"))
}

/// The `code` of a call that was not carried out.
#[track_caller]
pub(crate) fn refusal_code(result: &Value) -> &str {
    assert_eq!(result["isError"], json!(true), "no refusal: {result:#}");
    structured(result)["code"].as_str().unwrap_or_else(|| panic!("no code in {result:#}"))
}

/// The call that the refund scenarios make.
pub(crate) fn refund_arguments() -> Value {
    json!({"order_id": "ord_5001", "amount_cents": 12_000, "reason": "damaged"})
}
