//! A small bank whose requests are decided over HTTP, and tokens for it.

#![allow(
    unused_parens,
    clippy::unused_async,
    reason = "`tools![..]` is no macro of another crate here, and tools need not wait"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, Decisions};
use crate::approval::Approval;
use crate::clock::{Clock, Timestamp};
use crate::identity::{Claims, Issuer, LOCAL_ISSUER, PersonMapping, StaticKeys, VerifyKey};
use crate::prelude::*;
use crate::server::{HttpServer, HttpSettings, opened};
use crate::testing::{LocalReply, LocalServer};

const NOW: i64 = 1_700_000_000;
pub(super) const AUDIENCE: &str = "bank:approvals";

/// How much money moved.
#[derive(Default)]
struct Ledger(AtomicU32);

#[derive(State)]
struct Bank {
    #[state(write)]
    ledger: Arc<Ledger>,
}

/// What was paid.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, ToolOutput)]
struct Paid {
    cents: u32,
}

/// Takes a payment back.
#[rollback]
async fn pay_back(ledger: &Arc<Ledger>, paid: Paid) -> Result<(), ToolError> {
    ledger.0.fetch_sub(paid.cents, Ordering::SeqCst);
    Ok(())
}

/// Pays somebody.
#[tool(
    risk = "high",
    permission = "money.pay",
    approval(expires = "2h"),
    rollback(pay_back, permission = "money.recall", within = "7d")
)]
async fn pay(
    ledger: &Arc<Ledger>,
    cents: u32,
    /// What it is for.
    #[arg(max_len = 500)]
    memo: String,
    /// Where to.
    #[arg(max_len = 100, sensitive)]
    iban: String,
) -> Paid {
    let _ = (memo, iban);
    ledger.0.fetch_add(cents, Ordering::SeqCst);
    Paid { cents }
}

/// Closes the bank.
#[tool(risk = "critical", permission = "bank.close", approval(quorum = 2), irreversible)]
async fn close_bank(ledger: &Arc<Ledger>, day: u32) -> Content {
    ledger.0.fetch_add(day, Ordering::SeqCst);
    Content::text("closed")
}

/// Begins something, and nobody knows how it ends.
#[tool(risk = "high", permission = "money.pay", approval, irreversible)]
async fn vanish(ledger: &Arc<Ledger>, cents: u32) -> Result<Content, ToolError> {
    ledger.0.fetch_add(cents, Ordering::SeqCst);
    Err(ToolError::internal("the line went dead"))
}

const POLICIES: &str = r#"
permit (principal in Role::"teller", action in [Action::"money.pay", Action::"bank.close"], resource);
permit (
    principal in Role::"head",
    action in [Action::"money.pay.approve", Action::"bank.close.approve", Action::"money.recall", Action::"money.pay.resolve", Action::"server.switch"],
    resource
);
"#;

pub(super) struct Town {
    pub(super) local: LocalServer,
    pub(super) addr: SocketAddr,
    pub(super) clock: Clock,
    ledger: Arc<Ledger>,
    key: EncodingKey,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Town {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn people() -> People {
    People::new()
        .with(Person::new("alice", "acme").roles(["teller", "head"]))
        .with(Person::new("bob", "acme").roles(["head"]))
        .with(Person::new("carol", "acme").roles(["head"]))
        .with(Person::new("mallory", "acme"))
        .with(Person::new("dave", "globex").roles(["teller", "head"]))
}

impl Town {
    pub(super) async fn open() -> Self {
        let ledger = Arc::new(Ledger::default());
        let lent = Arc::clone(&ledger);
        let server = Server::builder(move |_| Ok::<_, String>(Bank { ledger: Arc::clone(&lent) }))
            .info("bank", "1.0.0")
            .owner("tests")
            .tools(tools![pay, close_bank, vanish])
            .people(people())
            .policies(Policies::from_str("bank.cedar", POLICIES));
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(Timestamp::from_millis(NOW * 1000));
        let local =
            LocalServer::open_with(server, folder.path(), clock.clone(), true).await.unwrap();
        let opened = opened(Arc::clone(local.gate()));

        let seed = [7; 32];
        let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let prefix = hex::decode("302e020100300506032b657004220420").unwrap();
        let key = EncodingKey::from_ed_der(&[prefix.as_slice(), &seed].concat());
        let keys = StaticKeys::new([VerifyKey::ed25519("k1", &public)]).unwrap();
        let person = PersonMapping::Claim("person".into());
        let issuer = Issuer::new(LOCAL_ISSUER, AUDIENCE, Arc::new(keys)).unwrap();
        let issuer = issuer.claims(Claims { person, ..Claims::default() });
        let decisions = Decisions::new(issuer);
        let api =
            Api::new(Arc::clone(&opened), decisions.issuers().to_vec(), clock.clone()).unwrap();
        let http = HttpServer::bind(HttpSettings::new("127.0.0.1:0".parse().unwrap()));
        let http = http.await.unwrap().deciding(api);
        let addr = http.addr();
        let stop = CancellationToken::new();
        tokio::spawn(http.run(opened.face(), None, stop.clone()));
        Self { local, addr, clock, ledger, key, stop, _folder: folder }
    }

    pub(super) fn money(&self) -> u32 {
        self.ledger.0.load(Ordering::SeqCst)
    }

    /// A token of `name` for decisions, with these claims over what it usually says; `null` takes one away.
    pub(super) fn token_with(&self, name: &str, over: &Value) -> String {
        let roles: &[&str] = match name {
            "alice" | "dave" => &["teller", "head"],
            "mallory" => &[],
            _ => &["head"],
        };
        let now = self.clock.now().seconds();
        let mut claims = json!({
            "iss": LOCAL_ISSUER, "sub": name, "aud": AUDIENCE, "exp": now + 3600, "iat": now,
            "client_id": "desk", "tenant": if name == "dave" { "globex" } else { "acme" }, "roles": roles,
            "scope": "approvals:decide", "person": name,
        });
        for (name, value) in over.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some("k1".to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }

    pub(super) fn token(&self, name: &str) -> String {
        self.token_with(name, &json!({}))
    }

    /// One call of an agent.
    pub(super) async fn call(&self, name: &str, tool: &str, arguments: Value) -> LocalReply {
        self.local.connect_through(name, "agent").unwrap().call(tool, arguments).await
    }

    /// A request of alice's agent.
    pub(super) async fn asked(&self, cents: u32) -> Approval {
        let arguments = json!({"cents": cents, "memo": "rent", "iban": "DE89 3704"});
        self.asked_for("pay", arguments).await
    }

    pub(super) async fn asked_for(&self, tool: &str, arguments: Value) -> Approval {
        let reply = self.call("alice", tool, arguments).await;
        let id = reply.approval_id().unwrap_or_else(|| panic!("{reply:?}")).parse().unwrap();
        let gate = self.local.gate();
        gate.as_shown(gate.store().approval(&id).await.unwrap().unwrap())
    }

    /// A request of `token`, with an answer in JSON.
    pub(super) async fn ask(&self, token: &str, line: &str, body: Option<&Value>) -> Reply {
        let body = body.map(Value::to_string);
        self.send(
            token,
            line,
            "content-type: application/json\r\n",
            body.unwrap_or_default().as_bytes(),
        )
        .await
    }

    pub(super) async fn get(&self, token: &str, path: &str) -> Reply {
        self.send(token, &format!("GET /approvals/v1/{path}"), "", b"").await
    }

    pub(super) async fn post(&self, token: &str, path: &str, body: &Value) -> Reply {
        self.ask(token, &format!("POST /approvals/v1/{path}"), Some(body)).await
    }

    /// A vote of `token` on what it saw.
    pub(super) async fn vote(&self, token: &str, approval: &Approval, verdict: &str) -> Reply {
        let body = json!({"digest": approval.effect, "verdict": verdict});
        self.post(token, &format!("requests/{}/decision", approval.id), &body).await
    }

    /// With more headers, and any body.
    pub(super) async fn send(&self, token: &str, line: &str, headers: &str, body: &[u8]) -> Reply {
        let authorization = match token {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let host = if headers.to_ascii_lowercase().contains("host:") {
            String::new()
        } else {
            format!("host: {}\r\n", self.addr)
        };
        let head = format!(
            "{line} HTTP/1.1\r\ncontent-length: {}\r\nconnection: close\r\n{host}{authorization}{headers}\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has seen enough may not take the rest.
        drop(stream.write_all(body).await);
        let mut bytes = Vec::new();
        let reading = stream.read_to_end(&mut bytes);
        tokio::time::timeout(std::time::Duration::from_secs(60), reading).await.unwrap().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {text}"));
        Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body: serde_json::from_str(body).unwrap_or_else(|e| panic!("no JSON ({e}): {text}")),
        }
    }

    /// Everything that is on record, as text.
    pub(super) async fn record(&self) -> String {
        let folder = self.local.audit_dir().await;
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Value,
}

impl Reply {
    /// Status and code of what was not done.
    pub(super) fn refused(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_else(|| panic!("{self:?}")))
    }

    #[track_caller]
    pub(super) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.head.contains("cache-control: no-store"), "{}", self.head);
        self.body
    }
}

/// A server that takes tools alone, and knows nobody.
pub(super) async fn without_decisions() -> (SocketAddr, CancellationToken, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder(|_| Ok::<_, String>(Bank { ledger: Arc::default() }))
        .info("bank", "1.0.0")
        .owner("tests")
        .tools(tools![pay]);
    let local = LocalServer::open(server, folder.path()).await.unwrap();
    let opened = opened(Arc::clone(local.gate()));
    let http = HttpServer::bind(HttpSettings::new("127.0.0.1:0".parse().unwrap())).await.unwrap();
    let addr = http.addr();
    let stop = CancellationToken::new();
    tokio::spawn(http.run(opened.face(), None, stop.clone()));
    (addr, stop, folder)
}
