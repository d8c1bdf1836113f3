//! A token of the local issuer, for development.

use super::args::Token;
use super::output::Output;
use super::{Context, Failure};
use crate::clock::Clock;

pub(super) fn run(context: &Context, args: &Token) -> Result<(), Failure> {
    let data = context.data_or_new()?;
    let person = context.app.people().find(&args.person).map_err(Failure::because)?;
    let issuer = context.app.local_issuer(&data).map_err(Failure::because)?;
    let token =
        issuer.issue(person, args.expires, Clock::system().now()).map_err(Failure::because)?;
    Output::raw(&format!("{token}\n"))
}
