//! A store that is so slow that a run counts as lost before its body begins.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp_secure::approval::Verdict;
use mcp_secure::clock::Clock;
use mcp_secure::pipeline::Settings;
use mcp_secure::prelude::*;
use mcp_secure::store::{RunFilter, RunState, Sqlite, Store as _, StoreSource};
use serde_json::json;
use tempfile::TempDir;

use crate::app::{Effects, Fixture, payment};
use crate::stores::{Onlooker, Watched};

const LEASE: Duration = Duration::from_millis(500);

/// Notes once.
#[tool(risk = "medium", permission = "note.write", idempotency(key = [number]))]
async fn note_once(effects: &Effects, number: u32) -> Content {
    effects.happened(format!("noted {number} once"));
    Content::text("noted")
}

/// Lets the lease of the next run lapse before whoever began it hears of that, and has another process see it.
struct Slow {
    elsewhere: Sqlite,
    next: Arc<AtomicBool>,
}

impl Onlooker for Slow {
    fn committed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if self.next.swap(false, Ordering::Relaxed) {
                tokio::time::sleep(LEASE * 2).await;
                // The server's own upkeep may have been quicker.
                self.elsewhere.recover().await.unwrap();
                let filter = RunFilter { state: Some(RunState::InDoubt), ..RunFilter::default() };
                assert_eq!(self.elsewhere.runs(filter, 10).await.unwrap().len(), 1);
            }
        })
    }
}

struct Slowly {
    bank: Fixture,
    /// The next run is one whose lease lapses.
    next: Arc<AtomicBool>,
    elsewhere: Sqlite,
    _folder: TempDir,
}

async fn slowly() -> Slowly {
    let folder = tempfile::tempdir().unwrap();
    let open = || Sqlite::open(&folder.path().join("store.sqlite"), Clock::system()).unwrap();
    let next = Arc::new(AtomicBool::new(false));
    let onlooker = Slow { elsewhere: open(), next: Arc::clone(&next) };
    let store = Arc::new(Watched { store: open(), onlooker });
    let bank = Fixture::built(|builder| {
        builder
            .tools(crate::app::tools())
            .tools(tools![note_once])
            .settings(Settings { lease: LEASE, ..Settings::default() })
            .policies(Policies::from_str("bank", crate::app::POLICIES))
            .store(StoreSource::Custom(store))
    });
    let bank = bank.await.unwrap();
    Slowly { bank, next, elsewhere: open(), _folder: folder }
}

impl Slowly {
    async fn nothing_is_in_doubt(&self) {
        for state in [RunState::InDoubt, RunState::Running] {
            let filter = RunFilter { state: Some(state), ..RunFilter::default() };
            assert_eq!(self.elsewhere.runs(filter, 10).await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn a_keyed_call_that_counts_as_lost_before_it_began_runs_once_when_it_is_made_again() {
    let slowly = slowly().await;
    slowly.next.store(true, Ordering::Relaxed);
    let call = || slowly.bank.call("alice", "note_once", json!({"number": 1}));
    let refused = call().await;
    assert_eq!(refused.code(), Some("audit_unavailable"), "{refused:#?}");
    assert_eq!(refused.structured["executed"], json!(false), "{refused:#?}");
    assert_eq!(slowly.bank.effects.all(), [""; 0]);
    slowly.nothing_is_in_doubt().await;
    for _ in 0..2 {
        let again = call().await;
        assert!(again.ok, "{again:#?}");
    }
    assert_eq!(slowly.bank.effects.all(), ["noted 1 once"]);
}

#[tokio::test]
async fn an_approved_call_that_counts_as_lost_before_it_began_asks_anew_and_runs_once() {
    let slowly = slowly().await;
    let bank = &slowly.bank;
    let first = bank.asked().await;
    bank.server.decide("bob", &first, Verdict::Approve).await.unwrap();
    slowly.next.store(true, Ordering::Relaxed);
    let refused = bank.call("alice", "pay", payment()).await;
    assert_eq!(refused.code(), Some("audit_unavailable"), "{refused:#?}");
    assert_eq!(refused.structured["executed"], json!(false), "{refused:#?}");
    assert!(bank.effects.all().is_empty());
    slowly.nothing_is_in_doubt().await;
    // What was used up is not used again.
    let second = bank.asked().await;
    assert_ne!(first, second);
    bank.server.decide("bob", &second, Verdict::Approve).await.unwrap();
    for _ in 0..2 {
        let paid = bank.call("alice", "pay", payment()).await;
        assert!(paid.ok, "{paid:#?}");
    }
    assert_eq!(bank.effects.all().len(), 1);
}
