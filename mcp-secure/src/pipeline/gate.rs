use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmcp::model::RequestStateCodec;
use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;

use super::held::Held;
use super::resume::codec;
use super::switches::Switches;
use super::table::{Served, Table};
use super::tries::Tasks;
use crate::approval::ApprovalId;
use crate::audit::Audit;
use crate::clock::{Clock, Timestamp};
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

/// How many decisions whoever listens for them may lag behind. Who misses some looks in the store.
const HEARD: usize = 1024;

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
    /// Whether others are told of requests for approval.
    pub(crate) announce: bool,
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
    /// When this process began to serve.
    pub(super) opened: Timestamp,
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) settings: Settings,
    pub(super) announce: bool,
    /// The address that the inbox is under, once it is known.
    pub(super) quota: Option<Local<Account>>,
    pub(super) flood: Flood<Account>,
    pub(super) leases: Leases,
    pub(super) switches: Switches,
    /// The tasks of calls that may write.
    pub(super) running: TaskTracker,
    pub(super) held: Arc<Held>,
    /// Seals what clients bring back.
    pub(super) states: Option<RequestStateCodec>,
    /// Where the inbox is reached, once that is known.
    inbox: OnceLock<String>,
    /// The requests that people in this process decide on, as they do.
    pub(super) decided: broadcast::Sender<ApprovalId>,
    /// What the server goes on with by itself, or for whoever waits for it.
    pub(super) tasks: Tasks,
}

impl Gate {
    pub(crate) fn new(parts: GateParts) -> Arc<Self> {
        let GateParts {
            info,
            table,
            policy,
            store,
            audit,
            clock,
            authenticator,
            settings,
            announce,
        } = parts;
        let leases = Leases::new(Arc::clone(&store));
        let states = codec(audit.key());
        Arc::new(Self {
            states,
            inbox: OnceLock::new(),
            decided: broadcast::Sender::new(HEARD),
            tasks: Tasks::default(),
            held: Arc::default(),
            leases,
            info,
            table,
            policy,
            store,
            audit,
            opened: clock.now(),
            clock,
            authenticator,
            quota: settings.quota.map(Local::new),
            flood: Flood::default(),
            switches: Switches::new(),
            settings,
            announce,
            running: TaskTracker::new(),
        })
    }

    pub(crate) fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// Says where the inbox is reached: the base address that `/inbox` comes after, such as `https://desk.example.com`. The
    /// first one counts.
    pub(crate) fn set_inbox_url(&self, base: impl Into<String>) {
        let mut base = base.into();
        base.truncate(base.trim_end_matches('/').len());
        if self.inbox.set(base).is_err() {
            tracing::warn!("the inbox has an address already; the second one is not used");
        }
    }

    /// Whether clients can be told where people decide.
    pub(crate) fn has_inbox(&self) -> bool {
        self.inbox.get().is_some()
    }

    /// Where people decide on the request called `id`. It names the request and carries no power.
    pub(crate) fn decide_url(&self, id: &ApprovalId) -> Option<String> {
        self.inbox.get().map(|base| format!("{base}/inbox/requests/{id}"))
    }

    /// Whether the tool called `name` is one that people are asked about, or any where none is named.
    pub(crate) fn asks_people(&self, name: Option<&str>) -> bool {
        let asks = |served: &Served| served.spec.approval.is_some();
        match name {
            Some(name) => self.table.tool(name).is_some_and(|served| asks(served)),
            None => self.table.iter().any(|served| asks(served)),
        }
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

    #[cfg_attr(not(feature = "webhooks"), expect(dead_code, reason = "nobody is told of requests"))]
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether calls are no longer waited for.
    #[cfg_attr(not(feature = "webhooks"), expect(dead_code, reason = "nobody is told of requests"))]
    pub(crate) fn is_closing(&self) -> bool {
        self.running.is_closed()
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
