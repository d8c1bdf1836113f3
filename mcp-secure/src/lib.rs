//! Declare MCP tools together with their policy, and serve them through one pipeline that enforces it.
//!
//! Three promises hold for every tool this crate serves:
//!
//! 1. nothing is served without its policy,
//! 2. nothing runs around the pipeline,
//! 3. nothing happens unrecorded, or twice.
//!
//! ```
//! use mcp_secure::prelude::*;
//!
//! /// Says hello to somebody.
//! #[tool(risk = "low", permission = "greeting.read", read_only)]
//! async fn greet(#[arg(max_len = 40)] name: String) -> Content {
//!     Content::text(format!("hello {name}"))
//! }
//!
//! let served: ToolSet<()> = tools![greet];
//! # drop(served);
//! ```
//!
//! Begin with [`prelude::tool`](macro@prelude::tool) (a tool and its policy), [`server::Server::builder`] (serving it) and
//! [`testing::LocalServer`] (testing it). The guide is in `docs/` of the repository: getting started, approvals,
//! operations, a page for each key of the attribute, and an index of all messages.
//!
//! The folders follow the way of a call: [`server`] takes it in, [`identity`] says who calls, the pipeline finds the
//! tool, validates, authorises ([`policy`]), asks people ([`approval`]), records ([`audit`]) and runs it, and
//! [`guard`] looks at what goes out.
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `server` (default) | serving: transports, policies, store, record, approvals, command line |
//! | `oidc` | people sign in to the inbox at an `OpenID` provider |
//! | `remote` | the command line acts at a server elsewhere |
//! | `postgres` | a store that several machines share |
//! | `webhooks` | other servers are told of requests for approval |
//! | `webhook-verify` | proving where such a message comes from; it brings no server |
//!
//! Without `server` only declarations and the [`manifest`] are there, for a library of tools and for a `build.rs`.

// Declarations alone are never run, so what runs them looks unused then.
#![cfg_attr(not(feature = "server"), allow(dead_code))]

// What the macros write names this crate from outside.
#[cfg(all(test, feature = "server"))]
extern crate self as mcp_secure;

#[cfg(feature = "server")]
pub mod api;
#[cfg(feature = "server")]
pub mod approval;
#[cfg(feature = "server")]
pub mod audit;
pub mod canon;
pub mod catalog;
#[cfg(feature = "server")]
pub mod cli;
pub mod clock;
pub mod context;
pub mod guard;
pub mod identity;
#[cfg(feature = "server")]
pub mod inbox;
#[cfg(feature = "server")]
pub mod limit;
pub mod manifest;
#[cfg(any(feature = "oidc", feature = "remote"))]
mod outbound;
pub mod pipeline;
#[cfg(feature = "server")]
pub mod policy;
pub mod prelude;
pub mod resource;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod testing;
#[cfg(any(feature = "oidc", feature = "postgres", feature = "remote", feature = "webhooks"))]
mod tls;
pub mod tool;
#[cfg(feature = "webhook-verify")]
pub mod webhook;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
