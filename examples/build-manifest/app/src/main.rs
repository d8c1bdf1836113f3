//! Serves two tools; `built-manifest` prints the manifest that was made at build time.

use std::process::ExitCode;

use mcp_secure::prelude::*;
use ticket_tools::{Desk, served};

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("built-manifest") {
        print!("{}", ticket_app::MANIFEST);
        return ExitCode::SUCCESS;
    }
    Server::builder(|_| Ok::<_, String>(Desk::default()))
        .info("ticket-app", env!("CARGO_PKG_VERSION"))
        .owner("support-platform")
        .tools(served())
        .people(People::new().with(Person::new("alice", "acme").roles(["support"])))
        .policies(Policies::from_str(
            "policy.cedar",
            r#"permit (principal in Role::"support", action in [Action::"ticket.read", Action::"ticket.draft"], resource);"#,
        ))
        .cli()
        .await
}
