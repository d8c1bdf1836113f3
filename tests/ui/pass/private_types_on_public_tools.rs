//! A public tool may take and return what only its own module knows.

use mcp_secure::prelude::*;

use self::desk::request_refund;

mod desk {
    use mcp_secure::prelude::*;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code, reason = "only the type is of interest")]
    pub(crate) struct Reason(u32);

    #[derive(serde::Serialize, schemars::JsonSchema, ToolOutput)]
    pub(crate) struct Receipt {
        cents: u32,
    }

    /// Request a refund for an order.
    #[tool(risk = "high", permission = "refund.request", approval)]
    pub async fn request_refund(_reason: Reason, cents: u32) -> Receipt {
        Receipt { cents }
    }
}

pub(super) fn main() {
    let _: ToolSet<()> = tools![request_refund];
}
