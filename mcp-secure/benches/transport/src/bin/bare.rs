//! The shop on bare rmcp: no policy, no record, no check of arguments beyond their types.
//!
//! `bench-bare http`, which prints its address, or `bench-bare stdio`.

#[path = "../shop.rs"]
mod shop;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use axum::serve::ListenerExt as _;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{Currency, Line, Order};

#[derive(Clone)]
struct Shop {
    orders: Arc<HashMap<String, Order>>,
    /// Where a marking call leaves its line.
    file: Arc<File>,
    /// Made once. By default the macro makes a router anew for every call, which costs more than the call.
    tool_router: ToolRouter<Self>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Read {
    /// The order.
    order_id: String,
    /// How many lines to show at most.
    #[schemars(range(min = 1, max = 20))]
    limit: u32,
    /// The currency of the amounts.
    #[allow(dead_code, reason = "as in the other server")]
    currency: Currency,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Mark {
    /// The order.
    order_id: String,
    /// The mark.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    mark: u32,
}

/// An order as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    order_id: String,
    status: String,
    total_cents: u32,
    lines: Vec<Line>,
}

/// What was marked.
#[derive(Debug, Serialize, JsonSchema)]
struct Marked {
    order_id: String,
    mark: u32,
}

#[tool_router]
impl Shop {
    /// Reads one order.
    #[tool(annotations(read_only_hint = true))]
    async fn read_order(
        &self,
        Parameters(Read { order_id, limit, .. }): Parameters<Read>,
    ) -> Result<Json<Shown>, ErrorData> {
        let order = self
            .orders
            .get(&order_id)
            .ok_or_else(|| ErrorData::invalid_params("no such order", None))?;
        Ok(Json(Shown {
            order_id,
            status: order.status.clone(),
            total_cents: order.total_cents,
            lines: order.lines.iter().take(limit as usize).cloned().collect(),
        }))
    }

    /// Marks one order: one line, and one sync that the call waits for.
    #[tool(annotations(destructive_hint = false))]
    async fn mark_order(
        &self,
        Parameters(Mark { order_id, mark }): Parameters<Mark>,
    ) -> Result<Json<Marked>, ErrorData> {
        let file = Arc::clone(&self.file);
        let line = format!("{order_id} {mark}\n");
        let written = tokio::task::spawn_blocking(move || {
            (&*file).write_all(line.as_bytes())?;
            file.sync_data()
        });
        match written.await {
            Ok(Ok(())) => Ok(Json(Marked { order_id, mark })),
            _ => Err(ErrorData::internal_error("not written", None)),
        }
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Shop {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (how, file) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let file = File::options().create(true).append(true).open(file)?;
    let shop = Shop {
        orders: Arc::new(shop::orders()),
        file: Arc::new(file),
        tool_router: Shop::tool_router(),
    };
    if how == "stdio" {
        shop.serve(rmcp::transport::stdio()).await?.waiting().await?;
        return Ok(());
    }
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let service = StreamableHttpService::new(
        move || Ok(shop.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("serves MCP at http://{}/mcp", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, axum::Router::new().route_service("/mcp", service)).await?;
    Ok(())
}
