//! Switching off, and on again.

use serde_json::{Value, json};

use super::args::{Switch as Args, SwitchCommand};
use super::desk::Desk;
use super::escape::escaped;
use super::output::Output;
use super::{Context, Failure};
use crate::store::Switch;

pub(super) async fn run(context: &Context, command: SwitchCommand) -> Result<(), Failure> {
    match command {
        SwitchCommand::List { person } => list(context, &person).await,
        SwitchCommand::Off(args) => switch(context, args, true).await,
        SwitchCommand::On(args) => switch(context, args, false).await,
    }
}

async fn list(context: &Context, person: &str) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let desk = Desk::open(context, person).await?;
    let found = desk.opened.switched_off(&desk.who).await.map_err(Failure::because);
    desk.opened.close().await;
    let found = found?;
    if json {
        return Output::json(&Value::Array(found.iter().map(view).collect()));
    }
    let row = |switch: &Switch| {
        let reason = switch.reason.clone().unwrap_or_default();
        [switch.scope.to_string(), switch.since.to_rfc3339(), switch.by.clone(), reason]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.table(["off", "since", "by", "reason"], &rows)
}

async fn switch(context: &Context, args: Args, off: bool) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let Args { scope, person, reason } = args;
    let desk = Desk::open(context, &person).await?;
    let done = desk.opened.switch(&desk.who, scope.clone(), off, reason.as_deref()).await;
    desk.opened.close().await;
    let changed = done.map_err(Failure::because)?;
    if json {
        return Output::json(&json!({"scope": scope.to_string(), "off": off, "changed": changed}));
    }
    let scope = escaped(&scope.to_string());
    Output::note(&match (off, changed) {
        (true, true) => format!("`{scope}` is off, everywhere within a second"),
        (true, false) => format!("`{scope}` was off already"),
        (false, true) => format!("`{scope}` is on again, everywhere within a second"),
        (false, false) => format!("`{scope}` was on already"),
    });
    Ok(())
}

fn view(switch: &Switch) -> Value {
    json!({
        "scope": switch.scope.to_string(), "since": switch.since.to_rfc3339(), "by": switch.by,
        "reason": switch.reason,
    })
}
