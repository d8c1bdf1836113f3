//! Switching off, and on again.

use std::time::Duration;

use serde_json::json;

use super::args::{Switch as Args, SwitchCommand};
use super::desk::{Desk, Who, identify};
use super::escape::escaped;
use super::output::Output;
use super::{Context, Failure};
use crate::api::SwitchView;
use crate::identity::{DataDir, system_user_name};
use crate::pipeline::{Hand, Pulled};
use crate::store::SwitchScope;

/// How long the end of the command waits for its record. By then it is off.
const RECORD_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn run(context: &Context, command: SwitchCommand) -> Result<(), Failure> {
    match command {
        SwitchCommand::List { who } => list(context, &who).await,
        SwitchCommand::Off(args) => off(context, args).await,
        SwitchCommand::On(args) => on(context, args).await,
    }
}

async fn list(context: &Context, who: &Who) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let desk = Desk::open(context, who).await?;
    let found = desk.switches().await;
    desk.close().await;
    let found = found?;
    if json {
        return Output::json(&json!(found));
    }
    let row = |switch: &SwitchView| {
        let reason = switch.reason.clone().unwrap_or_default();
        [switch.scope.clone(), switch.since.clone(), switch.by.clone(), reason]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.table(["off", "since", "by", "reason"], &rows)
}

/// On again. Everything has to work for that: policies, store and record.
async fn on(context: &Context, args: Args) -> Result<(), Failure> {
    at_the_desk(context, args, false).await
}

/// By what is open there: policies, store and record.
async fn at_the_desk(context: &Context, args: Args, off: bool) -> Result<(), Failure> {
    let json = context.output.wants_json()?;
    let Args { scope, who, reason } = args;
    let desk = Desk::open(context, &who).await?;
    let done = desk.switch(scope.clone(), off, reason.as_deref()).await;
    desk.close().await;
    let done = done?;
    if json {
        return Output::json(&json!(done));
    }
    say(&scope, off, done.changed);
    Ok(())
}

fn say(scope: &SwitchScope, off: bool, changed: bool) {
    let scope = escaped(&scope.to_string());
    Output::note(&match (off, changed) {
        (true, true) => format!("`{scope}` is off, everywhere within a second"),
        (true, false) => format!("`{scope}` was off already"),
        (false, true) => format!("`{scope}` is on again, everywhere within a second"),
        (false, false) => format!("`{scope}` was on already"),
    });
}

/// Off, for which the store has to work and nothing else. It is recorded as soon as it is off, if that can be.
async fn off(context: &Context, args: Args) -> Result<(), Failure> {
    let Some(person) = args.who.name()?.map(ToOwned::to_owned) else {
        return at_the_desk(context, args, true).await;
    };
    let json = context.output.wants_json()?;
    let Args { scope, reason, .. } = args;
    // Where the store is elsewhere, the folder may be broken.
    let data = context.data();
    let brake = context.app.brake(data.as_ref().ok(), context.store.as_ref()).await;
    let brake = match (brake, &data) {
        (Ok(brake), _) => brake,
        (Err(_), Err(_)) => return data.map(drop),
        (Err(why), Ok(_)) => return Err(Failure::because(why)),
    };
    let hand = hand(context, data.as_ref().ok(), brake.declared.is_some(), person)?;
    let Pulled { done, record } = brake.pull(&hand, &scope, reason.as_deref()).await;
    let recorded = match &data {
        Ok(data) => {
            let writing = context.app.record_alone(data, record);
            match tokio::time::timeout(RECORD_WITHIN, writing).await {
                Ok(recorded) => recorded,
                Err(_) => Err("the disk does not answer".to_owned()),
            }
        }
        Err(_) => Err("the data folder can not be opened".to_owned()),
    };
    let changed = match done {
        Ok(changed) => changed,
        Err(why) => return Err(Failure::because(why)),
    };
    if let SwitchScope::Tenant(tenant) = &scope
        && context.app.people().has_tenant(tenant) == Some(false)
    {
        let tenant = escaped(tenant);
        Output::note(&format!(
            "note: nobody is known of a tenant `{tenant}`; look at its spelling"
        ));
    }
    if json {
        Output::json(&json!({
            "scope": scope.to_string(), "off": true, "changed": changed, "recorded": recorded.is_ok(),
        }))?;
    } else {
        say(&scope, true, changed);
    }
    if let Err(why) = recorded {
        context.output.error(&format!(
            "`{scope}` is off, but this command could not record it: {why}; write down who switched it off, when and why"
        ));
        return Err(Failure::Unrecorded);
    }
    Ok(())
}

/// Who switches off. In a sandbox whose policies can be read it is the person named, whom they know.
fn hand(
    context: &Context,
    data: Option<&DataDir>,
    policies: bool,
    says: String,
) -> Result<Hand, Failure> {
    match data {
        Some(data) if policies => identify(context, data, &says).map(Hand::Person),
        Some(data) => {
            // Elsewhere nobody could switch it on again on the command line.
            data.sandbox().map_err(Failure::because)?;
            Ok(system(says))
        }
        None => Ok(system(says)),
    }
}

fn system(says: String) -> Hand {
    let user = system_user_name().unwrap_or_else(|_| "unknown".to_owned());
    Output::note(&format!(
        "note: no policy can be asked who may switch, so it is done as the system user `{}`",
        escaped(&user)
    ));
    Hand::System { user, says }
}
