//! A small bank that counts what was done to it, served whole: real policies, store and record, without a network.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_secure::catalog::StartFault;
use mcp_secure::clock::Clock;
use mcp_secure::identity::{People, Person};
use mcp_secure::prelude::*;
use mcp_secure::server::ServerBuilder;
use mcp_secure::testing::{LocalClient, LocalReply, LocalServer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What was done, as the world outside the server sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<Vec<String>>>);

impl Effects {
    pub(crate) fn happened(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// What a test sets while the server runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// The predicate says that no approval is needed.
    pub(crate) calm: Arc<AtomicBool>,
    /// How often a body of a read-only tool was entered.
    pub(crate) reads: Arc<AtomicUsize>,
    /// What the predicate and the loading of accounts do instead of answering.
    pub(crate) storm: Arc<Mutex<Option<&'static str>>>,
}

impl Weather {
    pub(crate) async fn pass(&self) -> Result<(), ToolError> {
        let storm = *self.storm.lock().unwrap();
        match storm {
            Some("panic") => panic!("a panic of the application"),
            Some("hang") => std::future::pending().await,
            Some("fail") => Err(ToolError::internal("hunter2: the application failed")),
            _ => Ok(()),
        }
    }
}

#[derive(State)]
pub(crate) struct Bank {
    #[state(write)]
    effects: Effects,
    weather: Weather,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ResourceId)]
#[serde(transparent)]
pub(crate) struct AccountId(#[schemars(regex(pattern = r"^acc_[0-9]{1,4}$"))] pub(crate) String);

/// Accounts under 1000 are acme's and those under 2000 globex's; there are no others.
pub(crate) struct Account {
    tenant: &'static str,
    number: u32,
}

impl<S: State> Resource<S> for Account
where
    Weather: LentRead<S>,
{
    type Id = AccountId;
    const TYPE: &'static str = "Account";
    const ATTRIBUTES: &'static [(&'static str, &'static str)] = &[("number", "Long")];

    async fn load(from: &Reader<S>, id: &AccountId) -> Result<Option<Self>, ToolError> {
        let number: u32 = id.0.trim_start_matches("acc_").parse().map_err(ToolError::internal)?;
        if number >= 900 {
            from.lend::<Weather>().pass().await?;
        }
        Ok(match number {
            0..1000 => Some(Self { tenant: "acme", number }),
            1000..2000 => Some(Self { tenant: "globex", number }),
            _ => None,
        })
    }

    fn tenant(&self) -> &str {
        self.tenant
    }

    fn attributes(&self) -> Attributes {
        [("number".to_owned(), json!(self.number))].into_iter().collect()
    }
}

/// What was paid.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
pub(crate) struct Paid {
    account: AccountId,
    amount: u32,
    by: String,
}

/// Pays money out of an account, once a person has said yes.
#[tool(risk = "high", permission = "money.pay", resource = Account(account), approval)]
pub(crate) async fn pay(
    caller: &Principal,
    effects: &Effects,
    account: AccountId,
    #[arg(min = 1, max = 1000)] amount: u32,
    #[arg(max_len = 40)] purpose: Option<String>,
) -> Paid {
    effects.happened(format!("paid {amount} from {} for {purpose:?}", account.0));
    Paid { account, amount, by: caller.subject.clone() }
}

/// Pays money out of an account; a small payment in calm weather needs nobody.
#[tool(risk = "high", permission = "money.pay", resource = Account(account), approval(when = is_risky), timeout = "300ms")]
pub(crate) async fn pay_if_calm(effects: &Effects, account: AccountId, amount: u32) -> Content {
    effects.happened(format!("paid {amount} from {} unseen", account.0));
    Content::text("paid")
}

#[when]
pub(crate) async fn is_risky(
    weather: &Weather,
    account: AccountId,
    amount: u32,
) -> Result<bool, ToolError> {
    drop((account, amount));
    weather.pass().await?;
    Ok(!weather.calm.load(Ordering::Relaxed))
}

/// Writes a note about an account.
#[tool(risk = "medium", permission = "note.write", resource = Account(account), destructive = false)]
pub(crate) async fn write_note(
    effects: &Effects,
    account: AccountId,
    #[arg(max_len = 200, sensitive)] text: String,
    #[arg(max_len = 40)] label: Option<String>,
) -> Content {
    effects.happened(format!("noted on {}", account.0));
    Content::text(format!("noted {} characters, {label:?}", text.chars().count()))
}

/// Says how an account stands.
#[tool(risk = "low", permission = "account.read", resource = Account(account), read_only)]
pub(crate) async fn read_account(weather: &Weather, account: AccountId) -> Content {
    weather.reads.fetch_add(1, Ordering::Relaxed);
    Content::text(format!("{} stands well", account.0))
}

/// How a body misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mischief {
    Panic,
    Internal,
    Vouched,
    TooSlow,
    TooLarge,
}

/// Does something to an account and comes to grief.
#[tool(
    risk = "medium",
    permission = "note.write",
    destructive = false,
    timeout = "400ms",
    max_output = "1KiB"
)]
pub(crate) async fn misbehave(effects: &Effects, how: Mischief) -> Result<Content, ToolError> {
    if how == Mischief::Vouched {
        return Err(ToolError::public("the books are closed today").no_effect());
    }
    effects.happened(format!("{how:?}"));
    match how {
        Mischief::Panic => panic!("hunter2 in a panic"),
        Mischief::Internal => Err(ToolError::internal("hunter2 at /var/lib/bank.db")),
        Mischief::TooSlow => {
            tokio::time::sleep(Duration::from_millis(900)).await;
            effects.happened("ended late");
            Ok(Content::text("at last"))
        }
        Mischief::TooLarge => Ok(Content::text("x".repeat(2000))),
        Mischief::Vouched => Ok(Content::default()),
    }
}

/// Does something that ends when the weather is calm.
#[tool(risk = "medium", permission = "note.write", destructive = false)]
pub(crate) async fn outlast(effects: &Effects, weather: &Weather) -> Content {
    effects.happened("outlasting");
    while !weather.calm.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Content::text("at last")
}

/// Looks at an account for so long that nobody waits.
#[tool(risk = "low", permission = "account.read", read_only, max_concurrent = 1)]
pub(crate) async fn stare(weather: &Weather) -> Content {
    weather.reads.fetch_add(1, Ordering::Relaxed);
    std::future::pending::<()>().await;
    Content::text("never")
}

pub(crate) const POLICIES: &str = r#"
    @id("clerks") permit (principal in Role::"clerk",
        action in [Action::"money.pay", Action::"note.write", Action::"account.read"], resource);
    @id("readers") permit (principal in Role::"reader", action in Action::"account.read", resource);
    @id("leads") permit (principal in Role::"lead", action in Action::"money.pay.approve", resource);
    @id("no-large-payment-from-account-7") forbid (principal, action == Action::"pay", resource)
        when { context.args.amount > 500 && resource.number == 7 };
"#;

pub(crate) fn people() -> People {
    People::new()
        .with(Person::new("alice", "acme").roles(["clerk"]))
        .with(Person::new("alice-too", "acme").roles(["clerk", "lead"]).same_human_as("alice"))
        .with(Person::new("bob", "acme").roles(["clerk", "lead"]))
        .with(Person::new("carol", "acme").roles(["lead"]))
        .with(Person::new("robot", "acme").roles(["lead"]).bot())
        .with(Person::new("rita", "acme").roles(["reader"]))
        .with(Person::new("mallory", "acme"))
        .with(Person::new("dave", "globex").roles(["clerk", "lead"]))
}

/// A server that is served nothing yet.
pub(crate) fn empty(effects: &Effects, weather: &Weather) -> ServerBuilder<Bank> {
    let (effects, weather) = (effects.clone(), weather.clone());
    Server::builder(move |_| {
        Ok::<_, String>(Bank { effects: effects.clone(), weather: weather.clone() })
    })
    .info("bank", "1.0.0")
    .owner("bank-team")
    .people(people())
}

pub(crate) fn tools() -> ToolSet<Bank> {
    tools![pay, pay_if_calm, write_note, read_account, misbehave, outlast, stare]
}

/// A bank in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) effects: Effects,
    pub(crate) weather: Weather,
    pub(crate) server: LocalServer,
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(Policies::from_str("bank", POLICIES)).await
    }

    pub(crate) async fn with(policies: Policies) -> Self {
        Self::built(|builder| builder.tools(tools()).policies(policies)).await.unwrap()
    }

    pub(crate) async fn built(
        finish: impl FnOnce(ServerBuilder<Bank>) -> ServerBuilder<Bank>,
    ) -> Result<Self, Vec<StartFault>> {
        Self::at(Clock::system(), finish).await
    }

    /// The same by a clock of the test's own.
    pub(crate) async fn at(
        clock: Clock,
        finish: impl FnOnce(ServerBuilder<Bank>) -> ServerBuilder<Bank>,
    ) -> Result<Self, Vec<StartFault>> {
        let (effects, weather) = (Effects::default(), Weather::default());
        let folder = tempfile::tempdir().unwrap();
        let server = finish(empty(&effects, &weather));
        let server = LocalServer::open_with(server, folder.path(), clock, true).await?;
        Ok(Self { effects, weather, server, folder })
    }

    /// The same bank after a restart, with other tools or policies if need be.
    pub(crate) async fn restarted(self, builder: ServerBuilder<Bank>) -> Self {
        self.server.clone().close().await.unwrap();
        let Self { effects, weather, folder, .. } = self;
        let server = LocalServer::open(builder, folder.path()).await.unwrap();
        Self { effects, weather, server, folder }
    }

    pub(crate) fn client(&self, name: &str) -> LocalClient {
        self.server.connect(name).unwrap()
    }

    pub(crate) async fn call(&self, name: &str, tool: &str, arguments: Value) -> LocalReply {
        self.client(name).call(tool, arguments).await
    }

    /// Alice asks for the usual payment; the id of the request.
    pub(crate) async fn asked(&self) -> String {
        let reply = self.call("alice", "pay", payment()).await;
        assert_eq!(reply.code(), Some("approval_required"), "{reply:#?}");
        reply.approval_id().unwrap().to_owned()
    }

    /// Everything on record so far, oldest first.
    pub(crate) async fn records(&self) -> Vec<Value> {
        records_in(&self.server.audit_dir().await)
    }

    /// The whole record as text, with everything else that lies in the data folder.
    pub(crate) async fn everything_written(&self) -> String {
        let folder = self.server.audit_dir().await;
        let mut all = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()));
        }
        all
    }
}

pub(crate) fn records_in(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        })
        .collect()
}

/// The usual payment.
pub(crate) fn payment() -> Value {
    json!({"account": "acc_1", "amount": 40})
}
