//! Conditions stand on the whole function, above or below the attribute.

use mcp_secure::prelude::*;

/// Shows the load of the machine.
#[cfg(unix)]
#[tool(risk = "low", permission = "load.read", read_only)]
async fn show_load() -> Content {
    Content::text("low")
}

/// Shows the load of the machine.
#[cfg(not(unix))]
#[tool(risk = "low", permission = "load.read", read_only)]
async fn show_load() -> Content {
    Content::text("unknown")
}

/// Not for this machine.
#[tool(risk = "low", permission = "load.read", read_only)]
#[cfg_attr(all(), allow(clippy::unused_async))]
async fn show_nothing() {}

pub(super) fn main() {
    let _: ToolSet<()> = tools![show_load, show_nothing];
}
