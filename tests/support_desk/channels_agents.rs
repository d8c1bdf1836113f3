//! What agents on the official SDKs see while people decide, on every channel and over both transports. In each story three
//! refunds are asked for: one is approved, one denied, and one runs out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Agent, Declares, Desk, INBOX, Sdk, Server, Way, refusal_code, structured};

/// The arguments of a refund of this order.
fn refund(order: u32) -> Value {
    json!({"order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged"})
}

/// What people, or time, do to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Approved,
    Denied,
    Expired,
}

const ALL: [Decision; 3] = [Decision::Approved, Decision::Denied, Decision::Expired];

impl Decision {
    fn is_made(self, desk: &Desk, id: &str) {
        match self {
            Self::Approved => drop(desk.approve(id, "bob")),
            Self::Denied => drop(desk.run(&["approvals", "deny", id, "--as", "bob"]).succeeded()),
            Self::Expired => desk.let_expire(id),
        }
    }

    /// The agent has heard how it ended.
    #[track_caller]
    fn is_heard(self, agent: &str, result: &Value, order: u32) {
        let says = format!("{agent}, {self:?}: {result:#}");
        let code = match self {
            Self::Approved => {
                assert_ne!(result["isError"], json!(true), "{says}");
                let receipt = structured(result);
                assert_eq!(receipt["order_id"], json!(format!("ord_{order}")), "{says}");
                assert_eq!(receipt["status"], json!("refunded"), "{says}");
                return;
            }
            Self::Denied => "approval_denied",
            Self::Expired => "approval_expired",
        };
        assert_eq!(refusal_code(result), code, "{says}");
        assert_eq!(structured(result)["executed"], json!(false), "{says}");
        let words = result["content"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
        assert!(words.starts_with("NOT EXECUTED"), "{says}");
    }
}

/// The desk with a server on HTTP, and the ways there for an agent of alice.
fn ways(desk: &Desk, server: &Server) -> [Way; 2] {
    [Way::stdio(desk, "alice", &["--inbox-url", INBOX]), Way::http(desk, server, "alice")]
}

/// One story with each SDK over each transport; every refund is of an order of its own. What an agent that shows links
/// answers changes from one to the next.
fn everywhere(declares: Declares, story: impl Fn(&Desk, &mut Agent, Decision, u32)) {
    let desk = Desk::new();
    let server = desk.serve_with_inbox();
    let mut order = 5001;
    let mut answers = ["accept", "decline", "cancel"].into_iter().cycle();
    for sdk in Sdk::ALL {
        for way in ways(&desk, &server) {
            let links = declares.links.and_then(|_| answers.next());
            let mut agent = Agent::start(sdk, &way, Declares { links, ..declares });
            for decision in ALL {
                story(&desk, &mut agent, decision, order);
                order += 1;
            }
        }
    }
    // Each approved refund was paid, once, and nothing else was.
    assert_eq!(desk.effects("refund.paid"), i64::from((order - 5001) / 3));
    desk.effects_are_on_record();
    desk.audit_holds();
}

#[track_caller]
fn waits(agent: &str, result: &Value) -> String {
    assert_eq!(refusal_code(result), "approval_required", "{agent}: {result:#}");
    let told = structured(result);
    assert_eq!(told["executed"], json!(false), "{agent}: {result:#}");
    let id = told["approval_id"].as_str().unwrap().to_owned();
    assert_eq!(told["decide_url"], json!(page(&id)), "{agent}: {result:#}");
    id
}

fn page(id: &str) -> String {
    format!("{INBOX}/inbox/requests/{id}")
}

#[test]
fn an_agent_that_waits_for_tasks_gets_one_and_hears_how_it_ended() {
    let declares = Declares { tasks: true, ..Declares::default() };
    everywhere(declares, |desk, agent, decision, order| {
        let paid = desk.effects("refund.paid");
        agent.calls("request_refund", &refund(order));
        let task = agent.event("task");
        let id = task["taskId"].as_str().unwrap().to_owned();
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(desk.effects("refund.paid"), paid, "nothing runs before people decide");
        decision.is_made(desk, &id);
        let result = agent.done();
        decision.is_heard(&agent.name, &result, order);
        // The task says the same whenever it is asked.
        let task = agent.ask("task", &id)["done"].clone();
        assert_eq!(task["status"], "completed", "{}: {task:#}", agent.name);
        assert_eq!(told(&task["result"]), told(&result), "{}", agent.name);
    });
}

/// What a result tells, but for the id of its record, which each look has of its own.
fn told(result: &Value) -> Value {
    let mut told = structured(result).clone();
    told.as_object_mut().unwrap().remove("request_id");
    told
}

#[test]
fn an_agent_that_shows_links_is_handed_one_and_its_answer_decides_nothing() {
    let declares = Declares { links: Some("any"), ..Declares::default() };
    everywhere(declares, |desk, agent, decision, order| {
        let paid = desk.effects("refund.paid");
        let result = agent.call("request_refund", &refund(order));
        let link = agent.event("link");
        let id = waits(&agent.name, &result);
        assert_eq!(link["url"], json!(page(&id)), "{}: {link:#}", agent.name);
        // Asked again while people think about it, nobody is bothered again.
        let again = agent.call("request_refund", &refund(order));
        assert_eq!(waits(&agent.name, &again), id);
        agent.hears_no("link");
        assert_eq!(desk.effects("refund.paid"), paid, "{}", agent.name);
        decision.is_made(desk, &id);
        let result = agent.call("request_refund", &refund(order));
        decision.is_heard(&agent.name, &result, order);
    });
}

#[test]
fn an_agent_of_before_2026_is_handed_the_link_while_it_calls_and_told_when_it_is_decided() {
    let declares = Declares { legacy: true, links: Some("any"), ..Declares::default() };
    everywhere(declares, |desk, agent, decision, order| {
        let result = agent.call("request_refund", &refund(order));
        let link = agent.event("link");
        let id = waits(&agent.name, &result);
        assert_eq!(link["url"], json!(page(&id)), "{}: {link:#}", agent.name);
        assert_eq!(link["id"], json!(id), "{}: {link:#}", agent.name);
        let again = agent.call("request_refund", &refund(order));
        assert_eq!(waits(&agent.name, &again), id);
        agent.hears_no("link");
        decision.is_made(desk, &id);
        let told = agent.event("decided");
        assert_eq!(told["id"], json!(id), "{}: {told:#}", agent.name);
        let result = agent.call("request_refund", &refund(order));
        decision.is_heard(&agent.name, &result, order);
    });
}

#[test]
fn any_agent_is_told_in_the_result_and_hears_more_when_it_calls_again() {
    for legacy in [false, true] {
        everywhere(Declares { legacy, ..Declares::default() }, |desk, agent, decision, order| {
            let result = agent.call("request_refund", &refund(order));
            let id = waits(&agent.name, &result);
            decision.is_made(desk, &id);
            let result = agent.call("request_refund", &refund(order));
            decision.is_heard(&agent.name, &result, order);
        });
    }
}
