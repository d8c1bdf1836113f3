use super::office::{Office, QUICK, deliverer, deliverer_at, target};
use super::receiver::{Receiver, Reply};
use crate::approval::Verdict;
use crate::webhook::lane::SLOTS;
use std::time::{Duration, Instant};

#[tokio::test]
async fn b20_a_target_that_hangs_holds_up_no_other() {
    let office = Office::open();
    let (hangs, well) = (Receiver::start().await, Receiver::start().await);
    hangs.always(Reply::Hang);
    let deliverer = deliverer([target("hangs", &hangs), target("well", &well)]);
    // Many more than there is room for at the one that hangs.
    let mut approvals = Vec::new();
    for cents in 0..100 {
        approvals.push(office.ask(cents).await);
    }
    let begun = Instant::now();
    office.until(&deliverer, || well.seen().len() == 100).await;
    let took = begun.elapsed();
    // One after the other they would wait a second each; all slots at once, a second for each eight.
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(hangs.seen().len() <= SLOTS * 5, "{}", hangs.seen().len());
    office.decide(&approvals[0], Verdict::Approve).await;
    let id = approvals[0].id.to_string();
    office.until(&deliverer, || well.heard_of(&id).len() == 2).await;
    // And when the other target is back it hears of all of it, in order.
    hangs.always(Reply::Status(200));
    let begun = Instant::now();
    loop {
        let mut left = 0;
        for approval in &approvals {
            left += usize::from(!office.all_over(approval).await);
        }
        if left == 0 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{left} are left");
        office.round(&deliverer).await;
        tokio::time::sleep(QUICK.poll).await;
    }
    let heard = hangs.heard_of(&id);
    assert_eq!(heard.last().map(String::as_str), Some("approval.approved"));
    assert_eq!(heard.iter().filter(|kind| *kind == "approval.approved").count(), 1);
    assert_eq!(well.seen().len(), 101, "whoever has been told is told nothing twice");
}

#[tokio::test]
async fn b20_the_next_change_is_told_while_the_one_before_hangs_elsewhere() {
    let office = Office::open();
    let (hangs, well) = (Receiver::start().await, Receiver::start().await);
    hangs.always(Reply::Hang);
    let targets = [target("hangs", &hangs), target("well", &well)];
    let deliverer = deliverer_at(QUICK, Duration::from_secs(8), targets);
    let approval = office.ask(1).await;
    office.until(&deliverer, || well.seen().len() == 1 && hangs.seen().len() == 1).await;
    let begun = Instant::now();
    office.decide(&approval, Verdict::Approve).await;
    office.until(&deliverer, || well.seen().len() == 2).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(hangs.seen().len(), 1, "the first message is still on its way there");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    receiver.always(Reply::Endless);
    let deliverer = deliverer([target("ops", &receiver)]);
    let approval = office.ask(1).await;
    let begun = Instant::now();
    while !office.all_over(&approval).await {
        assert!(begun.elapsed() < Duration::from_millis(900), "it waits for the end");
        office.round(&deliverer).await;
        tokio::time::sleep(QUICK.poll).await;
    }
    assert_eq!(receiver.seen().len(), 1);
}
