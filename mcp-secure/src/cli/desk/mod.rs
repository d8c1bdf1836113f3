//! Where people decide: at the store of this machine, as somebody named there, or at a server, with a token of theirs.

mod here;
#[cfg(feature = "remote")]
mod there;
mod who;

use here::Here;
pub(super) use here::identify;
#[cfg(feature = "remote")]
use there::There;
use who::Place;
pub(super) use who::Who;

use super::{Context, Failure};
use crate::api::{
    RequestView, RolledBackView, RunView, RunsView, SwitchView, SwitchedView, VoidedView,
};
use crate::approval::{ApprovalId, Verdict};
use crate::audit::Executed;
use crate::canon::Digest;
use crate::clock::Timestamp;
use crate::store::{ApprovalFilter, Resolution, RunFilter, RunId, SwitchScope};

/// Somebody at the desk.
pub(super) enum Desk {
    Here(Here),
    #[cfg(feature = "remote")]
    There(There),
}

macro_rules! at {
    ($desk:expr, $place:ident => $work:expr) => {
        match $desk {
            Desk::Here($place) => $work,
            #[cfg(feature = "remote")]
            Desk::There($place) => $work,
        }
    };
}

impl Desk {
    pub(super) async fn open(context: &Context, who: &Who) -> Result<Self, Failure> {
        match who.place()? {
            Place::Here(person) => Here::open(context, person).await.map(Self::Here),
            #[cfg(feature = "remote")]
            Place::There(url) => There::open(url, who.token()?).map(Self::There),
        }
    }

    /// Who acts, as a part of a sentence; at a server the token says so.
    pub(super) fn by(&self) -> String {
        match self {
            Self::Here(desk) => desk.by(),
            // The server knows who it is.
            #[cfg(feature = "remote")]
            Self::There(_) => String::new(),
        }
    }

    /// The requests that may be seen here, newest first.
    pub(super) async fn requests(
        &self,
        filter: ApprovalFilter,
        limit: u32,
    ) -> Result<Vec<RequestView>, Failure> {
        at!(self, desk => desk.requests(filter, limit).await)
    }

    pub(super) async fn request(&self, id: &ApprovalId) -> Result<RequestView, Failure> {
        at!(self, desk => desk.request(id).await)
    }

    pub(super) async fn decide(
        &self,
        id: &ApprovalId,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Result<RequestView, Failure> {
        at!(self, desk => desk.decide(id, digest, verdict, reason).await)
    }

    pub(super) async fn withdraw(&self, id: &ApprovalId) -> Result<RequestView, Failure> {
        at!(self, desk => desk.withdraw(id).await)
    }

    pub(super) async fn void(
        &self,
        before: Option<Timestamp>,
        reason: &str,
    ) -> Result<VoidedView, Failure> {
        at!(self, desk => desk.void(before, reason).await)
    }

    /// The runs that may be seen here, newest first.
    pub(super) async fn runs(&self, filter: RunFilter, limit: u32) -> Result<RunsView, Failure> {
        at!(self, desk => desk.runs(filter, limit).await)
    }

    pub(super) async fn run(&self, id: &RunId) -> Result<RunView, Failure> {
        at!(self, desk => desk.run(id).await)
    }

    pub(super) async fn rollback(
        &self,
        id: &RunId,
        reason: Option<String>,
    ) -> Result<RolledBackView, Failure> {
        at!(self, desk => desk.rollback(id, reason).await)
    }

    pub(super) async fn resolve(
        &self,
        id: &RunId,
        found: Resolution,
        reason: &str,
    ) -> Result<RunView, Failure> {
        at!(self, desk => desk.resolve(id, found, reason).await)
    }

    pub(super) async fn switches(&self) -> Result<Vec<SwitchView>, Failure> {
        at!(self, desk => desk.switches().await)
    }

    pub(super) async fn switch(
        &self,
        scope: SwitchScope,
        off: bool,
        reason: Option<&str>,
    ) -> Result<SwitchedView, Failure> {
        at!(self, desk => desk.switch(scope, off, reason).await)
    }

    /// Writes down what is queued. Done before the result is told, so that what is told is on record.
    pub(super) async fn close(self) {
        match self {
            Self::Here(desk) => desk.close().await,
            #[cfg(feature = "remote")]
            Self::There(_) => {}
        }
    }
}

/// Why a rollback did not end well, in one line.
fn not_rolled_back(
    executed: Executed,
    code: &str,
    reason: &str,
    remedy: Option<&str>,
    request_id: &str,
) -> Failure {
    let outcome = match executed {
        Executed::No => "not rolled back",
        Executed::Yes => "rolled back, but with an error",
        Executed::Unknown => "the rollback began, and nobody knows how far it came",
    };
    let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
    Failure::because(format!("{outcome} ({code}): {reason}{remedy} (request {request_id})"))
}
