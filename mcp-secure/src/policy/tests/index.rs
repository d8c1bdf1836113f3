use std::fmt::Write as _;

use cedar_policy::PolicySet;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;

const TOOLS: [(&str, Option<&str>); 5] = [
    ("a1", Some("a.use")),
    ("a2", Some("a.use")),
    ("b1", Some("b.use")),
    ("c1", Some("c.use")),
    ("open", None),
];
const IDS: [&str; 8] = ["a1", "a2", "b1", "c1", "open", "a.use", "b.use", "c.use"];

fn tools() -> Vec<ActionFacts> {
    let limit = json!({
        "type": "object",
        "properties": {"limit": {"type": "integer"}},
        "required": ["limit"],
    });
    TOOLS
        .iter()
        .map(|(name, permission)| ActionFacts {
            arguments: limit.clone(),
            ..tool(name, *permission)
        })
        .collect()
}

/// A random policy that passes the check.
fn policy(random: &mut StdRng) -> String {
    let pick = |random: &mut StdRng, from: &[&str]| (*from.choose(random).unwrap()).to_owned();
    let effect = pick(random, &["permit", "permit", "forbid"]);
    let scopes = [
        "principal",
        "principal is User",
        "principal in Role::\"r1\"",
        "principal in Role::\"r2\"",
        "principal is User in Tenant::\"acme\"",
        "principal == User::\"urn:i|u1\"",
        "principal in User::\"urn:i|u2\"",
        "principal in Scope::\"s\"",
    ];
    let who = pick(random, &scopes);
    let action = match random.random_range(0..4) {
        0 => "action".to_owned(),
        1 => format!("action == Action::\"{}\"", pick(random, &IDS[..5])),
        2 => format!("action in Action::\"{}\"", pick(random, &IDS)),
        _ => {
            let (one, two) = (pick(random, &IDS), pick(random, &IDS));
            format!("action in [Action::\"{one}\", Action::\"{two}\"]")
        }
    };
    let conditions = [
        "",
        "when { context.args.limit > 5 }",
        "unless { principal.roles.contains(\"r2\") }",
        "when { context.args.limit * 4611686018427387904 > 0 }",
    ];
    format!("{effect}({who}, {action}, resource) {};\n", pick(random, &conditions))
}

/// Every policy of the text, under the ids the engine gives them.
pub(super) fn every_policy(text: &str) -> PolicySet {
    let set: PolicySet = text.parse().unwrap();
    let renamed = set.policies().map(|policy| {
        let number: usize = policy.id().to_string().trim_start_matches("policy").parse().unwrap();
        policy.new_id(cedar_policy::PolicyId::new(format!("p.cedar:{}", number + 1)))
    });
    PolicySet::from_policies(renamed).unwrap()
}

#[test]
fn the_index_and_the_full_set_always_agree_and_listing_never_hides_what_is_permitted() {
    let mut random = StdRng::seed_from_u64(20_260_131);
    let (mut permits, mut denials, mut errors) = (0, 0, 0);
    for _ in 0..60 {
        let mut text = String::new();
        for _ in 0..random.random_range(0..12) {
            let _ = write!(text, "{}", policy(&mut random));
        }
        let engine = build(&text, &tools()).unwrap();
        let all = every_policy(&text);
        for _ in 0..40 {
            let mut who = principal(["u1", "u2", "u3"].choose(&mut random).unwrap(), "acme", &[]);
            for role in ["r1", "r2"] {
                if random.random_bool(0.4) {
                    who.roles.insert(role.to_owned());
                }
            }
            if random.random_bool(0.3) {
                who.scopes.insert("s".to_owned());
            }
            let limit = json!({"limit": random.random_range(0..10)});
            let name = TOOLS.choose(&mut random).unwrap().0;
            let question = plain(&who, name, limit.as_object().unwrap());
            let indexed = engine.authorize(&question);
            assert_eq!(indexed, engine.authorize_with(&question, &all), "{text}\n{question:?}");
            match &indexed {
                Verdict::Permit { .. } => {
                    permits += 1;
                    assert!(engine.could_permit(&who, Act::Call, name), "{text}\n{question:?}");
                }
                Verdict::Deny { reason: DenyReason::Error(_), .. } => errors += 1,
                Verdict::Deny { .. } => denials += 1,
            }
        }
    }
    assert!(permits > 100 && denials > 100 && errors > 100, "{permits} {denials} {errors}");
}

#[test]
fn policies_over_other_actions_are_not_even_asked() {
    let many: Vec<ActionFacts> =
        (0..100).map(|n| tool(&format!("t{n}"), Some(&format!("p.n{n}")))).collect();
    let text = |count: usize| {
        let one = |n| format!("permit(principal, action in Action::\"p.n{n}\", resource);\n");
        (0..count).map(one).collect::<Vec<_>>().concat()
    };
    for count in [10, 100] {
        let engine = build(&text(count), &many).unwrap();
        for n in 0..100 {
            let asked = engine.asked_for(Act::Call, &format!("t{n}"));
            assert_eq!(asked, usize::from(n < count), "t{n} of {count}");
        }
    }
}

#[test]
fn listing_shows_nobody_what_the_scopes_rule_out() {
    let engine = engine(
        r#"permit(principal in Role::"support", action in Action::"account.read", resource);
        permit(principal == User::"urn:i|bob", action == Action::"request_refund", resource);"#,
    );
    let alice = principal("alice", "acme", &["support"]);
    let bob = principal("bob", "acme", &[]);
    let listed = |who: &Principal| {
        ["get_health", "request_refund", "ping"]
            .map(|tool| engine.could_permit(who, Act::Call, tool))
    };
    assert_eq!(listed(&alice), [true, false, true]);
    assert_eq!(listed(&bob), [false, true, true]);
    let mut impostor = bob;
    "urn:".clone_into(&mut impostor.issuer);
    assert_eq!(listed(&impostor), [false, false, true]);
}

#[test]
fn what_is_asked_always_fits_the_schema_the_policies_were_checked_against() {
    let engine = engine(
        r#"permit(principal, action, resource) when { context.now > datetime("2000-01-01") };"#,
    );
    let who = principal("alice", "acme", &["support"]);
    let (order, arguments) = (paid("acme"), arguments(3));
    let requester = Requester::from(&who);
    let call = Question { resource: Some(&order), ..plain(&who, "request_refund", &arguments) };
    let decide = Question { act: Act::Decide, requester: Some(&requester), ..call };
    let none = Map::new();
    for question in [call, decide, plain(&who, "get_health", &none), plain(&who, "ping", &none)] {
        engine.check_against_schema(&question).unwrap();
    }
}
