use super::*;

fn refund() -> Facts<'static> {
    let mut facts = Facts::bare(Kind::Tool, "request_refund", "Request a refund.");
    facts.risk = Some(Risk::High);
    facts.permission = Some("refund.request");
    facts.approval = Some(ApprovalFacts::default());
    facts
}

fn reading() -> Facts<'static> {
    let mut facts = Facts::bare(Kind::Tool, "list_refunds", "List refunds.");
    facts.risk = Some(Risk::Low);
    facts.permission = Some("refund.read");
    facts.read_only = true;
    facts.destructive = false;
    facts
}

fn codes(facts: &Facts<'_>) -> Vec<Code> {
    check(facts).into_iter().map(|fault| fault.code).collect()
}

#[test]
fn a_full_declaration_passes() {
    assert_eq!(check(&refund()), []);
    assert_eq!(check(&reading()), []);
}

#[test]
fn every_missing_part_is_named_at_once() {
    let facts = Facts::bare(Kind::Tool, "t", " \n");
    assert_eq!(codes(&facts), [Code::RISK_MISSING, Code::ACCESS_MISSING, Code::PURPOSE_MISSING]);
}

#[test]
fn any_one_control_satisfies_a_dangerous_tool() {
    let bare = Facts { approval: None, ..refund() };
    assert_eq!(codes(&bare), [Code::CONTROL_MISSING]);
    assert_eq!(codes(&Facts { dry_run: true, ..bare.clone() }), []);
    assert_eq!(codes(&Facts { idempotency: true, ..bare.clone() }), []);
    assert_eq!(codes(&Facts { rollback: true, ..bare.clone() }), []);
    assert_eq!(codes(&Facts { rate_limit: true, ..bare.clone() }), []);
    assert_eq!(codes(&Facts { resource: true, ..bare.clone() }), []);
    // Risk alone asks for it, whatever the annotation says.
    assert_eq!(codes(&Facts { destructive: false, ..bare.clone() }), [Code::CONTROL_MISSING]);
    assert_eq!(codes(&Facts { irreversible: true, ..bare }), [Code::CONTROL_MISSING]);
}

#[test]
fn what_may_destroy_needs_a_control_at_any_risk() {
    let low = Facts { risk: Some(Risk::Low), approval: None, ..refund() };
    assert_eq!(codes(&low), [Code::CONTROL_MISSING]);
    assert_eq!(codes(&Facts { destructive: false, ..low.clone() }), []);
    assert_eq!(codes(&Facts { rate_limit: true, ..low }), []);
}

#[test]
fn a_critical_tool_needs_approval_and_a_word_on_the_way_back() {
    let critical = Facts { risk: Some(Risk::Critical), ..refund() };
    assert_eq!(codes(&critical), [Code::CRITICAL_WITHOUT_WAY_BACK]);
    assert_eq!(codes(&Facts { irreversible: true, ..critical.clone() }), []);
    let unapproved = Facts { approval: None, rollback: true, ..critical.clone() };
    assert_eq!(codes(&unapproved), [Code::CRITICAL_WITHOUT_APPROVAL]);
    let reading = Facts { risk: Some(Risk::Critical), ..reading() };
    assert_eq!(codes(&reading), [Code::CRITICAL_WITHOUT_APPROVAL]);
    let weakened = ApprovalFacts { by: None, when: true, allow_requester: true };
    let facts = Facts { approval: Some(weakened), irreversible: true, ..critical };
    assert_eq!(codes(&facts), [Code::CRITICAL_WEAKENED_APPROVAL, Code::CRITICAL_WEAKENED_APPROVAL]);
}

#[test]
fn contradictions_are_named_at_the_key_that_is_wrong() {
    let facts =
        Facts { destructive: true, rollback: true, idempotency: true, dry_run: true, ..reading() };
    let at: Vec<_> = check(&facts).into_iter().map(|fault| fault.at).collect();
    assert_eq!(at, ["destructive", "rollback", "idempotency", "dry_run"]);
    assert_eq!(codes(&Facts { public: true, ..reading() }), [Code::PUBLIC_WITH_PERMISSION]);
    let public = Facts { public: true, permission: None, ..reading() };
    assert_eq!(codes(&public), []);
    assert_eq!(
        codes(&Facts { risk: Some(Risk::Medium), ..public.clone() }),
        [Code::PUBLIC_NOT_HARMLESS]
    );
    assert_eq!(codes(&Facts { resource: true, ..public }), [Code::PUBLIC_WITH_POLICY]);
    assert_eq!(codes(&Facts { idempotent: Some(false), ..reading() }), [Code::IDEMPOTENT_DENIED]);
    let both = Facts { rollback: true, irreversible: true, ..refund() };
    assert_eq!(codes(&both), [Code::ROLLBACK_IRREVERSIBLE]);
}

#[test]
fn nobody_decides_with_the_permission_to_call() {
    let approval = ApprovalFacts { by: Some("refund.request"), ..ApprovalFacts::default() };
    assert_eq!(codes(&Facts { approval: Some(approval), ..refund() }), [Code::APPROVER_IS_CALLER]);
}

#[test]
fn names_and_permissions_are_well_formed_wherever_they_stand() {
    let approval = ApprovalFacts { by: Some("Approve"), ..ApprovalFacts::default() };
    let facts = Facts {
        name: "a b",
        permission: Some("refund"),
        approval: Some(approval),
        rollback: true,
        rollback_permission: Some("x."),
        ..refund()
    };
    assert_eq!(codes(&facts), [Code::NAME, Code::PERMISSION, Code::PERMISSION, Code::PERMISSION]);
}
