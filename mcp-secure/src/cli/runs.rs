//! Looking at what has run, taking it back, and saying what became of what is in doubt.

use serde_json::json;

use super::args::{Resolve, Runs};
use super::desk::{Desk, Who};
use super::escape::escaped;
use super::output::Output;
use super::{Context, Failure};
use crate::api::{RunView, RunsView};
use crate::store::{Resolution, RunFilter, RunId, RunState};

pub(super) async fn run(context: &Context, command: Runs) -> Result<(), Failure> {
    match command {
        Runs::List { who, state, tool, limit } => {
            list(context, &who, state.as_deref(), tool, limit).await
        }
        Runs::Show { id, who } => show(context, &id, &who).await,
        Runs::Rollback { id, who, reason } => rollback(context, &id, &who, reason).await,
        Runs::Resolve(args) => resolve(context, args).await,
    }
}

async fn list(
    context: &Context,
    who: &Who,
    state: Option<&str>,
    tool: Option<String>,
    limit: u32,
) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let state = state.map(str::parse::<RunState>).transpose();
    let state = state.map_err(|error| Failure::Usage(error.to_string()))?;
    let desk = Desk::open(context, who).await?;
    let found = desk.runs(RunFilter { state, tool, ..RunFilter::default() }, limit).await;
    desk.close().await;
    let RunsView { runs: found, unreadable, .. } = found?;
    for run in unreadable {
        let (tool, at) = (escaped(&run.tool), &run.started_at);
        Output::note(&format!(
            "run {} of {tool}, begun {at}, can not be read in the store",
            run.id
        ));
    }
    if json {
        return Output::json(&json!(found));
    }
    let row = |run: &RunView| {
        [
            run.id.to_string(),
            run.state.to_string(),
            run.tool.clone(),
            run.caller.subject.clone(),
            run.started_at.clone(),
            way_back(run),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.table(["id", "state", "tool", "called by", "started", "rollback"], &rows)
}

async fn show(context: &Context, id: &str, who: &Who) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(id)?;
    let desk = Desk::open(context, who).await?;
    let found = desk.run(&id).await;
    desk.close().await;
    let run = found?;
    if json { Output::json(&json!(run)) } else { Output::raw(&described(&run)) }
}

async fn rollback(
    context: &Context,
    id: &str,
    who: &Who,
    reason: Option<String>,
) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(id)?;
    let desk = Desk::open(context, who).await?;
    let by = desk.by();
    let made = desk.rollback(&id, reason).await;
    desk.close().await;
    let made = made?;
    if json {
        return Output::json(&json!(made));
    }
    Output::note(&format!("rolled back{by} (request {})", escaped(&made.request_id)));
    Ok(())
}

async fn resolve(context: &Context, args: Resolve) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let id = parse_id(&args.id)?;
    let found = if args.done { Resolution::Done } else { Resolution::NotDone };
    let desk = Desk::open(context, &args.who).await?;
    let by = desk.by();
    let resolved = desk.resolve(&id, found, &args.reason).await;
    desk.close().await;
    let run = resolved?;
    if json {
        return Output::json(&json!(run));
    }
    Output::note(&format!("resolved{by}; the run is `{}`", run.state));
    Ok(())
}

fn parse_id(text: &str) -> Result<RunId, Failure> {
    text.parse().map_err(|error: crate::approval::NotAnId| Failure::Usage(error.to_string()))
}

/// Whether and until when a run can be taken back.
fn way_back(run: &RunView) -> String {
    match (&run.rollback, &run.compensates) {
        (_, Some(other)) => format!("takes back {other}"),
        (Some(state), None) => match &state.taken_by {
            Some(by) => format!("taken by {by}"),
            None => format!("until {}", state.until),
        },
        (None, None) => String::new(),
    }
}

/// A run for a person. Every value is escaped: names are of outside origin.
fn described(run: &RunView) -> String {
    let caller = &run.caller;
    let mut pairs = vec![
        ("run", run.id.to_string()),
        ("state", run.state.to_string()),
        ("tool", run.tool.clone()),
        ("called by", format!("{} of {} through {}", caller.subject, caller.tenant, caller.client)),
        ("request", run.request_id.clone()),
        ("started", run.started_at.clone()),
    ];
    pairs.extend(run.finished_at.clone().map(|at| ("finished", at)));
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
    use crate::store::{RollbackState, RunRecord};

    fn hostile() -> RunView {
        let text = "\u{1b}[2J\u{202e}evil\nrun  forged";
        RunView::from(&RunRecord {
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
        })
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
        for shown in [described(&run), json!(run).to_string()] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
