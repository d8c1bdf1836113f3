use super::office::{Office, deliverer, party, target};
use super::receiver::Receiver;
use super::{SECRET, verifier};
use crate::approval::{NewApproval, Verdict};
use crate::webhook::Announcement;
use serde_json::{Value, json};

/// What a receiver gets of this request.
async fn told(change: impl FnOnce(&mut NewApproval)) -> Value {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    let deliverer = deliverer([target("ops", &receiver)]);
    office.ask_with(change).await;
    office.until(&deliverer, || !receiver.seen().is_empty()).await;
    let seen = receiver.seen().remove(0);
    seen.verified(&verifier(&[SECRET])).unwrap();
    serde_json::from_slice(&seen.body).unwrap()
}

#[tokio::test]
async fn an_announcement_has_what_the_documentation_says_and_no_more() {
    let mut body = told(|_| {}).await;
    let data = &mut body["data"];
    let id = data["id"].take();
    let id = id.as_str().unwrap();
    assert!(id.starts_with("apr_"));
    assert_eq!(data["decide_url"], format!("https://desk.example.com/inbox/requests/{id}"));
    for time in ["created", "expires"] {
        assert!(data[time].take().as_str().unwrap().ends_with('Z'), "{time}");
    }
    data["decide_url"].take();
    assert!(body["timestamp"].take().as_str().unwrap().ends_with('Z'));
    let expected = json!({
        "type": "approval.pending", "version": 1, "timestamp": null,
        "data": {
            "id": null, "sequence": 1, "server": "office", "tool": "request_refund", "risk": "high",
            "tenant": "acme",
            "requester": {"issuer": "https://id.example", "subject": "sub-alice", "person": "alice"},
            "client": "agent", "resources": [{"type": "Order", "id": "ord_1"}], "quorum": 1, "approvals": 0,
            "created": null, "expires": null, "decide_url": null,
        },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn no_argument_no_preview_and_no_reason_is_told() {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    let deliverer = deliverer([target("ops", &receiver)]);
    // Arguments, preview and reasons say `hunter2`.
    let (approved, denied) = (office.ask(1).await, office.ask(2).await);
    office.decide(&approved, Verdict::Approve).await;
    office.decide(&denied, Verdict::Deny).await;
    office.store.void_approval(&approved.id, "hunter2 changed").await.unwrap();
    office.until(&deliverer, || receiver.seen().len() == 5).await;
    for seen in receiver.seen() {
        let all = format!("{:?} {}", seen.headers, String::from_utf8(seen.body).unwrap());
        assert!(!all.contains("hunter2") && !all.contains("amount_cents"), "{all}");
        // It would tell small arguments to whoever tries them all.
        assert!(!all.contains(&approved.effect.to_hex()) && !all.contains(&denied.effect.to_hex()));
    }
    let heard = receiver.heard_of(&approved.id.to_string());
    assert_eq!(heard, ["approval.pending", "approval.approved", "approval.void"]);
}

#[tokio::test]
async fn hostile_text_stays_a_text() {
    let hostile = "x\",\"decide_url\":\"https://evil.example\"}}\r\nwebhook-id: x\u{0}\u{202e}\u{2028}</script>\\";
    let body = told(|new| {
        new.requester = party(hostile, hostile);
        new.requester.tenant = hostile.to_owned();
        new.tool = hostile.to_owned();
        let reference = format!("Order::{hostile:?}");
        let id = reference.trim_start_matches("Order::\"").strip_suffix('"').unwrap();
        new.arguments = json!({"order_id": id, "exact": hostile});
        new.resource = json!([reference, hostile, 7]);
    })
    .await;
    let read: Announcement = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(read.data.tenant, hostile);
    assert_eq!(read.data.client, hostile);
    assert_eq!(read.data.requester.person.as_deref(), Some(hostile));
    assert!(read.data.decide_url.unwrap().starts_with("https://desk.example.com/"));
    // What can be anything but an id is left out.
    assert_eq!(body["data"]["resources"], json!([{"type": "Order"}]));
}

#[tokio::test]
async fn an_id_that_people_do_not_see_is_not_told_either() {
    let masked = |new: &mut NewApproval| new.arguments = json!({"order_id": "[masked]"});
    assert_eq!(told(masked).await["data"]["resources"], json!([{"type": "Order"}]));
    let number = |new: &mut NewApproval| {
        new.arguments = json!({"orders": [{"number": 7}]});
        new.resource = json!(["Order::\"7\"", "Order::\"8\""]);
    };
    let told = told(number).await;
    assert_eq!(told["data"]["resources"], json!([{"type": "Order", "id": "7"}, {"type": "Order"}]));
}

#[test]
fn a_receiver_reads_what_later_releases_add() {
    let text = r#"{"type":"approval.escalated","version":1,"timestamp":"t","more":1,"data":{"id":"a","sequence":1,
        "server":"s","tool":"t","risk":"low","tenant":"x","requester":{"issuer":"i","subject":"s","more":[]},
        "client":"c","quorum":1,"approvals":0,"created":"c","expires":"e","more":{}}}"#;
    let read: Announcement = serde_json::from_str(text).unwrap();
    assert_eq!((read.kind.as_str(), read.data.resources.len()), ("approval.escalated", 0));
}
