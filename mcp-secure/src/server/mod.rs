//! The transports: standard input and output, and streamable HTTP, in front of the one pipeline.
//!
//! A transport says who calls, by what it received, and hands the call over. It has no way to a tool's body, and no
//! application can register a handler of the protocol beside it.

mod answer;
mod application;
mod boot;
mod builder;
mod changes;
mod checks;
mod comparable;
mod elicit;
mod face;
mod gate;
mod handler;
mod http;
mod list;
mod opened;
mod opening;
mod patterns;
mod plain;
mod stdio;
mod tasks;

#[cfg(test)]
mod testkit;

pub use boot::Boot;
pub use builder::{Server, ServerBuilder};
pub(crate) use http::{HttpServer, HttpSettings, replies};
#[cfg(test)]
pub(crate) use opened::opened;
pub(crate) use opened::{Opened, Tickets};
pub(crate) use opening::AUDIT_FOLDER;
pub(crate) use stdio::Stdio;

/// The largest message a transport takes, in bytes, unless the server says otherwise.
pub(crate) const MAX_MESSAGE_BYTES: usize = 256 * 1024;
