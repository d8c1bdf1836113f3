//! A token of the local issuer, for development.

use super::args::{Purpose, Token};
use super::output::Output;
use super::{Context, Failure};
use crate::clock::Clock;

pub(super) fn run(context: &Context, args: &Token) -> Result<(), Failure> {
    let data = context.data_or_new()?;
    let person = context.app.people().find(&args.person).map_err(Failure::because)?;
    let issuer = context.app.local_issuer(&data).map_err(Failure::because)?;
    let now = Clock::system().now();
    let token = match args.purpose {
        Purpose::Mcp => issuer.issue(person, args.expires, now),
        Purpose::Approvals => {
            context.app.local_decisions().map_err(Failure::because)?;
            issuer.issue_for_approvals(person, args.expires, now)
        }
    };
    let token = token.map_err(Failure::because)?;
    Output::raw(&format!("{token}\n"))
}
