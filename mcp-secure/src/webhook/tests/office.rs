//! A store, a record and a deliverer, without the gate around them.

use super::SECRET;
use super::receiver::Receiver;
use crate::approval::{Approval, ApprovalId, NewApproval, Party, Verdict, Vote};
use crate::audit::{Audit, AuditKey, Filter, query};
use crate::canon::Digest;
use crate::clock::{Clock, Timestamp};
use crate::identity::Method;
use crate::store::{Decided, Requested, Sqlite, Store};
use crate::webhook::deliver::Deliverer;
use crate::webhook::desk::Desk;
use crate::webhook::progress::Pace;
use crate::webhook::resolve::{Names, System};
use crate::webhook::{Target, Webhooks};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Retries within a moment.
pub(super) const QUICK: Pace = Pace {
    poll: Duration::from_millis(20),
    first: Duration::from_millis(50),
    longest: Duration::from_millis(200),
    give_up: Duration::from_secs(60 * 60),
};

pub(super) struct Office {
    pub(super) folder: TempDir,
    pub(super) store: Arc<dyn Store>,
    audit: Audit,
}

impl Desk for Office {
    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn audit(&self) -> &Audit {
        &self.audit
    }

    fn time(&self) -> Timestamp {
        Clock::system().now()
    }

    fn server(&self) -> &'static str {
        "office"
    }

    fn decide_url(&self, id: &ApprovalId) -> Option<String> {
        Some(format!("https://desk.example.com/inbox/requests/{id}"))
    }
}

impl Office {
    pub(super) fn open() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let store = Sqlite::open(&folder.path().join("store.db"), clock.clone()).unwrap();
        let key = AuditKey::new("k1", &[7; 32]);
        let audit = Audit::open(&folder.path().join("audit"), key, clock).unwrap();
        Arc::new(Self { folder, store: Arc::new(store), audit })
    }

    /// A request with these arguments, which is announced.
    pub(super) async fn ask_with(&self, change: impl FnOnce(&mut NewApproval)) -> Approval {
        let mut new = refund(1);
        change(&mut new);
        match self.store.request_approval(new).await.unwrap() {
            Requested::Created(made) => made,
            other => panic!("not made: {other:?}"),
        }
    }

    pub(super) async fn ask(&self, cents: i64) -> Approval {
        self.ask_with(|new| *new = refund(cents)).await
    }

    pub(super) async fn decide(&self, approval: &Approval, verdict: Verdict) -> Approval {
        let voter = party("bob", "inbox");
        let vote = Vote { voter, verdict, reason: Some("hunter2 said so".into()), policy: None };
        match self.store.decide(&approval.id, approval.effect, vote).await.unwrap() {
            Decided::Counted(approval) => approval,
            Decided::Refused(why) => panic!("not counted: {why}"),
        }
    }

    /// What a process does, once.
    pub(super) async fn round(self: &Arc<Self>, deliverer: &Arc<Deliverer>) {
        let desk: Arc<dyn Desk> = Arc::clone(self) as Arc<dyn Desk>;
        deliverer.round(&desk).await.unwrap();
    }

    /// Goes on until something is so, for ten seconds.
    #[track_caller]
    pub(super) fn until<'a>(
        self: &'a Arc<Self>,
        deliverer: &'a Arc<Deliverer>,
        so: impl Fn() -> bool + 'a,
    ) -> impl Future<Output = ()> + 'a {
        let from = std::panic::Location::caller();
        async move {
            let begun = Instant::now();
            while !so() {
                assert!(begun.elapsed() < Duration::from_secs(10), "it never came to that: {from}");
                self.round(deliverer).await;
                tokio::time::sleep(QUICK.poll).await;
            }
        }
    }

    /// Goes on for a time, in which nothing should happen.
    pub(super) async fn meanwhile(self: &Arc<Self>, deliverer: &Arc<Deliverer>, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.round(deliverer).await;
            tokio::time::sleep(QUICK.poll).await;
        }
    }

    /// Whether everybody has been told of everything.
    pub(super) async fn all_over(&self, of: &Approval) -> bool {
        self.store.notices(&of.id).await.unwrap().is_empty()
    }

    /// The records of announcements that were given up.
    pub(super) async fn given_up(&self) -> Vec<Value> {
        self.audit.flush().await.unwrap();
        let asked = Filter { outcome: Some("not_delivered".into()), ..Filter::default() };
        let found = query(&self.folder.path().join("audit"), &asked).unwrap();
        found.map(|entry| serde_json::to_value(entry.unwrap().record).unwrap()).collect()
    }
}

pub(super) fn party(name: &str, client: &str) -> Party {
    Party {
        issuer: "https://id.example".to_owned(),
        subject: format!("sub-{name}"),
        tenant: "acme".to_owned(),
        person: Some(name.to_owned()),
        actors: Vec::new(),
        client: client.to_owned(),
        method: Method::Bearer,
        roles: std::collections::BTreeSet::new(),
        scopes: std::collections::BTreeSet::new(),
    }
}

pub(super) fn refund(cents: i64) -> NewApproval {
    let arguments = json!({"order_id": "ord_1", "amount_cents": cents, "note": "[masked]"});
    NewApproval {
        effect: Digest::of_value(&arguments).unwrap(),
        requester: party("alice", "agent"),
        tool: "request_refund".to_owned(),
        contract: Digest::of_bytes(b"contract"),
        resource: json!(["Order::\"ord_1\""]),
        exact: json!({"order_id": "ord_1", "amount_cents": cents, "note": "hunter2"}),
        arguments,
        preview: Some(json!({"would_send": "hunter2"})),
        risk: "high".to_owned(),
        asked_by: "the tool's declaration".to_owned(),
        by: "refund.approve".to_owned(),
        quorum: 1,
        allow_requester: false,
        client_key: None,
        expires_in_ms: 24 * 60 * 60 * 1000,
        max_pending: 100_000,
        task: false,
        announce: true,
    }
}

/// A target of that name at the receiver.
pub(super) fn target(name: &str, receiver: &Receiver) -> Target {
    Target::new(name, receiver.url()).secret(SECRET).allow_http_on_loopback()
}

pub(super) fn deliverer(targets: impl IntoIterator<Item = Target>) -> Arc<Deliverer> {
    deliverer_at(QUICK, Duration::from_secs(1), targets)
}

pub(super) fn deliverer_at(
    pace: Pace,
    timeout: Duration,
    targets: impl IntoIterator<Item = Target>,
) -> Arc<Deliverer> {
    let targets = targets.into_iter().collect();
    let webhooks = Webhooks { targets, timeout, pace };
    let names: Arc<dyn Names> = Arc::new(System);
    let tls = Ok(crate::tls::trusting(rustls::RootCertStore::empty()).unwrap());
    Arc::new(Deliverer::through(&webhooks, &names, tls).unwrap())
}
