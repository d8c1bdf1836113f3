use super::*;
use crate::identity::tests::TempDir;

fn faults(policies: &str) -> Vec<String> {
    match build(policies, &[refund(), health(), tool("ping", None)]) {
        Ok(_) => panic!("accepted"),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn b13_a_policy_that_could_never_match_keeps_the_server_from_starting() {
    let when = |condition: &str| {
        format!(
            "permit(principal, action == Action::\"request_refund\", resource)\nwhen {{ {condition} }};"
        )
    };
    for (policy, words) in [
        (when("context.args.amount_cent > 1"), "amount_cent"),
        (when("context.args.amount_cents > \"1\""), "2:"),
        (when("context.args.rate > 1"), "rate"),
        (when("context.args.comment == \"x\""), "comment"),
        (when("context.arg.amount_cents > 1"), "arg"),
        (when("resource.owner == \"x\""), "owner"),
        (when("resource.note == \"x\""), "note"),
        (when("principal.role == \"x\""), "role"),
        (when("context.requester.subject == \"x\""), "requester"),
        (when("principal.tenant == 7"), "p.cedar:2:"),
        (
            r#"permit(principal, action == Action::"request_refunds", resource);"#.to_owned(),
            "request_refund",
        ),
        (
            r#"permit(principal, action in Action::"refund.requests", resource);"#.to_owned(),
            "refund.request",
        ),
        (r#"permit(principal in Rolle::"x", action, resource);"#.to_owned(), "Role"),
        (
            r#"permit(principal, action == Action::"refund.request", resource);"#.to_owned(),
            "p.cedar:1:",
        ),
        (
            r#"permit(principal, action == Action::"ping", resource is Order);"#.to_owned(),
            "p.cedar:1:",
        ),
        ("permit(principal is Role, action, resource);".to_owned(), "p.cedar:1:"),
        ("permit(principal, action, resource == ?resource);".to_owned(), "template"),
        ("permit(principal, action, resource) when { 1 };".to_owned(), "p.cedar:1:"),
        ("permit(principal, action resource);".to_owned(), "p.cedar:1:"),
    ] {
        let found = faults(&policy);
        assert!(found.iter().any(|f| f.contains(words)), "{policy}\n{found:#?}");
        assert!(found.iter().all(|f| f.starts_with("p.cedar:")), "{found:#?}");
    }
}

#[test]
fn a_misspelt_action_gets_a_suggestion_and_a_position() {
    let text = "\n\npermit(principal,\n  action == Action::\"request_refunb\", resource);";
    let found = build(text, &[refund()]).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].file.as_deref(), Some("p.cedar"));
    assert_eq!(found[0].position, Some((4, 13)), "{found:?}");
    let text = found[0].to_string();
    assert!(text.contains("did you mean") && text.contains("request_refund"), "{text}");
}

#[test]
fn all_faults_of_all_sources_are_told_at_once() {
    let policies =
        Policies::from_str("a.cedar", "permit(principal, action, resource) when { nonsense };")
            .and_str("b.cedar", r#"forbid(principal, action == Action::"x", resource);"#)
            .and_str("c.cedar", r#"forbid(principal, action == Action::"ping", resource);"#);
    let found = PolicyEngine::build(&policies, "desk", &[tool("ping", None)]).unwrap_err();
    let files: Vec<_> = found.iter().filter_map(|f| f.file.as_deref()).collect();
    assert!(files.contains(&"a.cedar") && files.contains(&"b.cedar"), "{found:?}");
    assert!(!files.contains(&"c.cedar"), "{found:?}");
}

#[test]
fn a_tool_named_like_a_permission_is_refused() {
    let tools = [tool("account.read", Some("account.write")), tool("b", Some("account.read"))];
    let found = build("", &tools).unwrap_err();
    assert!(found[0].message.contains("both a tool and a permission"), "{found:?}");
    let twice = build("", &[tool("a", None), tool("a", Some("x.y"))]).unwrap_err();
    assert!(twice[0].message.contains("two tools"), "{twice:?}");
}

#[test]
fn resource_types_that_policies_could_not_tell_apart_are_refused() {
    let with = |type_name: &str, kind: &str| ActionFacts {
        resource: Some(ResourceFacts {
            type_name: type_name.to_owned(),
            attributes: vec![("a".to_owned(), kind.to_owned())],
        }),
        ..tool("t", Some("x.y"))
    };
    for (type_name, kind) in [
        ("User", "Long"),
        ("Action", "Long"),
        ("a b", "Long"),
        ("A::B", "Long"),
        ("Order", "Float"),
    ] {
        assert!(build("", &[with(type_name, kind)]).is_err(), "{type_name} {kind}");
    }
    let mut other = with("Order", "String");
    "u".clone_into(&mut other.tool);
    assert!(build("", &[with("Order", "Long"), other]).is_err());
}

#[test]
fn two_policies_of_one_id_are_refused() {
    let one = r#"@id("x") permit(principal, action == Action::"ping", resource);"#;
    assert!(build(&format!("{one}\n{one}"), &[tool("ping", None)]).is_err());
    let two = Policies::from_str("a", one).and_str("b", one);
    assert!(PolicyEngine::build(&two, "desk", &[tool("ping", None)]).is_err());
}

#[test]
fn a_policy_folder_that_is_missing_or_unreadable_is_a_fault_and_never_no_policies() {
    let temp = TempDir::new();
    let missing = Policies::from_dir(temp.path().join("nowhere"));
    assert!(PolicyEngine::build(&missing, "desk", &[health()]).is_err());
    std::fs::write(temp.path().join("a.cedar"), [0xff, 0xfe]).unwrap();
    let found = PolicyEngine::build(&Policies::from_dir(temp.path()), "desk", &[health()]);
    assert!(found.unwrap_err()[0].file.as_deref().unwrap().ends_with("a.cedar"));
}

#[test]
fn every_policy_file_in_the_folder_counts() {
    let temp = TempDir::new();
    std::fs::create_dir(temp.path().join("more")).unwrap();
    let text = |id: &str| {
        format!("@id(\"{id}\") permit(principal, action == Action::\"get_health\", resource);")
    };
    std::fs::write(temp.path().join("a.cedar"), text("a")).unwrap();
    std::fs::write(temp.path().join("B.CEDAR"), text("b")).unwrap();
    std::fs::write(temp.path().join("more/c.cedar"), text("c")).unwrap();
    std::fs::write(temp.path().join("notes.md"), "no policy").unwrap();
    let engine =
        PolicyEngine::build(&Policies::from_dir(temp.path()), "desk", &[health()]).unwrap();
    let (who, none) = (principal("a", "acme", &[]), Map::new());
    let Verdict::Permit { policies, .. } = engine.authorize(&plain(&who, "get_health", &none))
    else {
        panic!("denied");
    };
    assert_eq!(policies, ["a", "b", "c"]);
}

#[test]
fn the_version_changes_with_the_text_and_with_nothing_else() {
    let a = Policies::from_str("a", "// one").and_str("b", "// two");
    let b = Policies::from_str("b", "// two").and_str("a", "// one");
    let c = Policies::from_str("a", "// one").and_str("b", "// two ");
    let version =
        |p: &Policies, tools: &[ActionFacts]| PolicyEngine::build(p, "d", tools).unwrap().version();
    assert_eq!(version(&a, &[]), version(&b, &[health()]));
    assert_ne!(version(&a, &[]), version(&c, &[]));
}

#[test]
fn an_action_no_policy_can_permit_is_told() {
    let engine = build(
        r#"permit(principal, action in Action::"refund.request", resource);
        forbid(principal, action in Action::"account.read", resource);"#,
        &[refund(), health()],
    );
    let told: Vec<_> = engine.unwrap().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("decide:request_refund") && told[1].contains("get_health"),
        "{told:?}"
    );
}

#[test]
fn the_schema_is_there_to_read() {
    let text = engine("permit(principal, action, resource);").schema_text();
    for part in ["entity Order", "amount_cents", "decide:request_refund", "refund.approve"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("rate"), "{text}");
}
