use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::switches::Switches;
use super::table::{Served, Table};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::identity::{Authenticated, Authenticator};
use crate::limit::{Flood, Leases, Local, Quota};
use crate::policy::{PolicyEngine, PolicyFault};
use crate::store::Store;
use crate::tool::spec::Kind;

/// What a client may know of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerInfo {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) owner: Option<String>,
    pub(crate) instructions: Option<String>,
}

/// Bounds that hold for every call. The defaults are safe.
///
/// ```
/// use mcp_secure::pipeline::Settings;
/// let settings = Settings { max_argument_bytes: 16 * 1024, ..Settings::default() };
/// assert_eq!(settings.max_argument_depth, 32);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The largest arguments, in bytes of canonical JSON.
    pub max_argument_bytes: usize,
    /// The deepest nesting of arguments.
    pub max_argument_depth: usize,
    /// How many requests for approval one requester may have pending.
    pub max_pending_approvals: u32,
    /// How many calls of one tool may run at once where the tool does not say.
    pub max_concurrent: u32,
    /// How many calls of one account are taken, by each process. What is refused beyond it is counted in the record.
    pub quota: Option<Quota>,
    /// How long a running row is held without a sign of life before the run counts as lost.
    pub lease: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_argument_bytes: 128 * 1024,
            max_argument_depth: 32,
            max_pending_approvals: 50,
            max_concurrent: 256,
            quota: Some(Quota::per_second(100).burst(1000)),
            lease: Duration::from_secs(30),
        }
    }
}

/// Tenant, issuer and subject.
pub(crate) type Account = (String, String, String);

/// What a gate is made of.
pub(crate) struct GateParts {
    pub(crate) info: ServerInfo,
    pub(crate) table: Table,
    pub(crate) policy: PolicyEngine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) audit: Audit,
    pub(crate) clock: Clock,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) settings: Settings,
}

/// The gate before every body: the served table and all that decides and records.
///
/// Nothing in it is generic over the application's state.
pub(crate) struct Gate {
    pub(super) info: ServerInfo,
    pub(super) table: Table,
    pub(super) policy: PolicyEngine,
    pub(super) store: Arc<dyn Store>,
    pub(super) audit: Audit,
    pub(super) clock: Clock,
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) settings: Settings,
    pub(super) quota: Option<Local<Account>>,
    pub(super) flood: Flood<Account>,
    pub(super) leases: Leases,
    pub(super) switches: Switches,
    /// The tasks of calls that may write.
    pub(super) running: TaskTracker,
}

impl Gate {
    pub(crate) fn new(parts: GateParts) -> Arc<Self> {
        let GateParts { info, table, policy, store, audit, clock, authenticator, settings } = parts;
        let leases = Leases::new(Arc::clone(&store));
        Arc::new(Self {
            leases,
            info,
            table,
            policy,
            store,
            audit,
            clock,
            authenticator,
            quota: settings.quota.map(Local::new),
            flood: Flood::default(),
            switches: Switches::new(),
            settings,
            running: TaskTracker::new(),
        })
    }

    pub(crate) fn info(&self) -> &ServerInfo {
        &self.info
    }

    pub(crate) fn authenticator(&self) -> &dyn Authenticator {
        self.authenticator.as_ref()
    }

    pub(crate) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The store, for what is none of a call's business.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The tool of that name.
    pub(crate) fn served(&self, tool: &str) -> Option<Arc<Served>> {
        self.table.tool(tool).map(Arc::clone)
    }

    /// What in the policies is no fault but surely not meant.
    pub(crate) fn policy_warnings(&self) -> &[PolicyFault] {
        self.policy.warnings()
    }

    /// The tools that some call of this caller could be permitted to use.
    pub(crate) fn tools(&self, caller: &Authenticated) -> Vec<Arc<Served>> {
        self.listed(caller, |kind| matches!(kind, Kind::Tool))
    }

    /// The prompts, likewise.
    pub(crate) fn prompts(&self, caller: &Authenticated) -> Vec<Arc<Served>> {
        self.listed(caller, |kind| matches!(kind, Kind::Prompt))
    }

    /// The resource templates, likewise.
    pub(crate) fn resources(&self, caller: &Authenticated) -> Vec<Arc<Served>> {
        self.listed(caller, |kind| matches!(kind, Kind::Resource { .. }))
    }

    /// Whether anything of a kind is declared, whoever may use it.
    pub(crate) fn declares(&self, of: impl Fn(Kind) -> bool) -> bool {
        self.table.iter().any(|served| of(served.spec.kind))
    }

    /// Waits for the bodies that may write to end, for as long as their own timeouts allow.
    pub(crate) async fn drain(&self) {
        self.running.close();
        let longest =
            self.table.iter().map(|served| served.spec.limits.timeout_ms).max().unwrap_or(0);
        drop(tokio::time::timeout(Duration::from_millis(longest), self.running.wait()).await);
    }

    fn listed(&self, caller: &Authenticated, of: impl Fn(Kind) -> bool) -> Vec<Arc<Served>> {
        self.table
            .iter()
            .filter(|served| {
                of(served.spec.kind)
                    && self.may_see(caller, served)
                    && self.is_offered(served, caller.principal())
            })
            .cloned()
            .collect()
    }
}
