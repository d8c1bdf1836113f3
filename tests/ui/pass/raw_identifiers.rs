//! A raw identifier is the plain name for clients.

use mcp_secure::prelude::*;
use mcp_secure::tool::ToolMeta;

/// Moves something from one state to another.
#[tool(risk = "high", permission = "thing.change", idempotency(key = [r#type, r#for]))]
async fn r#move(r#type: u32, #[arg(max = 9)] r#for: u32) {
    let _ = (r#type, r#for);
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![r#move];
    let spec = <r#move as ToolMeta>::SPEC;
    assert_eq!(spec.name, "move");
    assert_eq!(spec.inputs[0].name, "type");
    assert_eq!(spec.idempotency.map(|idempotency| idempotency.key), Some(["type", "for"].as_slice()));
}
