//! The short way of the plain call.
//!
//! rmcp starts a service of its own for every stateless request over HTTP, and three tasks for every request over standard
//! input. Nearly all requests need none of that: a `tools/call` that says all the protocol asks of it, expects nothing
//! while it runs, and answers nothing that was asked before. Those are read here and go straight to the [`Handler`].
//!
//! This way decides nothing by itself. It takes only what rmcp would take, and hands everything else, also whatever looks
//! odd, on to rmcp, which then says what is wrong with it.
//!
//! [`Handler`]: super::handler::Handler

use rmcp::model::{
    ClientCapabilities, Implementation, JsonRpcVersion2_0, ProtocolVersion, RequestId,
    RequestMetaObject,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::pipeline::Channel;

/// Where a request says what version it speaks (MCP 2026-07-28, `_meta`).
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// A `tools/call` with nothing unusual about it.
#[derive(Debug)]
pub(super) struct PlainCall {
    pub(super) id: RequestId,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) meta: RequestMetaObject,
    /// What the client declares for this call, where it does.
    pub(super) capabilities: Option<ClientCapabilities>,
}

/// What is known of the client of a plain call, from the call or from its session.
#[derive(Debug)]
pub(super) struct Client {
    /// What it says it is.
    pub(super) info: Option<Implementation>,
    /// What it can be given while people decide.
    pub(super) channel: Channel,
}

/// Fields that are not here, such as the answer to a question of the server's, are none of this way's business.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    #[expect(dead_code, reason = "has to be there and right")]
    jsonrpc: JsonRpcVersion2_0,
    id: RequestId,
    #[expect(dead_code, reason = "has to be there and right")]
    method: Method,
    params: Params,
}

#[derive(Deserialize)]
enum Method {
    #[serde(rename = "tools/call")]
    CallTool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default, rename = "_meta")]
    meta: Map<String, Value>,
}

impl PlainCall {
    /// Reads a message, if it is a plain call.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let Message { id, params, .. } = serde_json::from_slice(message).ok()?;
        // Progress is sent through rmcp's peer, which only rmcp can make.
        if params.meta.contains_key("progressToken") {
            return None;
        }
        let meta = RequestMetaObject::from(params.meta);
        let capabilities = meta.client_capabilities();
        let Params { name, arguments, .. } = params;
        Some(Self { id, name, arguments, meta, capabilities })
    }

    /// Whether it says of itself all that a request of 2026-07-28 has to say.
    pub(super) fn is_self_contained(&self) -> bool {
        self.meta.protocol_version() == Some(ProtocolVersion::V_2026_07_28)
            && self.capabilities.is_some()
    }

    /// Whether it leaves to its session what version is spoken.
    pub(super) fn leans_on_its_session(&self) -> bool {
        !self.meta.0.0.contains_key(VERSION_KEY)
    }

    /// What the client says it is.
    pub(super) fn client_info(&self) -> Option<Implementation> {
        self.meta.client_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(message: &Value) -> Option<PlainCall> {
        PlainCall::read(message.to_string().as_bytes())
    }

    fn call() -> Value {
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": "echo", "arguments": {"a": 1}, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }})
    }

    #[test]
    fn a_call_that_says_everything_is_plain() {
        let plain = read(&call()).unwrap();
        assert_eq!((plain.id.to_string().as_str(), plain.name.as_str()), ("7", "echo"));
        assert_eq!(plain.arguments.get("a"), Some(&json!(1)));
        assert!(plain.is_self_contained() && !plain.leans_on_its_session());
        assert_eq!(plain.client_info().unwrap().name, "c");
    }

    #[test]
    fn whatever_is_odd_is_left_to_rmcp() {
        let changes: [(&str, Value); 9] = [
            ("/jsonrpc", json!("1.0")),
            ("/id", json!(null)),
            ("/id", json!({"a": 1})),
            ("/method", json!("tools/list")),
            ("/params/name", json!(7)),
            ("/params/arguments", json!([1])),
            ("/params/_meta", json!("x")),
            ("/params", json!([])),
            ("/params/_meta", json!({"progressToken": 1})),
        ];
        for (at, with) in changes {
            let mut message = call();
            *message.pointer_mut(at).unwrap() = with.clone();
            assert!(read(&message).is_none(), "{at} = {with}");
        }
        for (of, more) in
            [("", "result"), ("/params", "requestState"), ("/params", "inputResponses")]
        {
            let mut message = call();
            message.pointer_mut(of).unwrap()[more] = json!("x");
            assert!(read(&message).is_none(), "{of}/{more}");
        }
        assert!(PlainCall::read(b"not json").is_none());
        assert!(PlainCall::read(b"[]").is_none());
    }

    #[test]
    fn a_call_that_says_less_or_other_than_the_protocol_asks_is_not_self_contained() {
        let version = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
        let capabilities = "/params/_meta/io.modelcontextprotocol~1clientCapabilities";
        for (at, with) in [
            (version, json!("2025-11-25")),
            (version, json!(20_260_728)),
            (capabilities, json!("all")),
            (capabilities, json!({"elicitation": 7})),
            ("/params/_meta", json!({})),
        ] {
            let mut message = call();
            *message.pointer_mut(at).unwrap() = with.clone();
            assert!(!read(&message).unwrap().is_self_contained(), "{at} = {with}");
        }
        let mut message = call();
        message["params"].as_object_mut().unwrap().remove("_meta");
        let plain = read(&message).unwrap();
        assert!(!plain.is_self_contained() && plain.leans_on_its_session());
    }
}
