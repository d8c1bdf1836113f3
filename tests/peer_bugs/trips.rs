//! What a call costs in round trips to the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mcp_secure::clock::Clock;
use mcp_secure::prelude::*;
use mcp_secure::store::{Sqlite, StoreSource};
use serde_json::json;

use crate::app::{Effects, Fixture, Weather};
use crate::stores::{Onlooker, Watched};

/// Counts what is asked.
struct Counting {
    asked: Arc<AtomicU64>,
    last: Arc<Mutex<Vec<&'static str>>>,
}

impl Onlooker for Counting {
    fn asked(&self, what: &'static str) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.last.lock().unwrap().push(what);
    }
}

/// Looks.
#[tool(risk = "low", permission = "note.read", read_only)]
async fn look(_weather: &Weather) -> Content {
    Content::text("seen")
}

/// Notes.
#[tool(risk = "medium", permission = "note.write", destructive = false)]
async fn note(effects: &Effects, number: u32) -> Content {
    effects.happened(format!("noted {number}"));
    Content::text("noted")
}

/// Notes once.
#[tool(risk = "medium", permission = "note.write", idempotency(key = [number]))]
async fn note_once(effects: &Effects, number: u32) -> Content {
    effects.happened(format!("noted {number} once"));
    Content::text("noted")
}

/// Notes, and not too often.
#[tool(risk = "medium", permission = "note.write", rate_limit = "4000/min per user")]
async fn note_slowly(effects: &Effects, number: u32) -> Content {
    effects.happened(format!("noted {number} slowly"));
    Content::text("noted")
}

const POLICIES: &str = r#"
    permit (principal in Role::"clerk", action in [Action::"note.read", Action::"note.write"], resource);
"#;

#[tokio::test]
async fn a_read_asks_the_store_nothing_a_key_costs_one_trip_and_a_limit_hardly_any() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, last) = (Arc::new(AtomicU64::new(0)), Arc::<Mutex<Vec<_>>>::default());
    let store = Watched {
        store: Sqlite::open(&folder.path().join("store.sqlite"), Clock::system()).unwrap(),
        onlooker: Counting { asked: Arc::clone(&asked), last: Arc::clone(&last) },
    };
    let bank = Fixture::built(|builder| {
        builder
            .tools(tools![look, note, note_once, note_slowly])
            .policies(Policies::from_str("bank", POLICIES))
            .store(StoreSource::Custom(Arc::new(store)))
    })
    .await
    .unwrap();
    let client = bank.client("alice");
    let trips = async |tool: &str, arguments: serde_json::Value| {
        last.lock().unwrap().clear();
        let before = asked.load(Ordering::Relaxed);
        assert!(client.call(tool, arguments).await.ok);
        asked.load(Ordering::Relaxed) - before
    };
    for number in 0..20 {
        let names = || last.lock().unwrap().clone();
        assert_eq!(trips("look", json!({})).await, 0, "{:?}", names());
        assert_eq!(trips("note", json!({"number": number})).await, 2, "{:?}", names());
        assert_eq!(names(), ["commit_run", "finish_run"]);
        assert_eq!(trips("note_once", json!({"number": number})).await, 3, "{:?}", names());
        // Its first answer again is one look.
        assert_eq!(trips("note_once", json!({"number": number})).await, 1, "{:?}", names());
    }
    let mut leases = 0;
    for number in 0..200 {
        leases += trips("note_slowly", json!({"number": number})).await - 2;
    }
    assert!((1..=20).contains(&leases), "{leases} leases for 200 calls");
    assert_eq!(bank.effects.all().len(), 240);
}
