use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::index::every_policy;
use super::*;

/// Whatever can tell one call of `request_refund` from another.
const CONDITIONS: [&str; 14] = [
    "resource.status == \"paid\"",
    "resource has note && resource.note == \"a\"",
    "resource.tenant == principal.tenant",
    "context.args.amount_cents > 50",
    "context.args.tags.contains(\"b\")",
    "context.args has comment",
    "context.client == \"desktop\"",
    "resource == Order::\"ord_1\"",
    "Order::\"ord_1\" has status",
    "Order::\"ord_2\" in Tenant::\"acme\"",
    "[Order::\"ord_1\"].contains(resource)",
    "context.now > datetime(\"2023-11-14T22:13:20.500Z\")",
    "context.args.amount_cents * 4611686018427387904 > 0",
    "principal in Role::\"support\"",
];

const SCOPES: [&str; 5] = [
    "resource",
    "resource is Order",
    "resource == Order::\"ord_2\"",
    "resource in Order::\"ord_1\"",
    "resource is Order in Tenant::\"acme\"",
];

#[test]
fn an_answer_that_was_kept_is_the_answer_cedar_would_give() {
    let mut random = StdRng::seed_from_u64(20_261_123);
    let (mut kept, mut permits, mut denials, mut asked) = (0, 0, 0, 0);
    for _ in 0..60 {
        let mut text = String::from("permit(principal, action, resource);\n");
        for _ in 0..random.random_range(1..4) {
            let effect = ["permit", "forbid", "forbid"].choose(&mut random).unwrap();
            let scope = SCOPES.choose(&mut random).unwrap();
            let condition = CONDITIONS.choose(&mut random).unwrap();
            let _ = writeln!(text, "{effect}(principal, action, {scope}) when {{ {condition} }};");
        }
        let Ok(engine) = build(&text, &[refund()]) else { continue };
        let all = every_policy(&text);
        for _ in 0..120 {
            let pick =
                |random: &mut StdRng, from: &[&str]| (*from.choose(random).unwrap()).to_owned();
            let role = pick(&mut random, &["support", "other"]);
            let who = principal("alice", "acme", &[&role]);
            let mut order =
                json!({"total_cents": 1, "status": pick(&mut random, &["paid", "open"])});
            if random.random() {
                order["note"] = json!(pick(&mut random, &["a", "b"]));
            }
            let mut order = loaded("acme", &order);
            order.id = pick(&mut random, &["ord_1", "ord_2", "ord_3"]);
            let mut arguments = arguments(*[1, 100].choose(&mut random).unwrap());
            arguments["tags"] = json!([pick(&mut random, &["a", "b"])]);
            if random.random() {
                arguments.insert("comment".to_owned(), json!("c"));
            }
            let question = Question {
                principal: &who,
                act: Act::Call,
                tool: "request_refund",
                resource: Some(&order),
                arguments: &arguments,
                now: Timestamp::from_millis(1_700_000_000_000 + random.random_range(0..2) * 1000),
                requester: None,
            };
            let before = engine.answers_kept();
            let answer = engine.authorize(&question);
            assert_eq!(answer, engine.authorize_with(&question, &all), "{text}{question:?}");
            asked += 1;
            kept += usize::from(before == engine.answers_kept());
            if answer.is_permit() { permits += 1 } else { denials += 1 }
        }
    }
    assert!(
        kept * 3 > asked && permits * 5 > asked && denials * 5 > asked,
        "{kept} {permits} {denials} of {asked}"
    );
}

#[test]
fn what_policies_can_not_tell_apart_is_asked_once_and_what_they_can_is_asked_again() {
    let roles = "permit(principal in Role::\"support\", action, resource);";
    let who = principal("alice", "acme", &["support"]);
    for (text, wanted) in [
        (roles.to_owned(), 1),
        (
            format!(
                "{roles} forbid(principal, action, resource) when {{ resource.tenant != principal.tenant }};"
            ),
            1,
        ),
        (
            format!(
                "{roles} forbid(principal, action, resource) when {{ resource.status == \"x\" }};"
            ),
            2,
        ),
        (format!("{roles} forbid(principal, action, resource == Order::\"ord_9\");"), 2),
        (
            format!(
                "{roles} forbid(principal, action, resource) when {{ context.args.amount_cents > 5 }};"
            ),
            2,
        ),
        (
            format!(
                "{roles} forbid(principal, action, resource) when {{ context.now > datetime(\"2990-01-01\") }};"
            ),
            0,
        ),
    ] {
        let engine = build(&text, &[refund()]).unwrap();
        for (id, status, amount) in
            [("ord_1", "paid", 1), ("ord_2", "open", 2), ("ord_1", "paid", 1)]
        {
            let mut order = loaded("acme", &json!({"total_cents": 1, "status": status}));
            order.id = id.to_owned();
            assert!(ask(&engine, &who, &order, &arguments(amount)).is_permit(), "{text}");
        }
        assert_eq!(engine.answers_kept(), wanted, "{text}");
    }
}

#[test]
fn an_answer_is_kept_for_one_principal_as_it_is_and_no_longer_than_it_is_that() {
    let engine = engine("permit(principal in Role::\"support\", action, resource);");
    let mut who = principal("alice", "acme", &["support"]);
    assert!(ask(&engine, &who, &paid("acme"), &arguments(1)).is_permit());
    assert!(
        !ask(&engine, &principal("bob", "acme", &[]), &paid("acme"), &arguments(1)).is_permit()
    );
    who.roles.clear();
    assert!(!ask(&engine, &who, &paid("acme"), &arguments(1)).is_permit());
}

#[test]
fn a_value_that_does_not_fit_is_refused_though_nothing_reads_it_and_its_like_was_permitted() {
    let engine = engine("permit(principal in Role::\"support\", action, resource);");
    let who = principal("alice", "acme", &["support"]);
    assert!(ask(&engine, &who, &paid("acme"), &arguments(1)).is_permit());
    for (name, value) in
        [("amount_cents", json!("1")), ("tags", json!([1])), ("reason", json!(null))]
    {
        let mut arguments = arguments(1);
        arguments[name] = value;
        let verdict = ask(&engine, &who, &paid("acme"), &arguments);
        assert!(matches!(reason(verdict), DenyReason::Error(_)), "{name}");
    }
    let odd = loaded("acme", &json!({"total_cents": "many", "status": "paid"}));
    assert!(matches!(reason(ask(&engine, &who, &odd, &arguments(1))), DenyReason::Error(_)));
}
