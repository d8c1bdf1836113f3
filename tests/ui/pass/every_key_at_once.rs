//! Every key of `#[tool]` in two declarations, for not all of them go together.

use mcp_secure::prelude::*;
use mcp_secure::tool::ToolMeta;
use mcp_secure::tool::spec::{Access, RateScope, Risk};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize, schemars::JsonSchema, ResourceId)]
struct OrderId(u64);

struct Order;

impl<S: State> Resource<S> for Order {
    type Id = OrderId;
    const TYPE: &'static str = "Order";

    async fn load(_: &Reader<S>, _: &OrderId) -> Result<Option<Self>, ToolError> {
        Ok(Some(Self))
    }

    fn tenant(&self) -> &str {
        "acme"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new()
    }
}

#[derive(Serialize, Deserialize, schemars::JsonSchema, ToolOutput)]
struct Receipt {
    cents: u32,
}

#[dry_run]
async fn preview(_caller: &Principal, order_id: OrderId, cents: u32, note: String) -> Result<Receipt, ToolError> {
    let _ = (order_id, note);
    Ok(Receipt { cents })
}

#[when]
async fn is_large(_order_id: OrderId, cents: u32, _note: String) -> Result<bool, ToolError> {
    Ok(cents > 5_000)
}

#[rollback]
async fn cancel(_call: &CallContext, receipt: Receipt) -> Result<Receipt, ToolError> {
    Ok(receipt)
}

/// Request a refund for an order.
#[tool(
    name = "refund.request-2",
    title = "Request a refund",
    version = "2.1.0",
    owner = "payments",
    risk = "high",
    permission = "refund.request",
    resource = Order(order_id),
    approval(by = "refund.approve", quorum = 2, expires = "12h", when = is_large, allow_requester),
    destructive = false,
    idempotent,
    open_world = false,
    dry_run = preview,
    idempotency(key = [order_id, cents], window = "48h"),
    rollback(cancel, permission = "refund.cancel", within = "7d"),
    rate_limit = ["10/min per user", "1000/day per tenant", "50/sec per tool"],
    timeout = "10s",
    max_output = "64KiB",
    max_concurrent = 4,
    broad = "it is a test of the grammar",
)]
async fn request_refund(
    _caller: &Principal,
    _call: &CallContext,
    /// The order.
    order_id: OrderId,
    #[arg(min = 1, max = 500_000, default = 100)] cents: u32,
    #[arg(min_len = 1, max_len = 80, pattern = "^[a-z ]*$", one_of = ["late", "broken"], default = "late", sensitive)]
    note: String,
) -> Result<Receipt, ToolError> {
    let _ = (order_id, note);
    Ok(Receipt { cents })
}

/// Closes the desk for good.
#[tool(risk = "critical", permission = "desk.close", approval, irreversible, destructive)]
async fn close_desk() {}

/// Says whether the desk is open.
#[tool(risk = "low", public, read_only, destructive = false, idempotent = true, open_world)]
async fn show_status() {}

pub(super) fn main() {
    let _: ToolSet<()> = tools![request_refund, close_desk, show_status];
    let spec = <request_refund as ToolMeta>::SPEC;
    assert_eq!(spec.name, "refund.request-2");
    assert_eq!(spec.risk, Risk::High);
    assert_eq!(spec.access, Access::Permission("refund.request"));
    assert_eq!(spec.resource.map(|resource| resource.input), Some("order_id"));
    let approval = spec.approval.unwrap();
    assert_eq!((approval.by, approval.quorum, approval.expires_secs), (Some("refund.approve"), 2, 43_200));
    assert!(approval.allow_requester && approval.when.is_some());
    assert_eq!(spec.rate_limits.len(), 3);
    assert_eq!(spec.rate_limits[1].scope, RateScope::Tenant);
    assert_eq!((spec.limits.timeout_ms, spec.limits.max_output_bytes), (10_000, 65_536));
    assert_eq!(spec.rollback.and_then(|rollback| rollback.within_secs), Some(604_800));
    assert!(spec.inputs[2].sensitive);
    assert!(<close_desk as ToolMeta>::SPEC.irreversible);
    assert_eq!(<show_status as ToolMeta>::SPEC.access, Access::Public);
}
