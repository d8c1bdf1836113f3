//! The server as an application declares it.

use std::process::ExitCode;
use std::sync::Arc;

use super::boot::Boot;
use super::http::PublicHttp;
use crate::api::Decisions;
use crate::catalog::StartFault;
use crate::identity::{DataDir, DataDirKind, Directory, Issuer, People, PeopleError, Refresh};
use crate::inbox::Inbox;
use crate::limit::Quota;
use crate::manifest::Manifest;
use crate::pipeline::{ServerInfo, Settings};
use crate::policy::Policies;
use crate::store::StoreSource;
use crate::tool::{Entry, State, ToolSet};
#[cfg(feature = "webhooks")]
use crate::webhook::Webhooks;

/// Opens the application's state.
pub(super) type Open<S> = Box<dyn Fn(&Boot) -> Result<S, String> + Send + Sync>;

/// The way in: [`Server::builder`].
///
/// There is no other way to serve a tool, and no way to put a handler of the protocol beside the pipeline.
#[derive(Debug)]
pub struct Server(());

impl Server {
    /// Declares a server. `open` opens the application's state; it is called only by commands that need the state.
    ///
    /// ```no_run
    /// use mcp_secure::prelude::*;
    ///
    /// #[derive(State)]
    /// struct App {}
    ///
    /// impl App {
    ///     fn open(data_dir: &std::path::Path) -> Result<Self, std::io::Error> {
    ///         Ok(Self {})
    ///     }
    /// }
    ///
    /// /// Says hello to somebody.
    /// #[tool(risk = "low", permission = "greeting.read", read_only)]
    /// async fn greet(#[arg(max_len = 40)] name: String) -> Content {
    ///     Content::text(format!("hello {name}"))
    /// }
    ///
    /// #[tokio::main]
    /// async fn main() -> std::process::ExitCode {
    ///     Server::builder(|boot| App::open(boot.data_dir()))
    ///         .info("greeter", env!("CARGO_PKG_VERSION"))
    ///         .owner("greetings-team")
    ///         .tools(tools![greet])
    ///         .policies(Policies::from_dir("policies"))
    ///         .cli()
    ///         .await
    /// }
    /// ```
    pub fn builder<S, E>(
        open: impl Fn(&Boot) -> Result<S, E> + Send + Sync + 'static,
    ) -> ServerBuilder<S>
    where
        S: State,
        E: std::fmt::Display,
    {
        ServerBuilder {
            open: Box::new(move |boot| open(boot).map_err(|error| error.to_string())),
            info: ServerInfo {
                name: "mcp-server".to_owned(),
                version: "0.0.0".to_owned(),
                owner: None,
                instructions: None,
            },
            entries: Vec::new(),
            policies: Policies::none(),
            people: People::new(),
            issuers: Vec::new(),
            decisions: None,
            public: None,
            settings: Settings::default(),
            store: StoreSource::default(),
            sessions: true,
            requests_per_peer: Some(Quota::per_second(500).burst(2000)),
            connections_per_peer: Some(256),
            house: None,
            #[cfg(feature = "webhooks")]
            webhooks: Webhooks::new(),
            refresh: None,
            inbox: Inbox::new(),
        }
    }
}

/// A server while it is declared: made by [`Server::builder`], run by [`cli`](Self::cli).
///
/// What has to be said are the [`tools`](Self::tools), and the [`policies`](Self::policies) that let somebody call them. The
/// rest has a default that is right for one machine and a `sandbox` data folder; for real people name at least an
/// [`issuer`](Self::issuer). Everything that is wrong is told at once, by [`check`](Self::check) and when it starts.
///
/// ```
/// use mcp_secure::prelude::*;
/// use mcp_secure::server::ServerBuilder;
///
/// /// Says hello to somebody.
/// #[tool(risk = "low", permission = "greeting.read", read_only)]
/// async fn greet(#[arg(max_len = 40)] name: String) -> Content {
///     Content::text(format!("hello {name}"))
/// }
///
/// /// One declaration for the program, its tests and its manifest.
/// fn server() -> ServerBuilder<()> {
///     Server::builder(|_| Ok::<(), String>(()))
///         .info("greeter", "1.0.0")
///         .owner("greetings-team")
///         .tools(tools![greet])
///         .people(People::new().with(Person::new("alice", "acme").roles(["guest"])))
///         .policies(Policies::from_str(
///             "greeter.cedar",
///             r#"permit (principal in Role::"guest", action in Action::"greeting.read", resource);"#,
///         ))
/// }
/// assert!(server().check().is_ok());
/// ```
pub struct ServerBuilder<S: State> {
    pub(super) open: Open<S>,
    pub(super) info: ServerInfo,
    pub(super) entries: Vec<Entry<S>>,
    pub(super) policies: Policies,
    pub(super) people: People,
    pub(super) issuers: Vec<Issuer>,
    pub(super) decisions: Option<Decisions>,
    pub(super) public: Option<PublicHttp>,
    pub(super) settings: Settings,
    pub(super) store: StoreSource,
    pub(super) sessions: bool,
    pub(super) requests_per_peer: Option<Quota>,
    pub(super) connections_per_peer: Option<u32>,
    pub(super) house: Option<String>,
    #[cfg(feature = "webhooks")]
    pub(super) webhooks: Webhooks,
    pub(super) refresh: Option<Arc<dyn Refresh>>,
    pub(super) inbox: Inbox,
}

impl<S: State> std::fmt::Debug for ServerBuilder<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder").field("info", &self.info).finish_non_exhaustive()
    }
}

impl<S: State> ServerBuilder<S> {
    /// The name and version that clients are told. The data folder is `<name>-data` unless an operator names another.
    #[must_use]
    pub fn info(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.info.name = name.into();
        self.info.version = version.into();
        self
    }

    /// Who answers for the tools that name no owner of their own.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.info.owner = Some(owner.into());
        self
    }

    /// What clients are told about the server as a whole. It is advice to a model and enforces nothing.
    #[must_use]
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.info.instructions = Some(text.into());
        self
    }

    /// The tools. Called again, it adds to them.
    #[must_use]
    pub fn tools(mut self, tools: ToolSet<S>) -> Self {
        self.entries.extend(tools.into_entries());
        self
    }

    /// The policies. Without any, every call of a tool that is not `public` is denied.
    #[must_use]
    pub fn policies(mut self, policies: Policies) -> Self {
        self.policies = policies;
        self
    }

    /// The people of a `sandbox` data folder, for development: who `--as` and `token` may name. Where an
    /// [`issuer`](Self::issuer) is set, nobody can be named.
    #[must_use]
    pub fn people(mut self, people: People) -> Self {
        self.people = people;
        self
    }

    /// An issuer of real people's tokens, for HTTP. The local issuer is then not even loaded, and the server is not served
    /// over standard input. Called again, it adds one.
    #[must_use]
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Whose tokens decide over HTTP, at `/approvals/v1`. Unless said, that is the local issuer in a sandbox, and nobody
    /// else. See [the decision API](Decisions).
    #[must_use]
    pub fn decisions(mut self, decisions: Decisions) -> Self {
        self.decisions = Some(decisions);
        self
    }

    /// Lets the server be reached from other machines, under these host names and no others. It takes an
    /// [`issuer`](Self::issuer). Say it as well where a proxy on this machine passes the name on that a client asked for.
    #[must_use]
    pub fn public(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let hosts = hosts.into_iter().map(Into::into).collect();
        self.public = Some(PublicHttp { hosts, origins: Vec::new() });
        self
    }

    /// Whether HTTP clients of the protocol's versions before 2026-07-28 get sessions, which live in one process. Without
    /// them each request stands alone, and any replica answers it.
    #[must_use]
    pub fn sessions(mut self, sessions: bool) -> Self {
        self.sessions = sessions;
        self
    }

    /// How many HTTP requests of one address are looked at, whoever it proves to be: 500 a second unless said. `None` where
    /// a proxy in front counts them. Loopback addresses are not counted.
    #[must_use]
    pub fn requests_per_peer(mut self, quota: Option<Quota>) -> Self {
        self.requests_per_peer = quota;
        self
    }

    /// How many connections of one address HTTP holds open, by each process; the network of 64 bits counts as one address
    /// of IPv6. Unless said it is 256; `None` has no limit but that of all connections together. A loopback address has
    /// none either.
    #[must_use]
    pub fn connections_per_peer(mut self, most: Option<u32>) -> Self {
        self.connections_per_peer = most;
        self
    }

    /// Where approvals, runs, keys, limits and switches are kept: a file in the data folder unless said. An operator says
    /// it with `--store` or `MCP_SECURE_STORE`, which goes first.
    #[must_use]
    pub fn store(mut self, store: StoreSource) -> Self {
        self.store = store;
        self
    }

    /// The web page on which people decide. Unless said it is on wherever the server speaks HTTP and people can sign in:
    /// in a sandbox by one-time links, else at the provider of [`Inbox`]'s `sign_in` (feature `oidc`).
    #[must_use]
    pub fn inbox(mut self, inbox: Inbox) -> Self {
        self.inbox = inbox;
        self
    }

    /// Bounds on every call.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Who vouches for accounts whose clients wait for a task, so that the server runs a call by itself once people have
    /// approved it. In a `sandbox` data folder the declared people are that unless said; elsewhere, without one, an approved
    /// call runs when its client next looks at the task.
    #[must_use]
    pub fn refresh(mut self, refresh: impl Refresh + 'static) -> Self {
        self.refresh = Some(Arc::new(refresh));
        self
    }

    /// The house rules (the text of `mcp-secure.toml`), applied at start-up to every tool, those of other crates included.
    #[must_use]
    pub fn house_rules(mut self, text: impl Into<String>) -> Self {
        self.house = Some(text.into());
        self
    }

    /// Who is told of requests for approval. Every process that serves tells them, so give each the same.
    #[cfg(feature = "webhooks")]
    #[must_use]
    pub fn webhooks(mut self, webhooks: Webhooks) -> Self {
        self.webhooks = webhooks;
        self
    }

    /// The manifest of what is declared so far, or everything that is wrong with the declarations.
    pub fn manifest(&self) -> Result<Manifest, Vec<StartFault>> {
        let described = self.describe()?;
        let info = &self.info;
        Ok(Manifest::from_described(&info.name, &info.version, info.owner.as_deref(), &described))
    }

    /// Every check that start-up makes, without opening the state: declarations, schemas, policies.
    ///
    /// ```
    /// use mcp_secure::prelude::*;
    ///
    /// let nothing = Server::builder(|_| Ok::<(), String>(()));
    /// assert!(nothing.check().unwrap_err()[0].to_string().starts_with("nothing is served"));
    /// ```
    pub fn check(&self) -> Result<(), Vec<StartFault>> {
        self.checked().map(drop)
    }

    /// Who vouches for the accounts of a server on this data folder.
    pub(crate) fn vouches(&self, data: &DataDir, people: &Directory) -> Option<Arc<dyn Refresh>> {
        let declared = || -> Arc<dyn Refresh> { Arc::new(people.clone()) };
        let sandbox = data.kind() == DataDirKind::Sandbox;
        self.refresh.clone().or_else(|| sandbox.then(declared))
    }

    /// The people of the sandbox, once their names are checked.
    pub(crate) fn directory(&self) -> Result<Directory, PeopleError> {
        self.people.clone().build()
    }

    /// Runs the command line of this process, and ends it.
    ///
    /// - `serve`: over standard input or HTTP; also what the bare program does
    /// - `token`: a bearer token for development
    /// - `manifest`, `check`: what is served, and whether it may be
    /// - `approvals`, `runs`: deciding, taking back, resolving doubts
    /// - `inbox`: a one-time link to sign in on the web page
    /// - `switch`: off and on again, at once and everywhere
    /// - `audit`: verifying and reading the record
    /// - `completions`: for a shell
    ///
    /// The exit code is 0 when it was done, 1 when it was refused or failed, 2 when it was called wrongly, 3 when it was done
    /// and could not be recorded.
    pub async fn cli(self) -> ExitCode {
        let code = crate::cli::run(
            Arc::new(super::application::Application::new(self)),
            std::env::args_os(),
        )
        .await;
        // A read of standard input may still be pending; it would keep the process alive for as long as the host does.
        std::process::exit(exit_number(code))
    }
}

/// `ExitCode` can be compared and not read.
fn exit_number(code: ExitCode) -> i32 {
    match code {
        code if code == ExitCode::SUCCESS => 0,
        code if code == ExitCode::from(2) => 2,
        code if code == ExitCode::from(3) => 3,
        _ => 1,
    }
}
