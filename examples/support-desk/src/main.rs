//! The support desk's server and command line.

use std::process::ExitCode;

use mcp_secure::policy::Policies;
use mcp_secure::server::Server;
use support_desk::app::{App, people, served};

/// A call makes many small allocations, and its record is freed by another thread: twice the calls a second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Server::builder(|boot| App::open(boot.data_dir()))
        .info("support-desk", env!("CARGO_PKG_VERSION"))
        .owner("support-platform")
        .people(people())
        .tools(served())
        .policies(Policies::from_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")))
        .cli()
        .await
}
