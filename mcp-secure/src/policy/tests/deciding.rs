use super::*;

const SUPPORT: &str = r#"
    permit(principal in Role::"support", action in Action::"refund.request", resource)
    when { principal.tenant == resource.tenant && context.args.amount_cents <= 50000 };
"#;

fn alice() -> Principal {
    principal("alice", "acme", &["support"])
}

#[test]
fn a_permit_names_its_policy_and_the_version() {
    let engine = engine(SUPPORT);
    let verdict = ask(&engine, &alice(), &paid("acme"), &arguments(100));
    let policies = vec!["p.cedar:2".to_owned()];
    assert_eq!(verdict, Verdict::Permit { policies, version: engine.version() });
}

#[test]
fn b12_no_policies_deny_every_call_that_is_not_public() {
    let engine =
        PolicyEngine::build(&Policies::none(), "desk", &[refund(), health(), tool("ping", None)])
            .unwrap();
    let who = principal("root", "acme", &["admin"]);
    assert_eq!(reason(ask(&engine, &who, &paid("acme"), &arguments(1))), DenyReason::NoPermit);
    let none = Map::new();
    assert_eq!(reason(engine.authorize(&plain(&who, "get_health", &none))), DenyReason::NoPermit);
    assert!(engine.authorize(&plain(&who, "ping", &none)).is_permit());
    assert!(!engine.could_permit(&who, Act::Call, "get_health"));
    assert!(engine.warnings()[0].message.contains("no policies are loaded"));
}

#[test]
fn what_nobody_permits_is_denied() {
    let engine = engine(SUPPORT);
    let mallory = principal("mallory", "acme", &[]);
    let verdict = ask(&engine, &mallory, &paid("acme"), &arguments(1));
    assert_eq!(reason(verdict), DenyReason::NoPermit);
}

#[test]
fn b13_a_rule_on_arguments_sees_the_arguments() {
    let engine = engine(SUPPORT);
    assert!(ask(&engine, &alice(), &paid("acme"), &arguments(50_000)).is_permit());
    assert!(!ask(&engine, &alice(), &paid("acme"), &arguments(50_001)).is_permit());
}

#[test]
fn a_forbid_overrides_every_permit() {
    let engine = engine(&format!(
        r#"{SUPPORT} @id("no-goodwill") forbid(principal, action, resource is Order)
        when {{ resource.status == "disputed" }};"#
    ));
    let disputed = loaded("acme", &json!({"total_cents": 1, "status": "disputed"}));
    let verdict = ask(&engine, &alice(), &disputed, &arguments(1));
    assert_eq!(reason(verdict), DenyReason::Forbidden(vec!["no-goodwill".to_owned()]));
    assert!(ask(&engine, &alice(), &paid("acme"), &arguments(1)).is_permit());
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies() {
    // Overflow: Cedar alone would skip the forbid and permit the call.
    let engine = engine(&format!(
        r#"{SUPPORT} @id("overflows") forbid(principal, action == Action::"request_refund", resource)
        when {{ context.args.amount_cents * 9223372036854775807 > 0 }};"#
    ));
    let verdict = ask(&engine, &alice(), &paid("acme"), &arguments(2));
    let DenyReason::Error(text) = reason(verdict) else { panic!("not an error") };
    assert!(text.contains("overflows"), "{text}");
}

#[test]
fn a_permit_that_cannot_be_evaluated_denies_even_beside_one_that_can() {
    let engine = engine(&format!(
        r#"{SUPPORT} permit(principal, action == Action::"request_refund", resource)
        when {{ context.args.amount_cents * 9223372036854775807 > 0 }};"#
    ));
    let verdict = ask(&engine, &alice(), &paid("acme"), &arguments(2));
    assert!(matches!(reason(verdict), DenyReason::Error(_)));
}

#[test]
fn a_value_of_another_type_than_its_schema_says_denies() {
    let engine = engine("permit(principal, action, resource);");
    for (name, bad) in [
        ("amount_cents", json!("100")),
        ("amount_cents", json!(1.5)),
        ("amount_cents", json!(null)),
        ("tags", json!(["a", 1])),
        ("tags", json!("a")),
        ("comment", json!(7)),
    ] {
        let mut arguments = arguments(1);
        arguments.insert(name.to_owned(), bad.clone());
        let verdict = ask(&engine, &alice(), &paid("acme"), &arguments);
        let DenyReason::Error(text) = reason(verdict) else { panic!("{name} {bad}") };
        assert!(text.contains(name) && !text.contains("100"), "{text}");
    }
    let mut missing = arguments(1);
    missing.remove("amount_cents");
    let verdict = ask(&engine, &alice(), &paid("acme"), &missing);
    assert!(matches!(reason(verdict), DenyReason::Error(_)));
    for bad in [json!({"status": "paid"}), json!({"status": "paid", "total_cents": "x"})] {
        let verdict = ask(&engine, &alice(), &loaded("acme", &bad), &arguments(1));
        assert!(matches!(reason(verdict), DenyReason::Error(_)), "{bad}");
    }
}

#[test]
fn a_resource_of_another_type_or_none_where_one_is_declared_denies() {
    let engine = engine("permit(principal, action, resource);");
    let who = alice();
    let arguments = arguments(1);
    let mut other = paid("acme");
    other.type_name = "Customer";
    assert!(matches!(reason(ask(&engine, &who, &other, &arguments)), DenyReason::Error(_)));
    let without = Question { tool: "request_refund", ..plain(&who, "", &arguments) };
    assert!(matches!(reason(engine.authorize(&without)), DenyReason::Error(_)));
    let (order, none) = (paid("acme"), Map::new());
    let unasked = Question { resource: Some(&order), ..plain(&who, "get_health", &none) };
    assert!(matches!(reason(engine.authorize(&unasked)), DenyReason::Error(_)));
}

#[test]
fn no_policy_opens_one_tenant_to_another() {
    let engine = engine("permit(principal, action, resource);");
    let verdict = ask(&engine, &alice(), &paid("globex"), &arguments(1));
    assert_eq!(reason(verdict), DenyReason::OtherTenant);
    let mut nobody = alice();
    nobody.tenant = String::new();
    let verdict = ask(&engine, &nobody, &paid(""), &arguments(1));
    assert_eq!(reason(verdict), DenyReason::OtherTenant);
}

#[test]
fn a_missing_a_failing_and_another_tenants_resource_are_refused_alike() {
    let who = alice();
    let foreign = admit::<()>(&who, Ok(Some(paid("globex")))).unwrap_err();
    let missing = admit::<()>(&who, Ok(None)).unwrap_err();
    let failing = admit(&who, Err("connection refused")).unwrap_err();
    let texts = [foreign, missing, failing].map(|e| format!("{e:?}: {e}"));
    assert!(texts.iter().all(|t| *t == texts[0]));
    assert!(!texts[0].contains("globex") && !texts[0].contains("connection"));
    assert!(admit::<()>(&who, Ok(Some(paid("acme")))).is_ok());
}

#[test]
fn a_public_tool_needs_no_permit_but_a_forbid_still_denies() {
    let who = alice();
    let none = Map::new();
    assert!(engine(SUPPORT).authorize(&plain(&who, "ping", &none)).is_permit());
    let shut =
        engine(r#"forbid(principal in Tenant::"acme", action == Action::"ping", resource);"#);
    assert!(matches!(
        reason(shut.authorize(&plain(&who, "ping", &none))),
        DenyReason::Forbidden(_)
    ));
    assert!(shut.authorize(&plain(&principal("x", "globex", &[]), "ping", &none)).is_permit());
}

#[test]
fn the_permission_to_request_is_none_to_decide() {
    let engine = engine(&format!(
        r#"{SUPPORT} permit(principal in Role::"lead", action in Action::"refund.approve", resource)
        when {{ context.requester.subject != principal.subject && context has requester }};"#
    ));
    let (order, arguments) = (paid("acme"), arguments(1));
    let requester = Requester::from(&alice());
    let decide = |who: &Principal, requester: Option<&Requester>| {
        engine.authorize(&Question {
            principal: who,
            act: Act::Decide,
            tool: "request_refund",
            resource: Some(&order),
            arguments: &arguments,
            now: Timestamp::from_millis(0),
            requester,
        })
    };
    assert!(decide(&principal("bob", "acme", &["lead"]), Some(&requester)).is_permit());
    assert_eq!(reason(decide(&alice(), Some(&requester))), DenyReason::NoPermit);
    let lead = principal("alice", "acme", &["lead"]);
    assert_eq!(reason(decide(&lead, Some(&requester))), DenyReason::NoPermit);
    let bob = principal("bob", "acme", &["lead"]);
    assert!(matches!(reason(decide(&bob, None)), DenyReason::Error(_)));
    let elsewhere = Requester { tenant: "globex".to_owned(), ..requester };
    assert_eq!(reason(decide(&bob, Some(&elsewhere))), DenyReason::OtherTenant);
}

#[test]
fn unknown_tools_and_acts_are_denied() {
    let engine = engine("permit(principal, action, resource);");
    let (who, none) = (alice(), Map::new());
    assert!(matches!(reason(engine.authorize(&plain(&who, "other", &none))), DenyReason::Error(_)));
    let decide = Question { act: Act::Decide, ..plain(&who, "get_health", &none) };
    assert!(!engine.authorize(&decide).is_permit());
    assert!(!engine.could_permit(&who, Act::Decide, "get_health"));
}

#[test]
fn accounts_that_could_be_confused_are_denied() {
    let engine = engine(r#"permit(principal == User::"a|b|c", action, resource);"#);
    let none = Map::new();
    let account = |issuer: &str, subject: &str| {
        let mut who = principal(subject, "acme", &[]);
        issuer.clone_into(&mut who.issuer);
        engine.authorize(&plain(&who, "get_health", &none))
    };
    assert!(account("a", "b|c").is_permit());
    assert!(matches!(reason(account("a|b", "c")), DenyReason::Error(_)));
}

#[test]
fn policies_can_tell_the_time() {
    let engine = engine(
        r#"permit(principal, action == Action::"get_health", resource)
        when { context.now >= datetime("2023-11-14T22:13:20Z") };"#,
    );
    let (who, none) = (alice(), Map::new());
    let at = |millis| {
        let question = plain(&who, "get_health", &none);
        engine.authorize(&Question { now: Timestamp::from_millis(millis), ..question })
    };
    assert!(at(1_700_000_000_000).is_permit());
    assert_eq!(reason(at(1_699_999_999_999)), DenyReason::NoPermit);
    assert!(matches!(reason(at(i64::MAX)), DenyReason::Error(_)));
}

#[test]
fn policies_see_method_client_risk_and_person() {
    let engine = engine(
        r#"permit(principal, action == Action::"request_refund", resource)
        when { principal.method == "bearer" && context.client == "desktop" && context.risk == "high"
            && principal has person && principal.person == "alice" && principal.roles.contains("support")
            && resource in Tenant::"acme" && context.args.tags.contains("a") && !(context.args has comment) };"#,
    );
    let mut who = alice();
    assert!(ask(&engine, &who, &paid("acme"), &arguments(1)).is_permit());
    who.method = Method::Asserted;
    assert!(!ask(&engine, &who, &paid("acme"), &arguments(1)).is_permit());
}
