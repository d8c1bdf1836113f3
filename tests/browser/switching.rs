//! The emergency brake, pulled and let go in the browser, and felt by an agent.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::forged::forge;
use crate::harness::{PATIENCE, refund_arguments, refusal_code};
use crate::stage::Stage;

/// What the agent hears once it is not `was` any more. A switch holds within a second.
fn hears(stage: &Stage, was: &str) -> String {
    let since = Instant::now();
    loop {
        let answer: Value = stage.call("alice", "request_refund", &refund_arguments());
        let code = refusal_code(&answer).to_owned();
        if code != was {
            return code;
        }
        assert!(since.elapsed() < PATIENCE, "it stays `{was}`");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_tool_is_switched_off_and_on_again_and_the_agent_hears_of_it() {
    let stage = Stage::open();
    assert_eq!(hears(&stage, ""), "approval_required");
    let bob = stage.signed_in("bob");
    bob.follow("Switches");
    bob.see("Nothing that you may switch is off");
    // Not without saying what and why.
    bob.press("Switch off");
    bob.see("Nothing that you may switch is off");
    bob.script("document.querySelector('#scope').value = 'tool:request_refund'");
    bob.write("#reason", "refunds go to the wrong account");
    bob.press("Switch off");
    bob.see("refunds go to the wrong account").see("bob");
    assert_eq!(bob.path(), "/inbox/switches");
    assert_eq!(hears(&stage, "approval_required"), "switched_off");
    // Another lead reads why, and lets go.
    let carol = stage.signed_in("carol");
    carol.visit("/inbox/switches");
    carol.see("refunds go to the wrong account");
    carol.write("#on-0", "the account is right again");
    carol.press("Switch on");
    carol.see("Nothing that you may switch is off");
    assert_eq!(hears(&stage, "switched_off"), "approval_required");
    let records = stage.desk.records(&["--outcome", "switch"]);
    for said in ["refunds go to the wrong account", "the account is right again"] {
        assert!(records.iter().any(|record| record.to_string().contains(said)), "{records:#?}");
    }
    stage.desk.audit_holds();
}

#[test]
fn who_may_not_switch_finds_no_switches_and_pulls_none() {
    let stage = Stage::open();
    for name in ["alice", "mallory"] {
        let window = stage.signed_in(name);
        assert!(!window.has("nav a[href='/inbox/switches']"), "{name}");
        window.visit("/inbox/switches");
        window.see("There is nothing here");
        for (to, scope) in
            [("off", "tool:request_refund"), ("off", "everything"), ("on", "everything")]
        {
            window.visit("/inbox");
            let fields = [("to", to), ("scope", scope), ("reason", "trust me")];
            forge(&window, "/inbox/switches", &fields);
            window.see("This was not done");
        }
    }
    // A lead is offered no more than policy lets them, and held to it.
    let bob = stage.signed_in("bob");
    bob.visit("/inbox/switches");
    let offered = bob.text_of("#scope");
    assert!(offered.contains("acme") && !offered.contains("globex"), "{offered}");
    assert!(!offered.contains("everything"), "{offered}");
    for scope in ["everything", "tenant:globex"] {
        bob.visit("/inbox/switches");
        let fields = [("to", "off"), ("scope", scope), ("reason", "trust me")];
        forge(&bob, "/inbox/switches", &fields);
        bob.see("This was not done");
    }
    assert_eq!(hears(&stage, ""), "approval_required");
}
