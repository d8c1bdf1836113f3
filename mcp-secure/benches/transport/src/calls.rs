//! The requests.

use serde_json::{Value, json};

/// One tool and how it is called.
pub(crate) struct Call {
    pub(crate) tool: &'static str,
    arguments: fn(u64) -> Value,
}

pub(crate) const READ: Call = Call {
    tool: "read_order",
    arguments: |n| json!({"order_id": order(n), "limit": 5, "currency": "EUR"}),
};

pub(crate) const MARK: Call = Call {
    tool: "mark_order",
    arguments: |n| json!({"order_id": order(n), "mark": 1 + n % 1_000_000_000}),
};

fn order(n: u64) -> String {
    format!("ord_{}", 5000 + n % 100)
}

impl Call {
    /// The message, with everything a request of the 2026-07-28 protocol says of itself.
    pub(crate) fn message(&self, n: u64) -> String {
        self.json(
            n,
            json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1.0.0"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }),
        )
    }

    /// The same within a session, which knows all that.
    pub(crate) fn in_session(&self, n: u64) -> String {
        self.json(n, json!({}))
    }

    fn json(&self, n: u64, meta: Value) -> String {
        let mut params = json!({"name": self.tool, "arguments": (self.arguments)(n)});
        if meta.as_object().is_some_and(|meta| !meta.is_empty()) {
            params["_meta"] = meta;
        }
        json!({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params}).to_string()
    }
}

/// Ends the bench if the answer is anything but a success.
pub(crate) fn check(answer: &[u8]) {
    let text = String::from_utf8_lossy(answer);
    let good = text.contains("\"structuredContent\"") && !text.contains("\"isError\":true");
    assert!(good, "not a success: {text}");
}
