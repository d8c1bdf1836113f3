//! The whole story, told by each official client over each transport.

use serde_json::{Value, json};

use crate::harness::{
    Client, Desk, PATIENCE, every_client, refund_arguments, refusal_code, structured,
};

/// The tools of the support role.
const SUPPORT: [&str; 7] = [
    "close_account",
    "create_support_ticket_draft",
    "get_account_health_summary",
    "notify_account_manager",
    "request_customer_status_change",
    "request_refund",
    "search_customers",
];

#[test]
fn what_is_listed_depends_on_who_asks() {
    let desk = Desk::new();
    let server = desk.serve();
    for (name, expected) in [("alice", &SUPPORT[..]), ("bob", &SUPPORT[..]), ("mallory", &[])] {
        for client in every_client(&desk, &server, name) {
            assert_eq!(client.tool_names(), expected, "{client:?}");
        }
    }
}

#[test]
fn a_read_answers_what_the_output_schema_says_and_the_same_as_text() {
    let desk = Desk::new();
    let server = desk.serve();
    for client in every_client(&desk, &server, "alice") {
        let result = client.call("get_account_health_summary", &json!({"customer_id": "cus_1001"}));
        assert_ne!(result["isError"], json!(true), "{client:?}: {result:#}");
        let expected = json!({
            "customer_id": "cus_1001", "name": "Adler Optics", "plan": "team", "status": "active",
            "open_tickets": 0, "lifetime_value_cents": 12_000, "health": "good",
        });
        assert_eq!(structured(&result), &expected, "{client:?}");
        let text: Value =
            serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, expected, "{client:?}");
    }
}

#[test]
fn a_search_finds_the_own_tenants_customers_only() {
    let desk = Desk::new();
    let server = desk.serve();
    for (name, expected) in [("alice", "cus_1001"), ("dave", "cus_2001")] {
        for client in every_client(&desk, &server, name) {
            let result =
                client.call("search_customers", &json!({"name_prefix": "adler", "limit": 1}));
            let found = &structured(&result)["customers"];
            assert_eq!(found[0]["customer_id"], json!(expected), "{client:?}");
            assert_eq!(found.as_array().unwrap().len(), 1, "{client:?}");
        }
    }
}

#[test]
fn another_tenants_customer_is_refused() {
    let desk = Desk::new();
    let server = desk.serve();
    for client in every_client(&desk, &server, "alice") {
        let result = client.call("get_account_health_summary", &json!({"customer_id": "cus_2001"}));
        assert_eq!(refusal_code(&result), "permission_denied", "{client:?}");
        assert_eq!(structured(&result)["executed"], json!(false), "{client:?}");
        assert!(!result.to_string().contains("globex"), "{client:?}: {result:#}");
    }
}

#[test]
fn resources_and_prompts_are_served_by_the_same_rules() {
    let desk = Desk::new();
    let server = desk.serve();
    for client in every_client(&desk, &server, "alice") {
        let read = client.read("kb://articles/refund-policy");
        assert!(
            read["contents"][0]["text"].as_str().unwrap().contains("lead"),
            "{client:?}: {read:#}"
        );
        let prompt = client.prompt("refund_review", "order_id", "ord_5001");
        let text = prompt["messages"][0]["content"]["text"].as_str().unwrap();
        assert!(text.contains("12000 cents"), "{client:?}: {prompt:#}");
    }
}

#[test]
fn a_refund_waits_for_a_lead_runs_once_and_repeats_its_answer() {
    // One order a client, all in one folder, as on a working day.
    let desk = Desk::new();
    let server = desk.serve();
    let mut clients = every_client(&desk, &server, "alice");
    // Those do not answer before people have decided: their story is the next one.
    clients.retain(|client| !client.waits_for_tasks());
    for (index, client) in clients.into_iter().enumerate() {
        refund_story(&desk, &client, &format!("ord_{}", 5010 + index), index as i64);
    }
    desk.audit_holds();
}

fn refund_story(desk: &Desk, client: &Client, order: &str, paid_before: i64) {
    let mut arguments = refund_arguments();
    arguments["order_id"] = json!(order);
    arguments["amount_cents"] = json!(1_500);

    let asked = client.call("request_refund", &arguments);
    assert_eq!(refusal_code(&asked), "approval_required", "{client:?}");
    let asked = structured(&asked);
    assert_eq!(asked["executed"], json!(false), "{client:?}");
    let approval =
        asked["approval_id"].as_str().unwrap_or_else(|| panic!("no approval in {asked:#}"));
    assert!(asked["expires_at"].is_string(), "{asked:#}");

    // Asking again asks nobody twice.
    let again = client.call("request_refund", &arguments);
    assert_eq!(structured(&again)["approval_id"], asked["approval_id"], "{client:?}");
    assert_eq!(desk.effects("refund.paid"), paid_before, "{client:?}");

    desk.approve(approval, "bob");
    assert_eq!(
        desk.effects("refund.paid"),
        paid_before,
        "a decision runs nothing by itself: {client:?}"
    );

    let paid = client.call("request_refund", &arguments);
    assert_ne!(paid["isError"], json!(true), "{client:?}: {paid:#}");
    let receipt = structured(&paid);
    assert_eq!(receipt["order_id"], json!(order), "{client:?}");
    assert_eq!(receipt["amount_cents"], json!(1_500), "{client:?}");
    assert_eq!(receipt["status"], json!("refunded"), "{client:?}");

    let repeated = client.call("request_refund", &arguments);
    assert_eq!(structured(&repeated), receipt, "{client:?}");
    assert_eq!(desk.effects("refund.paid"), paid_before + 1, "{client:?}");
}

/// What people do with a request while a client waits for its task, and the code that the client then hears, if any.
type Decided = (fn(&Desk, &str), Option<&'static str>);

const DECIDED: [Decided; 3] = [
    (|desk, id| drop(desk.approve(id, "bob")), None),
    (
        |desk, id| _ = desk.run(&["approvals", "deny", id, "--as", "bob"]).succeeded(),
        Some("approval_denied"),
    ),
    (Desk::let_expire, Some("approval_expired")),
];

#[test]
fn a_client_that_waits_for_its_task_by_itself_hears_how_it_ended() {
    let desk = Desk::new();
    let server = desk.serve();
    let mut clients = every_client(&desk, &server, "alice");
    clients.retain(Client::waits_for_tasks);
    assert_eq!(clients.len(), 2, "the Inspector, over stdio and over HTTP: {clients:?}");
    let mut order = 5010;
    for client in clients {
        for (decide, code) in DECIDED {
            let paid = desk.effects("refund.paid");
            let arguments = json!({
                "order_id": format!("ord_{order}"), "amount_cents": 1_500, "reason": "damaged",
            });
            let waiting = std::thread::spawn({
                let (client, arguments) = (client.clone(), arguments.clone());
                move || client.call("request_refund", &arguments)
            });
            let id = pending(&desk);
            std::thread::sleep(std::time::Duration::from_millis(600));
            assert!(!waiting.is_finished(), "{client:?} does not wait");
            assert_eq!(desk.effects("refund.paid"), paid, "{client:?}");
            decide(&desk, &id);
            let result = waiting.join().unwrap();
            match code {
                None => {
                    let receipt = structured(&result);
                    assert_eq!(receipt["order_id"], arguments["order_id"], "{client:?}");
                    assert_eq!(receipt["status"], json!("refunded"), "{client:?}: {result:#}");
                    assert_eq!(desk.effects("refund.paid"), paid + 1, "{client:?}");
                }
                Some(code) => {
                    assert_eq!(refusal_code(&result), code, "{client:?}: {result:#}");
                    assert_eq!(structured(&result)["executed"], json!(false), "{client:?}");
                    assert_eq!(desk.effects("refund.paid"), paid, "{client:?}");
                }
            }
            order += 1;
        }
    }
    desk.effects_are_on_record();
    desk.audit_holds();
}

/// The id of the one request that waits, as soon as there is one.
#[track_caller]
fn pending(desk: &Desk) -> String {
    let list = ["approvals", "list", "--as", "bob", "--state", "pending", "--format", "json"];
    let since = std::time::Instant::now();
    loop {
        if let Some(request) = desk.run(&list).json().as_array().unwrap().first() {
            return request["id"].as_str().unwrap().to_owned();
        }
        assert!(since.elapsed() < PATIENCE, "nobody is asked");
    }
}
