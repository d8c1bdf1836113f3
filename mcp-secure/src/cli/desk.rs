//! Somebody who decides on this machine, and the application opened for them.

use std::sync::Arc;

use super::{Context, Failure, Opening};
use crate::identity::{Authenticated, DataDir};
use crate::server::Opened;

/// The client that what is decided here is carried by. Never one that a tool is called through.
const CLIENT: &str = "command-line";

/// Somebody at the desk.
pub(super) struct Desk {
    pub(super) who: Authenticated,
    pub(super) opened: Arc<dyn Opened>,
}

impl Desk {
    pub(super) async fn open(context: &Context, person: &str) -> Result<Self, Failure> {
        let data = context.data()?;
        let who = identify(context, &data, person)?;
        let opened = context
            .app
            .open(data, Opening::Desk, context.store.clone())
            .await
            .map_err(|faults| Failure::all(&faults))?;
        Ok(Self { who, opened })
    }
}

/// Choosing a person by name works in a sandbox alone.
pub(super) fn identify(
    context: &Context,
    data: &DataDir,
    person: &str,
) -> Result<Authenticated, Failure> {
    let sandbox = data.sandbox().map_err(Failure::because)?;
    context.app.people().assert(person, CLIENT, sandbox).map_err(Failure::because)
}
