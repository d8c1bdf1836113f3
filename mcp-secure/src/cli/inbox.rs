//! One-time links to the inbox, for the people of a sandbox.

use std::time::Duration;

use super::args::InboxCommand;
use super::output::Output;
use super::serve::HERE;
use super::{Context, Failure, InboxParts, NoInbox, Opening};
use crate::inbox::{Base, SignIn, mint_link};

pub(super) async fn run(context: &Context, command: InboxCommand) -> Result<(), Failure> {
    match command {
        InboxCommand::Link { person, expires, inbox_url } => {
            link(context, &person, expires, inbox_url).await
        }
    }
}

async fn link(
    context: &Context,
    person: &str,
    expires: Option<Duration>,
    named: Option<Base>,
) -> Result<(), Failure> {
    let data = context.data()?;
    context.app.people().find(person).map_err(Failure::because)?;
    let addr = context.app.http(HERE).inbox.unwrap_or(HERE);
    let parts = context.app.inbox(&data, addr, named).map_err(|why| match why {
        NoInbox::Off => Failure::because("the inbox is switched off"),
        NoInbox::Because(why) => Failure::because(why),
    })?;
    let InboxParts { sign_in, base, mut settings } = parts;
    let SignIn::Links { people, sandbox } = sign_in else {
        let page = base.front();
        return Err(Failure::because(format!(
            "people sign in at their issuer here; open `{page}`"
        )));
    };
    if let Some(expires) = expires {
        settings.link = expires;
        let faults = settings.faults();
        if !faults.is_empty() {
            return Err(Failure::Usage(faults.join("; ")));
        }
    }
    let opened = context
        .app
        .open(data, Opening::Desk, context.store.clone())
        .await
        .map_err(|faults| Failure::all(&faults))?;
    let made = mint_link(&*opened, (&people, sandbox), &settings, person).await;
    opened.close().await;
    let path = made.map_err(Failure::because)?;
    let minutes = settings.link.as_secs().div_ceil(60);
    Output::note(&format!(
        "signs {} in, once, within {minutes} min; whoever has the link is that person",
        super::escape::escaped(person)
    ));
    Output::raw(&format!("{}{path}\n", base.origin()))
}
