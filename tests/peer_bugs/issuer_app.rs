//! A server of real people: its tokens come from an issuer, whose key set is in `ISSUER_KEYS`.

use std::process::ExitCode;
use std::sync::Arc;

use mcp_secure::identity::{Issuer, StaticKeys};
use mcp_secure::prelude::*;

/// Says who calls.
#[tool(risk = "low", permission = "self.read", read_only)]
async fn who_am_i(caller: &Principal) -> Content {
    Content::text(format!("{} at {}", caller.subject, caller.issuer))
}

#[tokio::main]
async fn main() -> ExitCode {
    let keys = std::env::var("ISSUER_KEYS").unwrap();
    let keys = StaticKeys::from_jwks(&serde_json::from_str(&keys).unwrap()).unwrap();
    let issuer = Issuer::new("https://login.example.com", "issuer-app", Arc::new(keys)).unwrap();
    Server::builder(|_| Ok::<(), String>(()))
        .info("issuer-app", "1.0.0")
        .owner("tests")
        // Names that are left over from the sandbox: with an issuer nobody is called by them.
        .people(People::new().with(Person::new("alice", "acme").roles(["clerk"])))
        .issuer(issuer)
        .tools(tools![who_am_i])
        .policies(Policies::from_str(
            "issuer-app",
            r#"permit (principal in Role::"clerk", action in Action::"self.read", resource);"#,
        ))
        .cli()
        .await
}
