//! Looking at requests for approval, and deciding on them as somebody other than who asked.

use serde_json::{Value, json};

use super::args::{Approvals, Decide, Void};
use super::desk::{Desk, Who};
use super::output::Output;
use super::{Context, Failure, span};
use crate::api::{LeftView, RequestView};
use crate::approval::{ApprovalId, StateKind, Verdict};
use crate::canon::Digest;
use crate::clock::Clock;
use crate::store::ApprovalFilter;

pub(super) async fn run(context: &Context, command: Approvals) -> Result<(), Failure> {
    match command {
        Approvals::List { who, state, tool, text, limit } => {
            let state = state.as_deref().map(parse_state).transpose()?;
            let filter = ApprovalFilter { state, tool, text, ..Default::default() };
            list(context, &who, filter, limit).await
        }
        Approvals::Show { id, who } => show(context, &id, &who).await,
        Approvals::Approve(args) => decide(context, args, Verdict::Approve).await,
        Approvals::Deny(args) => decide(context, args, Verdict::Deny).await,
        Approvals::Withdraw { id, who } => withdraw(context, &id, &who).await,
        Approvals::Void(args) => void(context, args).await,
    }
}

fn parse_id(text: &str) -> Result<ApprovalId, Failure> {
    text.parse().map_err(|error: crate::approval::NotAnId| Failure::Usage(error.to_string()))
}

fn parse_state(word: &str) -> Result<StateKind, Failure> {
    StateKind::from_word(word).ok_or_else(|| {
        let known = StateKind::ALL.map(StateKind::as_str).join("`, `");
        Failure::Usage(format!("a request stands as one of `{known}`"))
    })
}

async fn list(
    context: &Context,
    who: &Who,
    filter: ApprovalFilter,
    limit: u32,
) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let desk = Desk::open(context, who).await?;
    let found = desk.requests(filter, limit).await;
    desk.close().await;
    let found = found?;
    if json {
        return Output::json(&json!(found));
    }
    let row = |request: &RequestView| {
        [
            request.id.to_string(),
            request.state.to_string(),
            request.tool.clone(),
            request.requester.subject.clone(),
            resource(request),
            format!("{}/{}", request.approvals, request.quorum),
            request.expires_at.clone(),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.table(["id", "state", "tool", "asked by", "on", "approved", "expires"], &rows)
}

async fn show(context: &Context, id: &str, who: &Who) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(id)?;
    let desk = Desk::open(context, who).await?;
    let found = desk.request(&id).await;
    desk.close().await;
    let request = found?;
    if json { Output::json(&json!(request)) } else { Output::raw(&described(&request)) }
}

async fn decide(context: &Context, args: Decide, verdict: Verdict) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(&args.id)?;
    let named = args.digest.as_deref().map(parse_digest).transpose()?;
    let desk = Desk::open(context, &args.who).await?;
    let by = desk.by();
    let decided = decide_at(&desk, &id, named, verdict, args.reason).await;
    desk.close().await;
    let request = decided?;
    if json {
        return Output::json(&json!(request));
    }
    let word = match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    };
    let (have, need) = (request.approvals, request.quorum);
    Output::note(&format!(
        "{word}{by}; the request is `{}` ({have} of {need} approvals)",
        request.state
    ));
    Ok(())
}

async fn decide_at(
    desk: &Desk,
    id: &ApprovalId,
    named: Option<Digest>,
    verdict: Verdict,
    reason: Option<String>,
) -> Result<RequestView, Failure> {
    // A person who is shown nothing tries all the same, so that the attempt is refused on record.
    let digest = match desk.request(id).await {
        Ok(shown) => {
            Output::note(described(&shown).trim_end());
            named.unwrap_or(shown.digest)
        }
        Err(_) => named.unwrap_or_else(|| Digest::of_bytes(&[])),
    };
    desk.decide(id, digest, verdict, reason).await
}

async fn withdraw(context: &Context, id: &str, who: &Who) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(id)?;
    let desk = Desk::open(context, who).await?;
    let by = desk.by();
    let taken = desk.withdraw(&id).await;
    desk.close().await;
    let request = taken?;
    if json {
        return Output::json(&json!(request));
    }
    Output::note(&format!("taken back{by}; the request is `{}`", request.state));
    Ok(())
}

async fn void(context: &Context, args: Void) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let now = Clock::system().now();
    let before = args.before.map(|text| span::since(&text, now)).transpose();
    let before = before.map_err(Failure::Usage)?;
    let desk = Desk::open(context, &args.who).await?;
    let made = desk.void(before, &args.reason).await;
    desk.close().await;
    let made = made?;
    if json {
        Output::json(&json!(made))?;
    } else {
        let row = |request: &RequestView| {
            [request.id.to_string(), request.state.to_string(), request.tool.clone()]
        };
        let rows: Vec<_> = made.voided.iter().map(row).collect();
        context.output.table(["id", "state", "tool"], &rows)?;
    }
    if made.left.is_empty() {
        return Ok(());
    }
    let stands = |LeftView { id, why }: &LeftView| format!("{id} still stands: {why}");
    Err(Failure::all(&made.left.iter().map(stands).collect::<Vec<_>>()))
}

fn parse_digest(text: &str) -> Result<Digest, Failure> {
    Digest::from_hex(text).ok_or_else(|| {
        Failure::Usage(
            "a digest is 64 hexadecimal digits, as `approvals show` prints it".to_owned(),
        )
    })
}

fn resource(request: &RequestView) -> String {
    match &request.resource {
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
fn described(request: &RequestView) -> String {
    let asked = &request.requester;
    let mut pairs = vec![
        ("request", request.id.to_string()),
        ("state", request.state.to_string()),
        ("tool", format!("{} (risk {})", request.tool, request.risk)),
        ("asked by", format!("{} of {} through {}", asked.subject, asked.tenant, asked.client)),
        ("on", resource(request)),
    ];
    if let Some(detail) = &request.detail {
        pairs.push(("detail", detail.clone()));
    }
    if let Some(arguments) = request.arguments.as_object() {
        pairs.extend(
            arguments.iter().map(|(name, value)| ("argument", format!("{name} = {value}"))),
        );
    }
    pairs.extend(request.preview.iter().flat_map(previewed).map(|line| ("preview", line)));
    // Whoever asks chooses the sensitive values, so people have to know how much they do not see.
    if let Some(places) = request.preview.as_ref().and_then(|shown| shown.get("masked")?.as_u64())
        && places > 0
    {
        pairs.push(("masked", format!("{places} places of the preview")));
    }
    for vote in &request.votes {
        let approves = vote.verdict == Verdict::Approve;
        let verdict = if approves { "approved" } else { "denied" };
        // Why somebody denied it is in the detail of what it came to.
        let reason = vote.reason.as_deref().filter(|reason| approves && !reason.is_empty());
        let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        pairs.push(("vote", format!("{verdict} by {} at {}{why}", vote.person, vote.at)));
    }
    let people = if request.quorum == 1 { "person" } else { "people" };
    pairs.push(("decided by", format!("{} {people} with {}", request.quorum, request.by)));
    pairs.push(("expires", request.expires_at.clone()));
    pairs.push(("digest", request.digest.to_hex()));
    Output::pairs(&pairs)
}
