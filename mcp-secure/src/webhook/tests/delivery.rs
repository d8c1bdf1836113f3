use super::office::{Office, QUICK, deliverer, deliverer_at, target};
use super::receiver::{Receiver, Reply};
use super::{SECRET, verifier};
use crate::approval::Verdict;
use crate::store::StoreError;
use crate::webhook::progress::Pace;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether everybody has been told of all of these.
macro_rules! over {
    ($office:ident, $deliverer:ident, $($approval:expr),+) => {
        let begun = Instant::now();
        while !($($office.all_over($approval).await)&&+) {
            assert!(begun.elapsed() < Duration::from_secs(10), "it is never over");
            $office.round(&$deliverer).await;
            tokio::time::sleep(QUICK.poll).await;
        }
    };
}

#[tokio::test]
async fn each_change_is_told_once_to_every_target_in_its_order() {
    let office = Office::open();
    let (a, b) = (Receiver::start().await, Receiver::start().await);
    let deliverer = deliverer([target("a", &a), target("b", &b)]);
    let approval = office.ask(1).await;
    office.until(&deliverer, || a.seen().len() == 1 && b.seen().len() == 1).await;
    office.decide(&approval, Verdict::Approve).await;
    over!(office, deliverer, &approval);
    let id = approval.id.to_string();
    for receiver in [&a, &b] {
        assert_eq!(receiver.heard_of(&id), ["approval.pending", "approval.approved"]);
        let first = receiver.seen().remove(0);
        assert_eq!(first.header("content-type"), Some("application/json"));
        assert!(first.header("user-agent").unwrap().starts_with("mcp-secure/"));
        let numbers: Vec<i64> = receiver
            .seen()
            .iter()
            .map(|seen| seen.verified(&verifier(&[SECRET])).unwrap().announcement.data.sequence)
            .collect();
        assert!(numbers[0] < numbers[1], "{numbers:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_not_to_be_announced_is_not() {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    let deliverer = deliverer([target("ops", &receiver)]);
    let quiet = office.ask_with(|new| new.announce = false).await;
    office.decide(&quiet, Verdict::Deny).await;
    office.meanwhile(&deliverer, Duration::from_millis(300)).await;
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn a_target_that_fails_is_tried_again_under_the_same_id_and_with_the_same_bytes() {
    for bad in [
        Reply::Status(500),
        Reply::Status(404),
        Reply::Status(410),
        Reply::Status(304),
        Reply::With(429, "retry-after", "0".into()),
        Reply::Hang,
    ] {
        let (office, receiver) = (Office::open(), Receiver::start().await);
        let deliverer = deliverer([target("ops", &receiver)]);
        let (mut left, reply) = (2, bad.clone());
        receiver.says(move |_| {
            left -= 1;
            if left >= 0 { reply.clone() } else { Reply::Status(200) }
        });
        let approval = office.ask(1).await;
        over!(office, deliverer, &approval);
        let seen = receiver.seen();
        assert_eq!(seen.len(), 3, "{bad:?}");
        assert!(seen.iter().all(|one| one.body == seen[0].body));
        let ids: BTreeSet<_> = seen.iter().map(|one| one.header("webhook-id").unwrap()).collect();
        assert_eq!(ids.len(), 1, "{bad:?}");
        // Each is signed for its own time, so that the last is believed as the first was.
        assert!(seen.iter().all(|one| one.verified(&verifier(&[SECRET])).is_ok()));
    }
}

#[tokio::test]
async fn a_target_where_nobody_listens_is_told_once_somebody_does() {
    let office = Office::open();
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = Receiver::new(gone.local_addr().unwrap());
    drop(gone);
    let deliverer = deliverer([target("ops", &receiver)]);
    let approval = office.ask(1).await;
    office.meanwhile(&deliverer, Duration::from_millis(500)).await;
    assert!(!office.all_over(&approval).await);
    let listener = tokio::net::TcpListener::bind(receiver.addr).await.unwrap();
    let this = receiver.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(this.clone().serve(stream));
        }
    });
    over!(office, deliverer, &approval);
    assert_eq!(receiver.heard_of(&approval.id.to_string()), ["approval.pending"]);
}

#[tokio::test]
async fn a_change_waits_for_the_one_before_at_each_target_by_itself() {
    let office = Office::open();
    let (ill, well) = (Receiver::start().await, Receiver::start().await);
    ill.always(Reply::Status(503));
    let first = deliverer([target("ill", &ill), target("well", &well)]);
    let approval = office.ask(1).await;
    let id = approval.id.to_string();
    office.until(&first, || !ill.seen().is_empty()).await;
    office.decide(&approval, Verdict::Approve).await;
    // Whoever is well hears of both while the other is ill, and the ill one of the first alone, again and again.
    office.until(&first, || well.seen().len() == 2 && ill.seen().len() > 3).await;
    assert!(ill.heard_of(&id).iter().all(|kind| kind == "approval.pending"));
    // Another process, which knows nothing of all this but what the store says.
    let second = deliverer([target("ill", &ill), target("well", &well)]);
    let before = ill.seen().len();
    ill.always(Reply::Status(200));
    over!(office, second, &approval);
    assert_eq!(ill.heard_of(&id)[before..], ["approval.pending", "approval.approved"]);
    assert_eq!(well.heard_of(&id), ["approval.pending", "approval.approved"]);
}

#[tokio::test]
async fn two_processes_share_the_work_and_tell_everything_once() {
    let office = Office::open();
    let (a, b) = (Receiver::start().await, Receiver::start().await);
    let both = [
        deliverer([target("a", &a), target("b", &b)]),
        deliverer([target("a", &a), target("b", &b)]),
    ];
    let mut approvals = Vec::new();
    for cents in 0..60 {
        approvals.push(office.ask(cents).await);
    }
    let begun = Instant::now();
    while a.seen().len() < 120 || b.seen().len() < 120 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} {}", a.seen().len(), b.seen().len());
        tokio::join!(office.round(&both[0]), office.round(&both[1]));
        if let Some(approval) = approvals.pop() {
            office.decide(&approval, Verdict::Approve).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    office.meanwhile(&both[0], Duration::from_millis(300)).await;
    for receiver in [&a, &b] {
        let seen = receiver.seen();
        let ids: BTreeSet<_> = seen.iter().map(|one| one.header("webhook-id").unwrap()).collect();
        assert_eq!((seen.len(), ids.len()), (120, 120));
    }
}

#[tokio::test]
async fn a_process_that_dies_with_a_notice_leaves_it_to_another() {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    receiver.always(Reply::Hang);
    let dies = deliverer([target("ops", &receiver)]);
    let approval = office.ask(1).await;
    // What it took is never settled, as if the process were gone.
    let taken = office.store.due_notices(32, 500).await.unwrap();
    assert_eq!(taken.len(), 1);
    receiver.always(Reply::Status(200));
    office.round(&dies).await;
    assert!(receiver.seen().is_empty(), "it is somebody else's");
    let lives = deliverer([target("ops", &receiver)]);
    over!(office, lives, &approval);
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_away_delays_and_loses_nothing() {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    let deliverer = deliverer([target("ops", &receiver)]);
    let approval = office.ask(1).await;
    // Another process holds the file for longer than anybody waits.
    let other = rusqlite::Connection::open(office.folder.path().join("store.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let desk: Arc<dyn crate::webhook::desk::Desk> = office.clone();
    let refused = deliverer.round(&desk).await;
    assert!(matches!(refused, Err(StoreError::Busy | StoreError::Unavailable(_))), "{refused:?}");
    assert!(receiver.seen().is_empty());
    other.execute_batch("COMMIT").unwrap();
    over!(office, deliverer, &approval);
    assert_eq!(receiver.heard_of(&approval.id.to_string()), ["approval.pending"]);
}

#[tokio::test]
async fn who_is_never_told_is_on_record_and_counted_and_no_longer_in_the_way() {
    let office = Office::open();
    let (dead, well) = (Receiver::start().await, Receiver::start().await);
    dead.always(Reply::With(500, "x-answer", "hunter2".into()));
    let pace = Pace { give_up: Duration::from_millis(600), ..QUICK };
    let deliverer =
        deliverer_at(pace, Duration::from_secs(1), [target("dead", &dead), target("well", &well)]);
    let approval = office.ask(1).await;
    over!(office, deliverer, &approval);
    let tried = dead.seen().len();
    assert!(tried > 1 && well.seen().len() == 1, "{tried}");
    let records = office.given_up().await;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["event"], "announcement");
    assert_eq!(record["approval"]["id"], approval.id.to_string());
    assert_eq!(record["approval"]["state"], "pending");
    assert_eq!(record["detail"]["webhook"], "dead");
    assert_eq!(record["detail"]["tries"], tried);
    assert_eq!(record["outcome"]["error"], "it answered 500");
    let all = record.to_string();
    assert!(!all.contains("hunter2") && !all.contains(&dead.addr.port().to_string()), "{all}");
    let counts: Vec<u64> = deliverer.lanes.iter().map(super::super::lane::Lane::given_up).collect();
    assert_eq!(counts, [1, 0]);
    office.meanwhile(&deliverer, Duration::from_millis(300)).await;
    assert_eq!(dead.seen().len(), tried, "it is tried no longer");
}

/// Notices that were left behind, and a server that was down for the weekend.
#[tokio::test]
async fn what_is_old_is_told_once_more_before_it_is_given_up() {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    let pace = Pace { give_up: Duration::ZERO, ..QUICK };
    let deliverer = deliverer_at(pace, Duration::from_secs(1), [target("ops", &receiver)]);
    let (told, lost) = (office.ask(1).await, office.ask(2).await);
    let bad = lost.id.to_string();
    receiver.says(
        move |seen| if seen.about().0 == bad { Reply::Status(500) } else { Reply::Status(200) },
    );
    over!(office, deliverer, &told, &lost);
    assert_eq!(receiver.seen().len(), 2);
    assert_eq!(office.given_up().await.len(), 1);
}

#[tokio::test]
async fn a_target_of_one_tenant_hears_of_no_other() {
    let office = Office::open();
    let (all, acme, globex) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let deliverer = deliverer([
        target("all", &all),
        target("acme", &acme).tenant("acme"),
        target("globex", &globex).tenant("globex").tenant("initech"),
    ]);
    let ours = office.ask(1).await;
    let theirs = office.ask_with(|new| {
        *new = super::office::refund(2);
        new.requester.tenant = "globex".to_owned();
    });
    let theirs = theirs.await;
    over!(office, deliverer, &ours, &theirs);
    let ids = |receiver: &Receiver| -> BTreeSet<String> {
        receiver.seen().iter().map(|seen| seen.about().0).collect()
    };
    let (ours, theirs) = (ours.id.to_string(), theirs.id.to_string());
    assert_eq!(ids(&all), BTreeSet::from([ours.clone(), theirs.clone()]));
    assert_eq!(ids(&acme), BTreeSet::from([ours]));
    assert_eq!(ids(&globex), BTreeSet::from([theirs]));
}
