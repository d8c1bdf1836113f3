//! Looking at requests for approval, and deciding on them as somebody other than who asked.

use serde_json::{Value, json};

use super::args::{Approvals, Decide, Void};
use super::desk::Desk;
use super::output::Output;
use super::{Context, Failure, span};
use crate::approval::{Approval, ApprovalId, State, StateKind, Verdict};
use crate::canon::Digest;
use crate::clock::Clock;
use crate::pipeline::DecideRefused;
use crate::store::ApprovalFilter;

pub(super) async fn run(context: &Context, command: Approvals) -> Result<(), Failure> {
    match command {
        Approvals::List { person, state, limit } => {
            list(context, &person, state.as_deref(), limit).await
        }
        Approvals::Show { id, person } => show(context, &id, &person).await,
        Approvals::Approve(args) => decide(context, args, Verdict::Approve).await,
        Approvals::Deny(args) => decide(context, args, Verdict::Deny).await,
        Approvals::Void(args) => void(context, args).await,
    }
}

impl Desk {
    async fn find(&self, id: &ApprovalId) -> Result<Approval, Failure> {
        self.opened.approval(&self.who, id).await.map_err(Failure::because)
    }
}

fn parse_id(text: &str) -> Result<ApprovalId, Failure> {
    text.parse().map_err(|error: crate::approval::NotAnId| Failure::Usage(error.to_string()))
}

async fn list(
    context: &Context,
    person: &str,
    state: Option<&str>,
    limit: u32,
) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let state = state.map(parse_state).transpose()?;
    let desk = Desk::open(context, person).await?;
    let filter = ApprovalFilter { state, ..Default::default() };
    let found = desk.opened.approvals(&desk.who, filter, limit).await.map_err(Failure::because);
    desk.opened.close().await;
    let found = found?;
    if json {
        return Output::json(&Value::Array(found.iter().map(view).collect()));
    }
    let row = |approval: &Approval| {
        [
            approval.id.to_string(),
            approval.state.kind().to_string(),
            approval.tool.clone(),
            approval.requester.subject.clone(),
            resource(approval),
            format!("{}/{}", approval.approvals(), approval.quorum.max(1)),
            approval.expires.to_rfc3339(),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.table(["id", "state", "tool", "asked by", "on", "approved", "expires"], &rows)
}

fn parse_state(word: &str) -> Result<StateKind, Failure> {
    StateKind::from_word(word).ok_or_else(|| {
        let known = StateKind::ALL.map(StateKind::as_str).join("`, `");
        Failure::Usage(format!("a request stands as one of `{known}`"))
    })
}

async fn show(context: &Context, id: &str, person: &str) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(id)?;
    let desk = Desk::open(context, person).await?;
    let found = desk.find(&id).await;
    desk.opened.close().await;
    let approval = found?;
    if json { Output::json(&view(&approval)) } else { Output::raw(&described(&approval)) }
}

async fn decide(context: &Context, args: Decide, verdict: Verdict) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(&args.id)?;
    let named = args.digest.as_deref().map(parse_digest).transpose()?;
    let desk = Desk::open(context, &args.person).await?;
    let decided = decide_at(&desk, &id, named, verdict, args.reason).await;
    desk.opened.close().await;
    let approval = decided?;
    if json {
        return Output::json(&view(&approval));
    }
    let word = match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    };
    let (have, need) = (approval.approvals(), approval.quorum.max(1));
    Output::note(&format!(
        "{word} by {}; the request is `{}` ({have} of {need} approvals)",
        super::escape::escaped(&args.person),
        approval.state.kind()
    ));
    Ok(())
}

async fn decide_at(
    desk: &Desk,
    id: &ApprovalId,
    named: Option<Digest>,
    verdict: Verdict,
    reason: Option<String>,
) -> Result<Approval, Failure> {
    // A person who is shown nothing tries all the same, so that the attempt is refused on record.
    let digest = match desk.find(id).await {
        Ok(shown) => {
            Output::note(described(&shown).trim_end());
            named.unwrap_or(shown.effect)
        }
        Err(_) => named.unwrap_or_else(|| Digest::of_bytes(&[])),
    };
    desk.opened
        .decide(desk.who.clone(), id, digest, verdict, reason)
        .await
        .map_err(Failure::because)
}

async fn void(context: &Context, args: Void) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let now = Clock::system().now();
    let before = args.before.map(|text| span::since(&text, now)).transpose();
    let before = before.map_err(Failure::Usage)?;
    let desk = Desk::open(context, &args.person).await?;
    let made = desk.opened.void(&desk.who, before, &args.reason).await.map_err(Failure::because);
    desk.opened.close().await;
    let made = made?;
    if json {
        let left = made.left.iter().map(|(id, why)| json!({"id": id, "why": why.to_string()}));
        Output::json(&json!({
            "voided": made.gone.iter().map(view).collect::<Vec<_>>(), "left": left.collect::<Vec<_>>(),
        }))?;
    } else {
        let row = |approval: &Approval| {
            [approval.id.to_string(), approval.state.kind().to_string(), approval.tool.clone()]
        };
        let rows: Vec<_> = made.gone.iter().map(row).collect();
        context.output.table(["id", "state", "tool"], &rows)?;
    }
    if made.left.is_empty() {
        return Ok(());
    }
    let stands = |(id, why): &(ApprovalId, DecideRefused)| format!("{id} still stands: {why}");
    Err(Failure::all(&made.left.iter().map(stands).collect::<Vec<_>>()))
}

fn parse_digest(text: &str) -> Result<Digest, Failure> {
    Digest::from_hex(text).ok_or_else(|| {
        Failure::Usage(
            "a digest is 64 hexadecimal digits, as `approvals show` prints it".to_owned(),
        )
    })
}

fn resource(approval: &Approval) -> String {
    match &approval.resource {
        Value::Null => String::new(),
        Value::Object(map) => {
            let part = |name: &str| map.get(name).map(plain).unwrap_or_default();
            format!("{} {}", part("type"), part("id")).trim().to_owned()
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// A request for a program. Times are RFC 3339.
fn view(approval: &Approval) -> Value {
    let votes: Vec<Value> = approval
        .votes
        .iter()
        .map(|vote| {
            json!({
                "person": vote.person, "verdict": vote.verdict, "reason": vote.reason,
                "client": vote.client, "identity": vote.method, "at": vote.at.to_rfc3339(),
            })
        })
        .collect();
    json!({
        "id": approval.id, "state": approval.state.kind(), "digest": approval.effect,
        "tool": approval.tool, "risk": approval.risk, "contract": approval.contract,
        "requester": approval.requester, "resource": approval.resource, "arguments": approval.arguments,
        "preview": approval.preview, "by": approval.by, "asked_by": approval.asked_by,
        "quorum": approval.quorum.max(1), "approvals": approval.approvals(), "votes": votes,
        "created_at": approval.created.to_rfc3339(), "expires_at": approval.expires.to_rfc3339(),
        "detail": detail(&approval.state),
    })
}

/// What the state adds to its name.
fn detail(state: &State) -> Option<String> {
    match state {
        State::Denied { person, reason: Some(reason), .. } => {
            Some(format!("by {person}: {reason}"))
        }
        State::Denied { person, .. } => Some(format!("by {person}")),
        State::Failed { error, .. } => Some(error.clone()),
        State::InDoubt { why, .. } | State::Void { why, .. } => Some(why.clone()),
        _ => None,
    }
}

/// A preview as lines: each field of its structured content, each text, and whatever else it holds.
fn previewed(preview: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    match preview.get("structured") {
        Some(Value::Object(fields)) => {
            lines.extend(fields.iter().map(|(name, value)| format!("{name} = {value}")));
        }
        None | Some(Value::Null) => {}
        Some(other) => lines.push(plain(other)),
    }
    for block in preview.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        match block.get("text").and_then(Value::as_str) {
            // A text of several lines stays readable, and each of them is marked as the preview's.
            Some(text) => lines.extend(text.lines().map(ToOwned::to_owned)),
            None => lines.push(block.to_string()),
        }
    }
    lines
}

/// A request for a person. Every value is escaped: arguments and names are of outside origin.
fn described(approval: &Approval) -> String {
    let asked = &approval.requester;
    let mut pairs = vec![
        ("request", approval.id.to_string()),
        ("state", approval.state.kind().to_string()),
        ("tool", format!("{} (risk {})", approval.tool, approval.risk)),
        ("asked by", format!("{} of {} through {}", asked.subject, asked.tenant, asked.client)),
        ("on", resource(approval)),
    ];
    if let Some(detail) = detail(&approval.state) {
        pairs.push(("detail", detail));
    }
    if let Some(arguments) = approval.arguments.as_object() {
        pairs.extend(
            arguments.iter().map(|(name, value)| ("argument", format!("{name} = {value}"))),
        );
    }
    pairs.extend(approval.preview.iter().flat_map(previewed).map(|line| ("preview", line)));
    // Whoever asks chooses the sensitive values, so people have to know how much they do not see.
    if let Some(places) = approval.preview.as_ref().and_then(|shown| shown.get("masked")?.as_u64())
        && places > 0
    {
        pairs.push(("masked", format!("{places} places of the preview")));
    }
    for vote in &approval.votes {
        let verdict = if vote.verdict == Verdict::Approve { "approved" } else { "denied" };
        pairs.push(("vote", format!("{verdict} by {} at {}", vote.person, vote.at.to_rfc3339())));
    }
    pairs.push(("decided by", format!("{} people with {}", approval.quorum.max(1), approval.by)));
    pairs.push(("expires", approval.expires.to_rfc3339()));
    pairs.push(("digest", approval.effect.to_hex()));
    Output::pairs(&pairs)
}
