//! The server that the fault tests kill: one tool that pays a bill, and a ledger that counts what really happened.
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
use serde::Serialize;

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
            "CREATE TABLE IF NOT EXISTS effects (bill INTEGER NOT NULL, request_id TEXT NOT NULL)",
            (),
        )?;
        Ok(Self(Arc::new(Mutex::new(ledger))))
    }

    async fn paid(&self, bill: u32, request_id: String) -> Result<(), ToolError> {
        let ledger = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let sql = "INSERT INTO effects (bill, request_id) VALUES (?1, ?2)";
            ledger.0.lock().unwrap().execute(sql, (bill, request_id))
        });
        written.await.map_err(ToolError::internal)?.map_err(ToolError::internal)?;
        Ok(())
    }
}

#[derive(State)]
struct App {
    #[state(write)]
    ledger: Ledger,
}

/// What was paid.
#[derive(Debug, Serialize, JsonSchema, ToolOutput)]
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
    // Some are quick and some are slow, before and after the effect, so that a kill finds them everywhere.
    let slow = |bits: u32| Duration::from_millis(u64::from(bits % 4) * 2);
    tokio::time::sleep(slow(bill)).await;
    ledger.paid(bill, context.request_id().to_owned()).await?;
    tokio::time::sleep(slow(bill / 4)).await;
    Ok(Receipt { bill })
}

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in Action::"bill.pay", resource);
    permit (principal in Role::"lead", action in Action::"bill.pay.resolve", resource);
"#;

#[tokio::main]
async fn main() -> ExitCode {
    // What was lost is known quickly.
    let lease = Duration::from_secs(1);
    let settings = Settings { quota: None, lease, ..Settings::default() };
    Server::builder(|boot| Ledger::open(boot.data_dir()).map(|ledger| App { ledger }))
        .info("faults", "1.0.0")
        .owner("tests")
        .people(
            People::new()
                .with(Person::new("alice", "acme").roles(["clerk"]))
                .with(Person::new("bob", "acme").roles(["lead"])),
        )
        .tools(tools![pay_bill])
        .settings(settings)
        .policies(Policies::from_str("faults", POLICIES))
        .cli()
        .await
}
