//! A server whose requests hold what is not for everybody's eyes, for the tests of the inbox.

use std::process::ExitCode;

use mcp_secure::prelude::*;

/// Pays somebody.
#[tool(risk = "high", permission = "money.pay", approval, irreversible)]
async fn pay(
    /// How much, in cents.
    cents: u32,
    /// Where to.
    #[arg(max_len = 40, sensitive)]
    iban: String,
) -> Content {
    let _ = (cents, iban);
    Content::text("paid")
}

const POLICIES: &str = r#"
permit (principal in Role::"clerk", action in [Action::"money.pay"], resource);
permit (principal in Role::"head", action in [Action::"money.pay.approve"], resource);
permit (principal in Role::"privacy", action in [Action::"money.pay.reveal"], resource)
when { context.args.cents < 5000 };
"#;

#[tokio::main]
async fn main() -> ExitCode {
    let people = People::new()
        .with(Person::new("alice", "acme").roles(["clerk"]))
        .with(Person::new("bob", "acme").roles(["head"]))
        .with(Person::new("carol", "acme").roles(["head", "privacy"]))
        .with(Person::new("pat", "acme").roles(["privacy"]));
    Server::builder(|_| Ok::<(), String>(()))
        .info("vault-app", "1.0.0")
        .owner("tests")
        .people(people)
        .tools(tools![pay])
        .policies(Policies::from_str("vault-app", POLICIES))
        .cli()
        .await
}
