//! A server at which nobody could tell who decides from who asked does not start.

use std::sync::Arc;

use mcp_secure::api::Decisions;
use mcp_secure::identity::{Claims, Issuer, Oidc, PersonMapping, StaticKeys};
use mcp_secure::inbox::Inbox;
use mcp_secure::prelude::*;
use mcp_secure::server::ServerBuilder;
use mcp_secure::testing::LocalServer;

use crate::app::{Bank, Effects, POLICIES, Weather, empty, tools};

const AGENTS: &str = "https://agents.example.com";
const PEOPLE: &str = "https://people.example.com";

/// How an issuer's accounts tell the person behind them, if they do.
fn claims(person: Option<&str>) -> Claims {
    let person = person.map(|claim| PersonMapping::Claim(claim.into()));
    Claims { person: person.unwrap_or(PersonMapping::Account), ..Claims::default() }
}

fn issuer(name: &str, audience: &str, person: Option<&str>) -> Issuer {
    let keys = Arc::new(StaticKeys::default());
    Issuer::new(name, audience, keys).unwrap().claims(claims(person))
}

fn decisions(name: &str, audience: &str, person: Option<&str>) -> Decisions {
    Decisions::new(issuer(name, audience, person))
}

fn inbox(name: &str, person: Option<&str>) -> Inbox {
    Inbox::new().sign_in(Oidc::new(name, "inbox").secret("secret").claims(claims(person)))
}

fn bank() -> ServerBuilder<Bank> {
    empty(&Effects::default(), &Weather::default())
        .tools(tools())
        .policies(Policies::from_str("bank", POLICIES))
}

/// One whose agents' tokens come from the agents' issuer.
fn with_agents(person: Option<&str>) -> ServerBuilder<Bank> {
    bank().issuer(issuer(AGENTS, "bank", person))
}

/// Neither a check nor a start goes through, and all of this is said.
async fn does_not_start(server: ServerBuilder<Bank>, says: &[&str]) {
    let faults = server.check().expect_err("it was checked and found good");
    let text: Vec<String> = faults.iter().map(|fault| fault.message.clone()).collect();
    for part in says {
        assert!(text.iter().any(|fault| fault.contains(part)), "{part}: {text:#?}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(LocalServer::open(server, folder.path()).await.is_err(), "it started");
}

async fn starts(server: ServerBuilder<Bank>) {
    server.check().unwrap();
    let folder = tempfile::tempdir().unwrap();
    LocalServer::open(server, folder.path()).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn b30_a_server_starts_only_where_a_person_at_two_issuers_is_seen_to_be_one() {
    let told = "nobody could tell whether a person of";
    let missing = |side: &str, issuer: &str| format!("missing for {side} (`{issuer}`)");
    // One side does not name the person, or neither does.
    for (agents, people, of) in [
        (None, Some("employee"), missing("agents' tokens", AGENTS)),
        (Some("employee"), None, missing("the decision API", PEOPLE)),
        (None, None, missing("agents' tokens", AGENTS)),
    ] {
        let api = with_agents(agents).decisions(decisions(PEOPLE, "decide", people));
        does_not_start(api, &[told, &of]).await;
    }
    for (agents, people, of) in [
        (None, Some("employee"), missing("agents' tokens", AGENTS)),
        (Some("employee"), None, missing("the inbox", PEOPLE)),
    ] {
        does_not_start(with_agents(agents).inbox(inbox(PEOPLE, people)), &[told, &of]).await;
    }
    // The people of a sandbox are named by themselves, those who sign in have to be too.
    does_not_start(bank().inbox(inbox(PEOPLE, None)), &[told, "the inbox"]).await;
    // Each two of three: the API and the inbox count the same people.
    let three = with_agents(Some("employee"))
        .decisions(decisions(PEOPLE, "decide", Some("employee")))
        .inbox(inbox("https://third.example.com", None));
    does_not_start(three, &[told, "the inbox"]).await;
    // At one issuer accounts are people on both sides, or a claim is.
    let one = with_agents(Some("employee")).decisions(decisions(AGENTS, "decide", None));
    does_not_start(one, &[told, "in different ways"]).await;

    starts(with_agents(None).decisions(decisions(AGENTS, "decide", None))).await;
    let all = with_agents(Some("employee"))
        .decisions(decisions(PEOPLE, "decide", Some("employee")))
        .inbox(inbox(PEOPLE, Some("employee")));
    starts(all).await;
}

#[tokio::test]
async fn b37_a_server_whose_agents_tokens_would_decide_does_not_start() {
    for person in [None, Some("employee")] {
        let shared = with_agents(person).decisions(decisions(AGENTS, "bank", person));
        does_not_start(shared, &["share the audience `bank`"]).await;
    }
}
