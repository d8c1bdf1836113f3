//! What the command line needs of an application. The server builder implements it; nothing here is generic.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::approval::{Approval, ApprovalId, StateKind, Verdict};
use crate::audit::Record;
use crate::canon::Digest;
use crate::catalog::StartFault;
use crate::clock::Timestamp;
use crate::identity::{Authenticated, DataDir, Directory, LocalIssuer};
use crate::manifest::Manifest;
use crate::pipeline::{Answer, Brake, ServerInfo, Voided};
use crate::server::{Face, HttpSettings};
use crate::store::{Resolution, RunId, RunRecord, RunState, StoreSource, Switch, SwitchScope};
use crate::tool::BoxFuture;

/// What an application is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Serving the process at the other end of standard input, as the person named or as the system's user.
    Stdio { person: Option<String> },
    /// Serving whoever has a token.
    Http,
    /// Deciding on the command line; nothing is served.
    Desk,
}

/// What a check without faults tells.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct CheckReport {
    pub(crate) tools: usize,
    pub(crate) policies: usize,
    pub(crate) notes: Vec<String>,
}

/// An application as its builder declared it.
pub(crate) trait App: Send + Sync {
    fn info(&self) -> &ServerInfo;

    /// Made from declarations alone; nothing is opened.
    fn manifest(&self) -> Result<Manifest, Vec<StartFault>>;

    /// Every start-up check, all causes at once. Makes nothing that is not there.
    fn check<'a>(&'a self, data: &'a Path) -> BoxFuture<'a, Result<CheckReport, Vec<StartFault>>>;

    /// The people of the sandbox.
    fn people(&self) -> &Directory;

    /// The local issuer, or why there is none: where a real issuer is set, it gives out no tokens.
    fn local_issuer(&self, data: &DataDir) -> Result<LocalIssuer, String>;

    /// How it serves over HTTP on this address.
    fn http(&self, addr: SocketAddr) -> HttpSettings;

    /// Where the audit record lies.
    fn audit_folder(&self, data: &DataDir) -> PathBuf {
        data.path().join(crate::server::AUDIT_FOLDER)
    }

    /// Opens what switching off can not do without, which is the store.
    fn brake<'a>(
        &'a self,
        data: Option<&'a DataDir>,
        store: Option<&'a StoreSource>,
    ) -> BoxFuture<'a, Result<Brake, String>>;

    /// Writes one record, opening nothing else for it. It may hang with the disk.
    fn record_alone<'a>(
        &'a self,
        data: &'a DataDir,
        record: Record,
    ) -> BoxFuture<'a, Result<(), String>>;

    /// Opens everything; `store` goes before what the application says itself.
    fn open(
        &self,
        data: DataDir,
        opening: Opening,
        store: Option<StoreSource>,
    ) -> BoxFuture<'_, Result<Arc<dyn Opened>, Vec<StartFault>>>;
}

/// An application with its store, its audit and its pipeline open.
pub(crate) trait Opened: Send + Sync {
    /// The pipeline, for a transport.
    fn face(&self) -> Arc<dyn Face>;

    /// The requests that `who` may see, newest first.
    fn approvals<'a>(
        &'a self,
        who: &'a Authenticated,
        state: Option<StateKind>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Approval>, String>>;

    /// The request called `id`, if `who` may see it.
    fn approval<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a ApprovalId,
    ) -> BoxFuture<'a, Result<Approval, String>>;

    /// Takes a decision through policy, tenant and four eyes, and records it. Why not is said in words.
    fn decide<'a>(
        &'a self,
        decider: Authenticated,
        id: &'a ApprovalId,
        digest: Digest,
        verdict: Verdict,
        reason: Option<String>,
    ) -> BoxFuture<'a, Result<Approval, String>>;

    /// Makes every request useless that stands and that `who` may decide, and records it.
    fn void<'a>(
        &'a self,
        who: &'a Authenticated,
        before: Option<Timestamp>,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<Voided, String>>;

    /// The runs that `who` may see, newest first.
    fn runs<'a>(
        &'a self,
        who: &'a Authenticated,
        state: Option<RunState>,
        tool: Option<String>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<RunRecord>, String>>;

    /// The run called `id`, if `who` may see it.
    fn run<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
    ) -> BoxFuture<'a, Result<Option<RunRecord>, String>>;

    /// Takes back what a run did, through the whole pipeline.
    fn rollback<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
        reason: Option<String>,
    ) -> BoxFuture<'a, Answer>;

    /// Takes down what became of a run in doubt, through policy, tenant and four eyes, and records it.
    fn resolve<'a>(
        &'a self,
        who: &'a Authenticated,
        id: &'a RunId,
        found: Resolution,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<RunRecord, String>>;

    /// What is switched off, for whoever may switch.
    fn switched_off<'a>(
        &'a self,
        who: &'a Authenticated,
    ) -> BoxFuture<'a, Result<Vec<Switch>, String>>;

    /// Switches off or on, through policy, and records it. False where it stood so already.
    fn switch<'a>(
        &'a self,
        who: &'a Authenticated,
        scope: SwitchScope,
        off: bool,
        reason: Option<&'a str>,
    ) -> BoxFuture<'a, Result<bool, String>>;

    /// Lets mutating calls end, writes down what is queued, and closes.
    fn close(&self) -> BoxFuture<'_, ()>;
}
