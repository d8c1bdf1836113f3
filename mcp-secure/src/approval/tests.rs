use super::decide::Outcome;
use super::*;
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::identity::Method;
use crate::store::RunId;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATER: Timestamp = Timestamp::from_millis(2_000);

fn states(run: RunId) -> Vec<State> {
    let at = Timestamp::from_millis(500);
    let text = || "x".to_owned();
    vec![
        State::Pending,
        State::Approved { at },
        State::Running { run, at },
        State::Done { at, result: None, resolved_by: None },
        State::Failed { at, error: text(), resolved_by: None },
        State::InDoubt { run, at, why: text() },
        State::Denied { at, person: text(), reason: None },
        State::Expired { at },
        State::Withdrawn { at },
        State::Void { at, why: text() },
    ]
}

fn events(run: RunId) -> Vec<(&'static str, Event)> {
    let text = || "x".to_owned();
    vec![
        ("approve", Event::Approve),
        ("deny", Event::Deny { person: text(), reason: None }),
        ("expire", Event::Expire),
        ("withdraw", Event::Withdraw),
        ("void", Event::Void { why: text() }),
        ("start", Event::Start { run }),
        ("finish", Event::Finish { run, result: Digest::of_bytes(b"r") }),
        ("fail", Event::Fail { run, error: text() }),
        ("never_began", Event::NeverBegan { run, why: text() }),
        ("doubt", Event::Doubt { run, why: text() }),
        ("resolve_done", Event::ResolveDone { person: text() }),
        ("resolve_not_done", Event::ResolveNotDone { person: text() }),
    ]
}

/// Every way there is; what is not here is refused.
const IN_TIME: &[(&str, &str, &str)] = &[
    ("pending", "approve", "approved"),
    ("pending", "deny", "denied"),
    ("pending", "withdraw", "withdrawn"),
    ("approved", "start", "running"),
    ("approved", "void", "void"),
    ("running", "finish", "done"),
    ("running", "fail", "failed"),
    ("running", "never_began", "failed"),
    ("running", "doubt", "in_doubt"),
    ("in_doubt", "never_began", "failed"),
    ("in_doubt", "resolve_done", "done"),
    ("in_doubt", "resolve_not_done", "failed"),
];
const PAST_EXPIRY: &[(&str, &str, &str)] = &[
    ("pending", "expire", "expired"),
    ("approved", "expire", "expired"),
    ("running", "finish", "done"),
    ("running", "fail", "failed"),
    ("running", "never_began", "failed"),
    ("running", "doubt", "in_doubt"),
    ("in_doubt", "never_began", "failed"),
    ("in_doubt", "resolve_done", "done"),
    ("in_doubt", "resolve_not_done", "failed"),
];

#[test]
fn a_request_moves_along_the_table_and_nowhere_else() {
    let run = RunId::random();
    assert_eq!(states(run).iter().map(State::kind).collect::<Vec<_>>(), StateKind::ALL);
    let mut tried = 0;
    for (table, expires) in [(IN_TIME, LATER), (PAST_EXPIRY, NOW)] {
        for state in states(run) {
            for (name, event) in events(run) {
                tried += 1;
                let from = state.kind();
                let want = table.iter().find(|(s, e, _)| *s == from.as_str() && *e == name);
                let got = state.after(event, NOW, expires);
                match (want, got) {
                    (Some((_, _, to)), Ok(next)) => {
                        assert_eq!(next.kind().as_str(), *to, "{from} {name}");
                    }
                    (None, Err(_)) => {}
                    (want, got) => panic!("{from} {name}: wanted {want:?}, got {got:?}"),
                }
            }
        }
    }
    assert_eq!(tried, 2 * 10 * 12);
}

#[test]
fn terminal_states_stay_terminal() {
    let run = RunId::random();
    for state in states(run).into_iter().filter(|s| s.kind().is_terminal()) {
        for (name, event) in events(run) {
            for expires in [NOW, LATER] {
                let got = state.after(event.clone(), NOW, expires);
                assert_eq!(got, Err(TransitionRefused::From(state.kind())), "{name}");
            }
        }
    }
}

#[test]
fn time_alone_never_approves() {
    // B21: a timeout has no setting, and every way out of a request that ran out is `expired`.
    for state in [State::Pending, State::Approved { at: NOW }] {
        for (name, event) in events(RunId::random()) {
            match state.after(event, LATER, LATER) {
                Ok(next) => assert_eq!(next, State::Expired { at: LATER }, "{name}"),
                Err(why) => assert_eq!(why, TransitionRefused::Expired, "{name}"),
            }
        }
        assert_eq!(state.as_of(LATER, LATER).kind(), StateKind::Expired);
    }
}

#[test]
fn a_run_that_does_not_hold_the_approval_cannot_end_it() {
    let state = State::Running { run: RunId::random(), at: NOW };
    let other = RunId::random();
    for (name, event) in events(other) {
        if matches!(name, "finish" | "fail" | "doubt") {
            assert_eq!(state.after(event, NOW, LATER), Err(TransitionRefused::OtherRun), "{name}");
        }
    }
}

#[test]
fn states_read_back_as_they_were_written_and_nothing_else_reads_as_one() {
    for state in states(RunId::random()) {
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
    // B07: a misspelt word is an error, never a state.
    for text in [
        r#"{"state":"aproved","at":1}"#,
        r#"{"state":"approved"}"#,
        r#"{"state":"approved","at":1,"x":1}"#,
    ] {
        assert!(serde_json::from_str::<State>(text).is_err(), "{text}");
    }
    assert_eq!(StateKind::from_word("Approved"), None);
}

fn party(name: &str, client: &str) -> Party {
    Party {
        issuer: "https://id.example".to_owned(),
        subject: format!("sub-{name}"),
        tenant: "acme".to_owned(),
        person: Some(name.to_owned()),
        actors: Vec::new(),
        client: client.to_owned(),
        method: Method::Bearer,
        roles: std::collections::BTreeSet::new(),
        scopes: std::collections::BTreeSet::new(),
    }
}

fn asked(quorum: u32) -> Approval {
    Approval {
        id: ApprovalId::random(),
        effect: Digest::of_bytes(b"effect"),
        requester: party("alice", "agent"),
        tool: "request_refund".to_owned(),
        contract: Digest::of_bytes(b"contract"),
        resource: Value::Null,
        arguments: json!({}),
        exact: json!({}),
        client_key: None,
        preview: None,
        risk: "high".to_owned(),
        asked_by: "declaration".to_owned(),
        by: "refund.request.approve".to_owned(),
        quorum,
        allow_requester: false,
        task: false,
        created: Timestamp::from_millis(0),
        expires: LATER,
        votes: Vec::new(),
        state: State::Pending,
        answer: None,
    }
}

fn vote(voter: Party, verdict: Verdict) -> Vote {
    Vote { voter, verdict, reason: None, policy: None }
}

fn judge(approval: &Approval, voter: Party, verdict: Verdict) -> Result<Outcome, VoteRefused> {
    count(approval, &approval.effect, &vote(voter, verdict), NOW)
}

#[test]
fn a_quorum_of_two_takes_two_persons_not_two_accounts() {
    let mut approval = asked(2);
    let first = judge(&approval, party("bob", "inbox"), Verdict::Approve).unwrap();
    assert_eq!(first.next, None);
    approval.votes.push(first.vote);
    let bobs_other_account = Party { subject: "bob-admin".to_owned(), ..party("bob", "cli") };
    assert_eq!(
        judge(&approval, bobs_other_account, Verdict::Approve),
        Err(VoteRefused::AlreadyVoted)
    );
    let second = judge(&approval, party("carol", "inbox"), Verdict::Approve).unwrap();
    assert_eq!(second.next, Some(State::Approved { at: NOW }));
}

#[test]
fn one_denial_ends_it_whatever_the_quorum() {
    let mut approval = asked(3);
    approval.votes.push(judge(&approval, party("bob", "inbox"), Verdict::Approve).unwrap().vote);
    let denied = judge(&approval, party("carol", "inbox"), Verdict::Deny).unwrap();
    assert_eq!(denied.next.map(|s| s.kind()), Some(StateKind::Denied));
}

#[test]
fn a_quorum_of_nobody_still_takes_somebody() {
    let outcome = judge(&asked(0), party("bob", "inbox"), Verdict::Approve).unwrap();
    assert_eq!(outcome.next, Some(State::Approved { at: NOW }));
    assert_eq!(
        judge(&asked(0), party("alice", "inbox"), Verdict::Approve),
        Err(VoteRefused::Requester)
    );
}

#[test]
fn b30_the_requester_cannot_decide_under_any_of_their_names() {
    let mut approval = asked(1);
    approval.requester.actors = vec!["sub-agent".to_owned(), "dave".to_owned()];
    let same_person = Party { subject: "alice-admin".to_owned(), ..party("alice", "inbox") };
    let same_account = Party { person: Some("somebody".to_owned()), ..party("alice", "inbox") };
    for voter in [
        party("alice", "inbox"),
        same_person,
        same_account,
        party("agent", "inbox"),
        party("dave", "inbox"),
    ] {
        for verdict in [Verdict::Approve, Verdict::Deny] {
            assert_eq!(
                judge(&approval, voter.clone(), verdict),
                Err(VoteRefused::Requester),
                "{voter:?}"
            );
        }
    }
    approval.allow_requester = true;
    assert!(judge(&approval, party("alice", "inbox"), Verdict::Approve).is_ok());
    assert_eq!(
        judge(&approval, party("agent", "inbox"), Verdict::Approve),
        Err(VoteRefused::Requester)
    );
}

/// As tokens name them: `issuer|subject`, whatever claim holds the person.
#[test]
fn b30_who_acts_for_the_requester_by_a_token_cannot_decide() {
    let at = |issuer: &str, name: &str| Party {
        issuer: issuer.to_owned(),
        person: Some(format!("employee-{name}")),
        ..party(name, "inbox")
    };
    let requester = Party { client: "assistant".to_owned(), ..at("https://id", "alice") };
    let base = Approval { requester, ..asked(1) };
    let acting = |actor: &str, who: Party| {
        let mut approval = base.clone();
        approval.requester.actors = vec![actor.to_owned()];
        judge(&approval, who, Verdict::Approve).map(|_| ())
    };
    let bob = at("https://id", "bob");
    let actor = format!("https://id|{}", bob.subject);
    assert_eq!(acting(&actor, bob.clone()), Err(VoteRefused::Requester));
    let allowed = Approval { allow_requester: true, ..base.clone() };
    let allowed = Approval {
        requester: Party { actors: vec![actor.clone()], ..allowed.requester.clone() },
        ..allowed
    };
    assert_eq!(judge(&allowed, bob, Verdict::Approve), Err(VoteRefused::Requester));
    assert_eq!(acting(&actor, at("https://id", "carol")), Ok(()));
    // Elsewhere nobody can tell who that is, but for the program that asked.
    assert_eq!(acting(&actor, at("https://other", "robert")), Err(VoteRefused::UnknownRequester));
    assert_eq!(acting("https://id|assistant", at("https://other", "robert")), Ok(()));
    // A subject may have the mark in it that divides the two.
    let odd = Party { subject: "auth0|7".to_owned(), ..at("https://id", "dora") };
    assert_eq!(acting("https://id|auth0|7", odd), Err(VoteRefused::Requester));
}

#[test]
fn b30_a_requester_without_the_claim_of_the_person_is_not_taken_for_somebody_else() {
    let at = |issuer: &str, person: Option<&str>| Party {
        issuer: issuer.to_owned(),
        person: person.map(str::to_owned),
        ..party("alice", "inbox")
    };
    let mut approval = asked(1);
    approval.requester = Party { client: "assistant".to_owned(), ..at("https://a", None) };
    let voter = Party { subject: "alice-at-b".to_owned(), ..at("https://b", Some("e7")) };
    assert_eq!(
        judge(&approval, voter.clone(), Verdict::Approve),
        Err(VoteRefused::UnknownRequester)
    );
    // A program asks for itself, and is nobody.
    let client = approval.requester.subject.clone();
    approval.requester.client.clone_from(&client);
    for (subject, judged) in [
        (client.clone(), true),
        (format!("{client}@clients"), true),
        (format!("{client}@client"), false),
        (format!("{client}@clients@clients"), false),
        ("@clients".to_owned(), false),
    ] {
        approval.requester.subject.clone_from(&subject);
        let judged = if judged { Ok(()) } else { Err(VoteRefused::UnknownRequester) };
        let said = judge(&approval, voter.clone(), Verdict::Approve).map(drop);
        assert_eq!(said, judged, "{subject}");
    }
}

#[test]
fn b30_a_person_is_the_same_one_in_capitals_and_an_account_whoever_it_is_said_to_be() {
    let named = |person: &str, subject: &str| Party {
        person: Some(person.to_owned()),
        subject: subject.to_owned(),
        ..party("x", "inbox")
    };
    let mut approval = asked(2);
    approval.requester = Party { client: "agent".to_owned(), ..named("alice@acme.example", "a1") };
    let shouting = named("Alice@Acme.Example", "a2");
    assert_eq!(judge(&approval, shouting, Verdict::Approve), Err(VoteRefused::Requester));
    let vote = judge(&approval, named("bob@acme.example", "b1"), Verdict::Approve).unwrap().vote;
    approval.votes.push(vote);
    for again in [named("BOB@acme.example", "b2"), named("robert@acme.example", "b1")] {
        assert_eq!(judge(&approval, again, Verdict::Approve), Err(VoteRefused::AlreadyVoted));
    }
}

#[test]
fn b37_the_client_that_asked_cannot_answer() {
    let mut approval = asked(1);
    approval.allow_requester = true;
    for name in ["alice", "bob"] {
        assert_eq!(
            judge(&approval, party(name, "agent"), Verdict::Approve),
            Err(VoteRefused::SameClient)
        );
    }
    let delegated = Party { actors: vec!["agent".to_owned()], ..party("bob", "inbox") };
    assert_eq!(judge(&approval, delegated, Verdict::Approve), Err(VoteRefused::Delegated));
}

#[test]
fn only_a_person_of_the_same_tenant_decides() {
    let approval = asked(1);
    for person in [None, Some(String::new()), Some(" ".to_owned())] {
        let bot = Party { person, ..party("bot", "inbox") };
        assert_eq!(judge(&approval, bot, Verdict::Approve), Err(VoteRefused::NoPerson));
    }
    // Another tenant learns nothing, not even that its digest is stale.
    let stranger = Party { tenant: "globex".to_owned(), ..party("mallory", "inbox") };
    let wrong = Digest::of_bytes(b"wrong");
    assert_eq!(
        count(&approval, &wrong, &vote(stranger, Verdict::Deny), NOW),
        Err(VoteRefused::NotFound)
    );
}

#[test]
fn b02_a_decision_fits_only_the_request_that_was_shown() {
    let shown = Digest::of_bytes(b"what was shown before");
    let got = count(&asked(1), &shown, &vote(party("bob", "inbox"), Verdict::Approve), NOW);
    assert_eq!(got, Err(VoteRefused::StaleDigest));
}

#[test]
fn a_vote_comes_too_late_for_what_is_decided_or_has_run_out() {
    for state in states(RunId::random()).into_iter().skip(1) {
        let kind = state.kind();
        let want = if kind == StateKind::Expired {
            VoteRefused::Expired
        } else {
            VoteRefused::NotPending(kind)
        };
        let approval = Approval { state, ..asked(1) };
        assert_eq!(judge(&approval, party("bob", "inbox"), Verdict::Approve), Err(want));
    }
    let approval = asked(1);
    let got =
        count(&approval, &approval.effect, &vote(party("bob", "inbox"), Verdict::Approve), LATER);
    assert_eq!(got, Err(VoteRefused::Expired));
}

#[test]
fn every_part_of_an_effect_changes_its_digest() {
    let (contract, resource) = (Digest::of_bytes(b"c"), json!({"type": "Order", "id": "o-1"}));
    let arguments = json!({"order_id": "o-1", "amount_cents": 10.0});
    let base = Effect {
        issuer: "i",
        tenant: "t",
        subject: "s",
        tool: "refund",
        contract: &contract,
        resource: &resource,
        arguments: &arguments,
    };
    let (other_contract, other) =
        (Digest::of_bytes(b"d"), json!({"order_id": "o-1", "amount_cents": 11}));
    let variants = [
        Effect { issuer: "t", tenant: "i", ..base },
        Effect { tenant: "ts", subject: "", ..base },
        Effect { subject: "x", ..base },
        Effect { tool: "refund_all", ..base },
        Effect { contract: &other_contract, ..base },
        Effect { resource: &Value::Null, ..base },
        Effect { arguments: &other, ..base },
        Effect { arguments: &resource, resource: &arguments, ..base },
    ];
    let mut digests: Vec<Digest> = variants.iter().map(|v| v.digest().unwrap()).collect();
    digests.push(base.digest().unwrap());
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), variants.len() + 1);
    let same = json!({"amount_cents": 10, "order_id": "o-1"});
    assert_eq!(Effect { arguments: &same, ..base }.digest(), base.digest());
}

#[test]
fn a_masked_argument_shows_neither_value_nor_length() {
    let shown = masked(&json!({"iban": "DE89 3704", "note": "n"}), &["iban", "absent"]);
    assert_eq!(shown, json!({"iban": "[masked]", "note": "n"}));
}

#[test]
fn ids_read_back_and_other_text_is_no_id() {
    let id = ApprovalId::random();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_ne!(id, ApprovalId::random());
    let run = RunId::random().to_string();
    for text in ["", "apr_", "apr_00", run.as_str(), &id.to_string()[4..], &format!("{id}0")] {
        assert!(text.parse::<ApprovalId>().is_err(), "{text}");
    }
}
