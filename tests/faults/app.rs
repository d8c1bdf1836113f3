//! The server that the fault tests kill: tools that pay a bill, at once or when somebody has approved it, and may take it
//! back, and a ledger that counts what really happened.
//!
//! The ledger is a database of its own, synced before the tool returns, so that it knows the truth whatever becomes of the
//! server. It has no unique key: a bill that is paid twice is there twice.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_secure::pipeline::Settings;
use mcp_secure::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What really happened.
#[derive(Clone)]
struct Ledger(Arc<Mutex<rusqlite::Connection>>);

impl Ledger {
    fn open(folder: &Path) -> Result<Self, rusqlite::Error> {
        let ledger = rusqlite::Connection::open(folder.join("ledger.sqlite"))?;
        ledger.busy_timeout(Duration::from_secs(30))?;
        ledger.pragma_update(None, "journal_mode", "wal")?;
        ledger.pragma_update(None, "synchronous", "full")?;
        ledger.execute(
            "CREATE TABLE IF NOT EXISTS effects \
             (kind TEXT NOT NULL, bill INTEGER NOT NULL, request_id TEXT NOT NULL)",
            (),
        )?;
        Ok(Self(Arc::new(Mutex::new(ledger))))
    }

    /// Some are quick and some are slow, before and after the effect, so that a kill finds them everywhere.
    async fn note(
        &self,
        kind: &'static str,
        bill: u32,
        call: &CallContext,
    ) -> Result<(), ToolError> {
        let slow = |bits: u32| Duration::from_millis(u64::from(bits % 4) * 2);
        tokio::time::sleep(slow(bill)).await;
        let (ledger, request_id) = (self.clone(), call.request_id().to_owned());
        let written = tokio::task::spawn_blocking(move || {
            let sql = "INSERT INTO effects (kind, bill, request_id) VALUES (?1, ?2, ?3)";
            ledger.0.lock().unwrap().execute(sql, (kind, bill, request_id))
        });
        written.await.map_err(ToolError::internal)?.map_err(ToolError::internal)?;
        tokio::time::sleep(slow(bill / 4)).await;
        Ok(())
    }
}

#[derive(State)]
struct App {
    #[state(write)]
    ledger: Ledger,
}

/// What was paid.
#[derive(Debug, Serialize, Deserialize, JsonSchema, ToolOutput)]
struct Receipt {
    bill: u32,
}

/// Pays a bill, once.
#[tool(risk = "high", permission = "bill.pay", idempotency(key = [bill]))]
async fn pay_bill(
    context: &CallContext,
    ledger: &Ledger,
    /// Its number.
    bill: u32,
) -> Result<Receipt, ToolError> {
    ledger.note("paid", bill, context).await?;
    Ok(Receipt { bill })
}

/// Takes a payment back.
#[rollback]
async fn take_back(
    context: &CallContext,
    ledger: &Ledger,
    receipt: Receipt,
) -> Result<Content, ToolError> {
    ledger.note("taken back", receipt.bill, context).await?;
    Ok(Content::text("taken back"))
}

/// Pays a large bill, once, when a lead has approved it.
#[tool(
    risk = "high",
    permission = "bill.pay",
    approval(by = "bill.approve"),
    idempotency(key = [bill]),
    rollback(take_back, permission = "bill.take.back", within = "1d")
)]
async fn pay_large_bill(
    context: &CallContext,
    ledger: &Ledger,
    /// Its number.
    bill: u32,
) -> Result<Receipt, ToolError> {
    ledger.note("paid", bill, context).await?;
    Ok(Receipt { bill })
}

/// Pays a bill that somebody approves at once or not at all.
#[tool(
    risk = "high",
    permission = "bill.pay",
    approval(by = "bill.approve", expires = "4s"),
    idempotency(key = [bill])
)]
async fn pay_urgent_bill(
    context: &CallContext,
    ledger: &Ledger,
    /// Its number.
    bill: u32,
) -> Result<Receipt, ToolError> {
    ledger.note("paid at once", bill, context).await?;
    Ok(Receipt { bill })
}

/// Pays a bill that somebody has approved. It has no key: its approval alone keeps it from being paid twice.
#[tool(risk = "high", permission = "bill.pay", approval(by = "bill.approve"))]
async fn pay_approved_bill(
    context: &CallContext,
    ledger: &Ledger,
    /// Its number.
    bill: u32,
) -> Result<Receipt, ToolError> {
    ledger.note("paid when approved", bill, context).await?;
    Ok(Receipt { bill })
}

/// Pays a bill that two people have approved. It has no key either.
#[tool(risk = "high", permission = "bill.pay", approval(by = "bill.approve", quorum = 2))]
async fn pay_shared_bill(
    context: &CallContext,
    ledger: &Ledger,
    /// Its number.
    bill: u32,
) -> Result<Receipt, ToolError> {
    ledger.note("paid when two approved", bill, context).await?;
    Ok(Receipt { bill })
}

/// Reminds somebody of a bill, not too often.
#[tool(risk = "medium", permission = "bill.pay", rate_limit = "100000/min per user")]
async fn remind(
    context: &CallContext,
    ledger: &Ledger,
    /// Its number.
    bill: u32,
) -> Result<Receipt, ToolError> {
    ledger.note("reminded", bill, context).await?;
    Ok(Receipt { bill })
}

/// Tells of a bill, not too often either.
#[tool(risk = "low", permission = "bill.pay", read_only, rate_limit = "100000/min per user")]
async fn look_up(
    /// Its number.
    bill: u32,
) -> Receipt {
    Receipt { bill }
}

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in Action::"bill.pay", resource);
    permit (
        principal in Role::"lead",
        action in [Action::"bill.approve", Action::"bill.pay.resolve", Action::"bill.take.back"],
        resource
    );
"#;

#[tokio::main]
async fn main() -> ExitCode {
    // What was lost is known quickly, unless a test has no use for that.
    let lease = std::env::var("FAULTS_LEASE_MS").map_or(1000, |text| text.parse().unwrap());
    let lease = Duration::from_millis(lease);
    let settings = Settings { quota: None, lease, ..Settings::default() };
    Server::builder(|boot| Ledger::open(boot.data_dir()).map(|ledger| App { ledger }))
        .info("faults", "1.0.0")
        .owner("tests")
        .people(
            People::new()
                .with(Person::new("alice", "acme").roles(["clerk"]))
                .with(Person::new("bob", "acme").roles(["lead"]))
                .with(Person::new("carol", "acme").roles(["lead"])),
        )
        .tools(tools![
            pay_bill,
            pay_large_bill,
            pay_urgent_bill,
            pay_approved_bill,
            pay_shared_bill,
            remind,
            look_up
        ])
        .settings(settings)
        .policies(Policies::from_str("faults", POLICIES))
        .cli()
        .await
}
