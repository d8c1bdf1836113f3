//! The support desk's server and command line.

use std::process::ExitCode;

use mcp_secure::inbox::Inbox;
use mcp_secure::policy::Policies;
use mcp_secure::server::Server;
use support_desk::app::{App, people, served};

/// A call makes many small allocations, and its record is freed by another thread: twice the calls a second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// People sign in at the `OpenID` provider that the environment names; by one-time links where it names none.
#[cfg(feature = "oidc")]
fn inbox() -> Inbox {
    use mcp_secure::identity::{Claims, Oidc, PersonMapping};
    let said = |name: &str| std::env::var(name).unwrap_or_default();
    let issuer = said("SUPPORT_DESK_OIDC_ISSUER");
    if issuer.is_empty() {
        return Inbox::new();
    }
    let provider = Oidc::new(issuer, said("SUPPORT_DESK_OIDC_CLIENT"))
        .secret(said("SUPPORT_DESK_OIDC_SECRET"))
        // Agents' tokens are of another issuer, so both have to say who the person is.
        .claims(Claims { person: PersonMapping::Claim("person".into()), ..Claims::default() });
    Inbox::new().sign_in(provider)
}

#[cfg(not(feature = "oidc"))]
fn inbox() -> Inbox {
    Inbox::new()
}

#[tokio::main]
async fn main() -> ExitCode {
    let server = Server::builder(|boot| App::open(boot.data_dir()))
        .info("support-desk", env!("CARGO_PKG_VERSION"))
        .owner("support-platform")
        .people(people())
        .inbox(inbox())
        .tools(served())
        .policies(Policies::from_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")));
    #[cfg(feature = "webhooks")]
    let server = server.webhooks(webhooks());
    server.cli().await
}

/// Who is told of requests for approval, as the environment says. A secret on the command line could be read by everybody.
#[cfg(feature = "webhooks")]
fn webhooks() -> mcp_secure::webhook::Webhooks {
    use mcp_secure::webhook::{Target, Webhooks};

    let Ok(url) = std::env::var("MCP_SECURE_WEBHOOK_URL") else { return Webhooks::new() };
    let secret = std::env::var("MCP_SECURE_WEBHOOK_SECRET").unwrap_or_default();
    // A receiver on this machine may do without TLS; any other has it.
    Webhooks::new().to(Target::new("environment", url).secret(secret).allow_http_on_loopback())
}
