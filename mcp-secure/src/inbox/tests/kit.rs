//! A small bank with an inbox on loopback, and browsers that go there.

#![allow(
    unused_parens,
    clippy::unused_async,
    reason = "`tools![..]` is no macro of another crate here, and tools need not wait"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::approval::{Approval, ApprovalId, Verdict};
use crate::clock::{Clock, Timestamp};
use crate::identity::Sandbox;
use crate::inbox::form::encoded;
use crate::inbox::{Base, Inbox, SignIn, Site, mint_link};
use crate::prelude::*;
use crate::server::{HttpServer, HttpSettings, Opened, opened};
use crate::testing::{LocalReply, LocalServer};

/// How often money moved.
#[derive(Default)]
pub(super) struct Ledger(pub(super) AtomicU32);

#[derive(State)]
struct Bank {
    #[state(write)]
    ledger: Arc<Ledger>,
}

/// What a payment would do.
#[derive(serde::Serialize, schemars::JsonSchema, ToolOutput)]
struct Preview {
    from: u32,
    to: u32,
    note: String,
}

/// Says what a payment would do.
#[dry_run]
async fn preview(cents: u32, memo: String, _iban: String) -> Preview {
    Preview { from: 100_000, to: 100_000_u32.saturating_sub(cents), note: memo }
}

/// Pays somebody.
#[tool(
    title = "Pay somebody",
    risk = "high",
    permission = "money.pay",
    dry_run = preview,
    approval(expires = "2h"),
    irreversible
)]
async fn pay(
    ledger: &Arc<Ledger>,
    /// How much.
    cents: u32,
    /// What it is for.
    #[arg(max_len = 5000)]
    memo: String,
    /// Where to.
    #[arg(max_len = 500, sensitive)]
    iban: String,
) -> Content {
    let _ = (memo, iban);
    ledger.0.fetch_add(cents, Ordering::SeqCst);
    Content::text("paid")
}

/// Orders pens.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, ToolOutput)]
struct Pens {
    ordered: u32,
}

/// Sends the pens back.
#[rollback]
async fn send_back(ledger: &Arc<Ledger>, pens: Pens) -> Content {
    ledger.0.fetch_sub(pens.ordered, Ordering::SeqCst);
    Content::text("sent back")
}

/// Orders pens.
#[tool(risk = "medium", permission = "pens.order", rollback(send_back, within = "1h"))]
async fn order_pens(ledger: &Arc<Ledger>, count: u32) -> Pens {
    ledger.0.fetch_add(count, Ordering::SeqCst);
    Pens { ordered: count }
}

/// Loses its way, after it may have done something.
#[tool(risk = "low", permission = "pens.lose", destructive = false)]
async fn lose_pens(ledger: &Arc<Ledger>) -> Result<Content, ToolError> {
    ledger.0.fetch_add(1, Ordering::SeqCst);
    Err(ToolError::internal("the drawer is </p><script>jammed"))
}

/// Closes the bank.
#[tool(risk = "critical", permission = "bank.close", approval(quorum = 2), irreversible)]
async fn close_bank(ledger: &Arc<Ledger>, day: u32) -> Content {
    ledger.0.fetch_add(day, Ordering::SeqCst);
    Content::text("closed")
}

const POLICIES: &str = r#"
permit (
    principal in Role::"teller",
    action in [Action::"money.pay", Action::"bank.close", Action::"pens.order", Action::"pens.lose"],
    resource
);
permit (principal in Role::"head", action in [Action::"money.pay.approve", Action::"bank.close.approve"], resource)
when { !(context.args has cents) || context.args.cents < 90000 };
permit (
    principal in Role::"head",
    action in [Action::"pens.order.rollback", Action::"pens.lose.resolve"],
    resource
);
permit (principal in Role::"privacy", action in [Action::"money.pay.reveal"], resource)
when { context.args.cents < 5000 };
permit (principal in Role::"guard", action in [Action::"server.switch"], resource)
when { context.args.scope == "tool" };
"#;

/// The bank, open.
pub(super) struct Town {
    pub(super) local: LocalServer,
    pub(super) opened: Arc<dyn Opened>,
    pub(super) addr: SocketAddr,
    /// Where calls go, if the inbox has an address of its own.
    pub(super) main: SocketAddr,
    pub(super) clock: Clock,
    pub(super) settings: Inbox,
    pub(super) ledger: Arc<Ledger>,
    pub(super) site: Arc<Site>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Town {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(super) fn people() -> People {
    People::new()
        .with(Person::new("alice", "acme").roles(["teller"]))
        .with(Person::new("amy", "acme").roles(["teller", "head"]))
        .with(Person::new("bob", "acme").roles(["head"]))
        .with(Person::new("bobby", "acme").roles(["head"]).same_human_as("bob"))
        .with(Person::new("carol", "acme").roles(["head", "privacy"]))
        .with(Person::new("gus", "acme").roles(["guard"]))
        .with(Person::new("mallory", "acme"))
        .with(Person::new("nightly", "acme").roles(["head"]).bot())
        .with(Person::new("dave", "globex").roles(["teller", "head"]))
}

impl Town {
    pub(super) async fn open() -> Self {
        Self::open_with(Inbox::new(), |_| ()).await
    }

    pub(super) async fn open_with(settings: Inbox, change: impl FnOnce(&mut HttpSettings)) -> Self {
        let people = people().build().unwrap();
        let sign_in = SignIn::Links { people, sandbox: Sandbox::in_process() };
        Self::open_by(sign_in, settings, change).await
    }

    pub(super) async fn open_by(
        sign_in: SignIn,
        settings: Inbox,
        change: impl FnOnce(&mut HttpSettings),
    ) -> Self {
        let ledger = Arc::new(Ledger::default());
        let lent = Arc::clone(&ledger);
        let server = Server::builder(move |_| Ok::<_, String>(Bank { ledger: Arc::clone(&lent) }))
            .info("bank", "1.0.0")
            .owner("tests")
            .tools(tools![pay, close_bank, order_pens, lose_pens])
            .people(people())
            .policies(Policies::from_str("bank.cedar", POLICIES));
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(Timestamp::from_millis(1_700_000_000_000));
        let local =
            LocalServer::open_with(server, folder.path(), clock.clone(), true).await.unwrap();
        let opened = opened(Arc::clone(local.gate()));
        let mut http = HttpSettings::new("127.0.0.1:0".parse().unwrap());
        http.inbox = settings.listen;
        change(&mut http);
        let http = HttpServer::bind(http).await.unwrap();
        let (addr, main) = (http.inbox_addr(), http.addr());
        let base = settings.base().map_or_else(|| Base::of(addr), Result::unwrap);
        let site = Site::new(Arc::clone(&opened), sign_in, base, settings.clone());
        let stop = CancellationToken::new();
        tokio::spawn(http.run(opened.face(), Some(Arc::clone(&site)), stop.clone()));
        Self { local, opened, addr, main, clock, settings, ledger, site, stop, _folder: folder }
    }

    /// The path of a link for `name`.
    pub(super) async fn link(&self, name: &str) -> String {
        let people = people().build().unwrap();
        let who = (&people, Sandbox::in_process());
        mint_link(&*self.opened, who, &self.settings, name).await.unwrap()
    }

    /// A browser in which nobody is signed in.
    pub(super) fn browser(&self) -> Browser {
        Browser { addr: self.addr, jar: BTreeMap::new() }
    }

    /// A browser in which `name` is.
    pub(super) async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let link = self.link(name).await;
        let reply = browser.post(&link, &[]).await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (303, Some("/inbox")),
            "{}",
            reply.body
        );
        browser
    }

    /// One call of an agent.
    pub(super) async fn call(&self, name: &str, tool: &str, arguments: Value) -> LocalReply {
        self.local.connect_through(name, "agent").unwrap().call(tool, arguments).await
    }

    /// A request of alice's agent.
    pub(super) async fn asked(&self, cents: u32) -> Approval {
        self.asked_with(json!({"cents": cents, "memo": "rent", "iban": "DE89 3704"})).await
    }

    pub(super) async fn asked_with(&self, arguments: Value) -> Approval {
        let reply = self.call("alice", "pay", arguments).await;
        let id = reply.approval_id().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        self.stored(&id.parse().unwrap()).await
    }

    /// The same call as that of `asked(500)` once more.
    pub(super) async fn asked_again(&self) -> LocalReply {
        self.call("alice", "pay", json!({"cents": 500, "memo": "rent", "iban": "DE89 3704"})).await
    }

    pub(super) async fn stored(&self, id: &ApprovalId) -> Approval {
        self.local.gate().store().approval(id).await.unwrap().unwrap()
    }

    /// A decision past the inbox.
    pub(super) async fn decide(&self, name: &str, approval: &Approval, verdict: Verdict) {
        self.local.decide(name, &approval.id.to_string(), verdict).await.unwrap();
    }

    /// A session of `name`, as the secret of its cookie.
    pub(super) async fn session(&self, name: &str) -> String {
        self.signed_in(name).await.jar.remove("mcp-secure-inbox").unwrap()
    }

    /// A connection of its own to the store's file.
    pub(super) fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.local.data_dir().join("mcp-secure.sqlite")).unwrap()
    }

    /// All that the store holds, but for how long tickets are good.
    pub(super) fn stored_rows(&self) -> String {
        let file = self.file();
        let mut all = String::new();
        for (table, columns) in [
            ("approvals", "*"),
            ("votes", "*"),
            ("runs", "*"),
            ("switches", "*"),
            ("notices", "*"),
            ("tickets", "kind, hex(digest), content"),
        ] {
            let mut rows =
                file.prepare(&format!("SELECT {columns} FROM {table} ORDER BY 1, 2")).unwrap();
            let width = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<_> =
                    (0..width).map(|n| format!("{:?}", row.get_ref(n).unwrap())).collect();
                all.push_str(&format!("{table}: {}\n", values.join(", ")));
            }
        }
        all
    }

    /// Everything that is on record, as text.
    pub(super) async fn record(&self) -> String {
        let folder = self.local.audit_dir().await;
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }
}

/// An answer, as a browser gets it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    /// The value of a hidden field of the first form that has it.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    }

    /// What is on the page, without markup.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in self.body.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
    }
}

/// A browser: it keeps cookies, and says where a request comes from as browsers do.
#[derive(Debug, Clone)]
pub(super) struct Browser {
    pub(super) addr: SocketAddr,
    pub(super) jar: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn cookies(&self) -> String {
        let pairs: Vec<String> = self.jar.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    /// A request with the headers as they are given, and without any of this browser.
    pub(super) async fn raw(&self, line: &str, headers: &str, body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let head = format!(
            "{line} HTTP/1.1\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has seen enough may not take the rest.
        drop(stream.write_all(body).await);
        let mut bytes = Vec::new();
        let reading = stream.read_to_end(&mut bytes);
        tokio::time::timeout(std::time::Duration::from_secs(30), reading).await.unwrap().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            unchunked(body)
        } else {
            body.to_owned()
        };
        Reply { status, head: head.to_owned(), body }
    }

    pub(super) fn host(&self) -> String {
        format!("Host: {}\r\n", self.addr)
    }

    pub(super) fn keep(&mut self, reply: &Reply) {
        for cookie in reply.headers("set-cookie") {
            let (pair, rest) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Reply {
        let headers = format!("{}{}Sec-Fetch-Site: same-origin\r\n", self.host(), self.cookies());
        let reply = self.raw(&format!("GET {path}"), &headers, b"").await;
        self.keep(&reply);
        reply
    }

    pub(super) fn form_headers(&self) -> String {
        format!(
            "{}{}Content-Type: application/x-www-form-urlencoded\r\n",
            self.host(),
            self.cookies()
        )
    }

    pub(super) fn own_origin(&self) -> String {
        format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", self.addr)
    }

    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let headers = format!("{}{}", self.form_headers(), self.own_origin());
        let reply = self.raw(&format!("POST {path}"), &headers, form(fields).as_bytes()).await;
        self.keep(&reply);
        reply
    }

    /// Reads a request's page and posts its form.
    pub(super) async fn decide(&mut self, id: &ApprovalId, verdict: &str, reason: &str) -> Reply {
        let at = format!("/inbox/requests/{id}");
        let page = self.get(&at).await;
        let token = page.field("token").unwrap_or_default();
        let digest = page.field("digest").unwrap_or_default();
        let fields = [("token", &*token), ("digest", &digest), ("reason", reason)];
        self.post(&format!("{at}/{verdict}"), &fields).await
    }
}

pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

fn unchunked(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some((chunk, after)) = after.split_at_checked(size) else { break };
        if size == 0 {
            break;
        }
        out.push_str(chunk);
        rest = after.strip_prefix("\r\n").unwrap_or(after);
    }
    out
}
