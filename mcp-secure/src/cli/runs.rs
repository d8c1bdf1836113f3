//! Looking at what has run, taking it back, and saying what became of what is in doubt.

use serde_json::{Value, json};

use super::args::{Resolve, Runs};
use super::desk::Desk;
use super::escape::escaped;
use super::output::Output;
use super::{Context, Failure};
use crate::audit::Executed;
use crate::pipeline::Answer;
use crate::store::{Resolution, RunId, RunRecord, RunState};

pub(super) async fn run(context: &Context, command: Runs) -> Result<(), Failure> {
    match command {
        Runs::List { person, state, tool, limit } => {
            list(context, &person, state.as_deref(), tool, limit).await
        }
        Runs::Show { id, person } => show(context, &id, &person).await,
        Runs::Rollback { id, person, reason } => rollback(context, &id, &person, reason).await,
        Runs::Resolve(args) => resolve(context, args).await,
    }
}

async fn list(
    context: &Context,
    person: &str,
    state: Option<&str>,
    tool: Option<String>,
    limit: u32,
) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let state = state.map(str::parse::<RunState>).transpose();
    let state = state.map_err(|error| Failure::Usage(error.to_string()))?;
    let desk = Desk::open(context, person).await?;
    let found = desk.opened.runs(&desk.who, state, tool, limit).await.map_err(Failure::because);
    desk.opened.close().await;
    let found = found?;
    if json {
        return Output::json(&Value::Array(found.iter().map(view).collect()));
    }
    let row = |run: &RunRecord| {
        [
            run.run_id.to_string(),
            run.state.to_string(),
            run.tool.clone(),
            run.caller.subject.clone(),
            run.started.to_rfc3339(),
            way_back(run),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.table(["id", "state", "tool", "called by", "started", "rollback"], &rows)
}

async fn show(context: &Context, id: &str, person: &str) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(id)?;
    let desk = Desk::open(context, person).await?;
    let found = desk.opened.run(&desk.who, &id).await.map_err(Failure::because);
    desk.opened.close().await;
    let run = found?.ok_or_else(not_there)?;
    if json { Output::json(&view(&run)) } else { Output::raw(&described(&run)) }
}

async fn rollback(
    context: &Context,
    id: &str,
    person: &str,
    reason: Option<String>,
) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(id)?;
    let desk = Desk::open(context, person).await?;
    let answer = desk.opened.rollback(&desk.who, &id, reason).await;
    desk.opened.close().await;
    match answer {
        Answer::Done { request_id, output }
        | Answer::Replayed { request_id, output }
        | Answer::Previewed { request_id, output } => {
            if json {
                return Output::json(&json!({
                    "run": id, "rolled_back": true, "request_id": &*request_id, "output": output,
                }));
            }
            Output::note(&format!("rolled back by {} (request {request_id})", escaped(person)));
            Ok(())
        }
        Answer::Refused { request_id, refusal } => {
            let outcome = match refusal.executed {
                Executed::No => "not rolled back",
                Executed::Yes => "rolled back, but with an error",
                Executed::Unknown => "the rollback began, and nobody knows how far it came",
            };
            let remedy = refusal.remedy.as_deref().map(|r| format!("; {r}")).unwrap_or_default();
            Err(Failure::because(format!(
                "{outcome} ({}): {}{remedy} (request {request_id})",
                refusal.code.as_str(),
                refusal.reason
            )))
        }
        Answer::Unknown => Err(not_there()),
    }
}

async fn resolve(context: &Context, args: Resolve) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(&args.id)?;
    let found = if args.done { Resolution::Done } else { Resolution::NotDone };
    let desk = Desk::open(context, &args.person).await?;
    let resolved = desk.opened.resolve(&desk.who, &id, found, &args.reason).await;
    desk.opened.close().await;
    let run = resolved.map_err(Failure::because)?;
    if json {
        return Output::json(&view(&run));
    }
    Output::note(&format!("resolved by {}; the run is `{}`", escaped(&args.person), run.state));
    Ok(())
}

fn parse_id(text: &str) -> Result<RunId, Failure> {
    text.parse().map_err(|error: crate::approval::NotAnId| Failure::Usage(error.to_string()))
}

fn not_there() -> Failure {
    Failure::because("there is no such run, or you may not see it")
}

/// Whether and until when a run can be taken back.
fn way_back(run: &RunRecord) -> String {
    match (&run.rollback, &run.compensates) {
        (_, Some(other)) => format!("takes back {other}"),
        (Some(state), None) => match &state.taken_by {
            Some(by) => format!("taken by {by}"),
            None => format!("until {}", state.until.to_rfc3339()),
        },
        (None, None) => String::new(),
    }
}

/// A run for a program. Times are RFC 3339. What is kept for a rollback holds the very arguments, so it is not shown.
fn view(run: &RunRecord) -> Value {
    let rollback = run
        .rollback
        .as_ref()
        .map(|state| json!({"until": state.until.to_rfc3339(), "taken_by": state.taken_by}));
    json!({
        "id": run.run_id, "state": run.state, "tool": run.tool, "caller": run.caller,
        "request_id": run.request_id, "mutating": run.mutating, "approval": run.approval,
        "started_at": run.started.to_rfc3339(),
        "finished_at": run.finished.map(crate::clock::Timestamp::to_rfc3339),
        "lease_until": run.lease_until.to_rfc3339(), "late": run.late, "error": run.error,
        "rollback": rollback, "compensates": run.compensates,
    })
}

/// A run for a person. Every value is escaped: names are of outside origin.
fn described(run: &RunRecord) -> String {
    let caller = &run.caller;
    let mut pairs = vec![
        ("run", run.run_id.to_string()),
        ("state", run.state.to_string()),
        ("tool", run.tool.clone()),
        ("called by", format!("{} of {} through {}", caller.subject, caller.tenant, caller.client)),
        ("request", run.request_id.clone()),
        ("started", run.started.to_rfc3339()),
    ];
    pairs.extend(run.finished.map(|at| ("finished", at.to_rfc3339())));
    pairs.extend(run.approval.as_ref().map(|id| ("approval", id.to_string())));
    pairs.extend(run.error.clone().map(|error| ("error", error)));
    if run.late {
        pairs.push(("late", "it told how it ended after it had been put in doubt".to_owned()));
    }
    match way_back(run) {
        way if way.is_empty() => {}
        way => pairs.push(("rollback", way)),
    }
    Output::pairs(&pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::Party;
    use crate::canon::Digest;
    use crate::clock::Timestamp;
    use crate::identity::Method;
    use crate::store::RollbackState;

    fn hostile() -> RunRecord {
        let text = "\u{1b}[2J\u{202e}evil\nrun  forged";
        RunRecord {
            run_id: RunId::random(),
            request_id: "req_1".to_owned(),
            tool: "pay".to_owned(),
            effect: Digest::of_bytes(&[]),
            caller: Party {
                issuer: "local".to_owned(),
                subject: text.to_owned(),
                tenant: "acme".to_owned(),
                person: None,
                actors: vec![],
                client: text.to_owned(),
                method: Method::Asserted,
                roles: std::collections::BTreeSet::new(),
                scopes: std::collections::BTreeSet::new(),
            },
            mutating: true,
            approval: None,
            state: RunState::Done,
            started: Timestamp::from_millis(0),
            finished: None,
            lease_until: Timestamp::from_millis(0),
            rollback: Some(RollbackState {
                output: json!({"arguments": {"pin": "hunter2"}}),
                until: Timestamp::from_millis(1),
                taken_by: None,
            }),
            compensates: None,
            late: true,
            error: Some(text.to_owned()),
        }
    }

    #[test]
    fn hostile_text_of_a_run_does_not_act_and_adds_no_line() {
        let shown = described(&hostile());
        assert!(!shown.chars().any(|c| c != '\n' && crate::cli::escape::is_unsafe(c)), "{shown}");
        assert_eq!(shown.lines().filter(|line| line.starts_with("run ")).count(), 1, "{shown}");
    }

    #[test]
    fn what_is_kept_for_a_rollback_is_not_shown() {
        let run = hostile();
        for shown in [described(&run), view(&run).to_string()] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
