//! What the command line needs of an application. The server builder implements it; nothing here is generic.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::api::Api;
use crate::audit::Record;
use crate::catalog::StartFault;
use crate::identity::{DataDir, Directory, LocalIssuer};
use crate::inbox::{Base, Inbox, SignIn};
use crate::manifest::Manifest;
use crate::pipeline::{Brake, ServerInfo};
use crate::server::{HttpSettings, Opened};
use crate::store::StoreSource;
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

/// What an inbox is made of.
pub(crate) struct InboxParts {
    pub(crate) sign_in: SignIn,
    pub(crate) base: Base,
    pub(crate) settings: Inbox,
}

/// Why there is no inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoInbox {
    /// It was switched off.
    Off,
    /// It can not be served as things are set.
    Because(String),
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

    /// Whether the local issuer's tokens decide over HTTP, or why not.
    fn local_decisions(&self) -> Result<(), String>;

    /// How it serves over HTTP on this address.
    fn http(&self, addr: SocketAddr) -> HttpSettings;

    /// The inbox on this address, or why there is none. `named` is where an operator says that people find it.
    fn inbox(
        &self,
        data: &DataDir,
        addr: SocketAddr,
        named: Option<Base>,
    ) -> Result<InboxParts, NoInbox>;

    /// Where the application says that people find its inbox.
    fn inbox_base(&self) -> Option<Base>;

    /// The decision API of what was opened, where anybody's tokens decide.
    fn api(&self, data: &DataDir, opened: &Arc<dyn Opened>) -> Result<Option<Arc<Api>>, String>;

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
