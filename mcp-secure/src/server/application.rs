//! The declared server as the command line drives it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::builder::ServerBuilder;
use super::http::HttpSettings;
use super::opened::{Opened, opened_to_announce};
use crate::api::Api;
use crate::audit::{Options, Record};
use crate::catalog::StartFault;
use crate::cli::{App, CheckReport, InboxParts, NoInbox, Opening};
use crate::clock::Clock;
#[cfg(feature = "oidc")]
use crate::identity::OidcSignIn;
use crate::identity::{
    Authenticator, DataDir, Directory, JwtAuthenticator, LocalAuthenticator, LocalIssuer,
};
use crate::inbox::{Base, SignIn};
use crate::manifest::Manifest;
use crate::pipeline::{Brake, ServerInfo};
use crate::store::StoreSource;
use crate::tool::{BoxFuture, State};

/// The client of a process that a host started.
const STDIO_CLIENT: &str = "stdio";

pub(super) struct Application<S: State> {
    builder: ServerBuilder<S>,
    people: Directory,
    clock: Clock,
}

impl<S: State> Application<S> {
    pub(super) fn new(builder: ServerBuilder<S>) -> Self {
        // A fault in it is told by every check; until then there is nobody.
        let people = builder.people.clone().build().unwrap_or_default();
        Self { builder, people, clock: Clock::system() }
    }

    /// Names chosen on this machine and an issuer's people are never known to be the same, so with both somebody could
    /// decide on a call of their own.
    fn no_issuer(&self) -> Result<(), String> {
        if self.builder.issuers.is_empty() {
            return Ok(());
        }
        Err("an issuer of real people is set, so nobody is named on this machine; sign in with that issuer".to_owned())
    }

    fn authenticator(
        &self,
        data: &DataDir,
        opening: &Opening,
    ) -> Result<Arc<dyn Authenticator>, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        if matches!(opening, Opening::Stdio { .. } | Opening::Desk) {
            self.no_issuer()?;
        }
        Ok(match opening {
            Opening::Stdio { person: Some(name) } => {
                let sandbox = data.sandbox().map_err(|error| words(&error))?;
                let local = LocalAuthenticator::asserted(&self.people, name, STDIO_CLIENT, sandbox);
                Arc::new(local.map_err(|error| words(&error))?)
            }
            Opening::Stdio { person: None } => {
                let local = LocalAuthenticator::system_user(&self.people, STDIO_CLIENT);
                Arc::new(local.map_err(|error| words(&error))?)
            }
            Opening::Http => {
                let issuers = if self.builder.issuers.is_empty() {
                    let local = self.local_issuer(data)?;
                    vec![local.issuer().map_err(|error| words(&error))?]
                } else {
                    self.builder.issuers.clone()
                };
                let jwt = JwtAuthenticator::new(issuers, self.clock.clone());
                Arc::new(jwt.map_err(|error| words(&error))?)
            }
            // Deciders are authenticated one by one; nobody calls.
            Opening::Desk => Arc::new(
                JwtAuthenticator::new([], self.clock.clone()).map_err(|error| words(&error))?,
            ),
        })
    }
}

impl<S: State> App for Application<S> {
    fn info(&self) -> &ServerInfo {
        &self.builder.info
    }

    fn manifest(&self) -> Result<Manifest, Vec<StartFault>> {
        self.builder.manifest()
    }

    fn check<'a>(&'a self, _data: &'a Path) -> BoxFuture<'a, Result<CheckReport, Vec<StartFault>>> {
        Box::pin(async move {
            let (described, policy) = self.builder.checked()?;
            let notes = policy.warnings().iter().map(ToString::to_string).collect();
            Ok(CheckReport { tools: described.len(), policies: policy.count(), notes })
        })
    }

    fn people(&self) -> &Directory {
        &self.people
    }

    fn local_issuer(&self, data: &DataDir) -> Result<LocalIssuer, String> {
        self.no_issuer()?;
        LocalIssuer::open(data, self.builder.info.name.clone()).map_err(|error| error.to_string())
    }

    fn local_decisions(&self) -> Result<(), String> {
        match &self.builder.decisions {
            None => self.no_issuer(),
            Some(_) => {
                Err("decisions take the tokens of an issuer that was set; get one there".to_owned())
            }
        }
    }

    fn http(&self, addr: SocketAddr) -> HttpSettings {
        let mut settings = HttpSettings::new(addr);
        settings.public.clone_from(&self.builder.public);
        settings.sessions = self.builder.sessions;
        settings.requests_per_peer = self.builder.requests_per_peer;
        settings.connections_per_peer = self.builder.connections_per_peer;
        settings.real_issuer = !self.builder.issuers.is_empty();
        settings.inbox = self.builder.inbox.listen.filter(|_| self.builder.inbox.on);
        settings
    }

    fn inbox_base(&self) -> Option<Base> {
        let inbox = &self.builder.inbox;
        inbox.base().filter(|_| inbox.on)?.ok()
    }

    fn inbox(
        &self,
        data: &DataDir,
        addr: SocketAddr,
        named: Option<Base>,
    ) -> Result<InboxParts, NoInbox> {
        let mut settings = self.builder.inbox.clone();
        if !settings.on {
            return Err(NoInbox::Off);
        }
        let because = |why: &str| NoInbox::Because(why.to_owned());
        if let Some(base) = named {
            // Names and origins are held to what an operator says, as to what is declared.
            settings = settings.url(base.origin());
        }
        let base = match settings.base() {
            Some(base) => base.map_err(|why| because(&why.to_string()))?,
            None if addr.ip().is_loopback() && self.builder.public.is_none() => Base::of(addr),
            None => {
                return Err(because(
                    "the address that people type is not known; set the inbox's `url`",
                ));
            }
        };
        #[cfg(feature = "oidc")]
        if let Some(provider) = &settings.provider {
            let provider = OidcSignIn::new(provider.clone(), self.clock.clone());
            let provider = Arc::new(provider.map_err(|why| because(&why))?);
            // Aside: what is wrong there is logged when the server starts, and keeps nobody from starting.
            let looking = Arc::clone(&provider);
            tokio::spawn(async move { drop(looking.look().await) });
            let sign_in = SignIn::Issuer(provider);
            return Ok(InboxParts { sign_in, base, settings });
        }
        // Names chosen on this machine and an issuer's people are never known to be the same.
        let sandbox = data.sandbox().ok().filter(|_| self.builder.issuers.is_empty());
        let Some(sandbox) = sandbox else {
            return Err(because(
                "nobody can sign in: one-time links work in a `sandbox` data folder without an issuer of real people alone; set \
                 the OpenID provider of those who decide with `Inbox::sign_in` (feature `oidc`)",
            ));
        };
        if !addr.ip().is_loopback() {
            return Err(because(
                "one-time links are for this machine alone; listen on `127.0.0.1`",
            ));
        }
        let sign_in = SignIn::Links { people: self.people.clone(), sandbox };
        Ok(InboxParts { sign_in, base, settings })
    }

    fn api(&self, data: &DataDir, opened: &Arc<dyn Opened>) -> Result<Option<Arc<Api>>, String> {
        let issuers = match &self.builder.decisions {
            Some(decisions) => decisions.issuers().to_vec(),
            None if self.builder.issuers.is_empty() && data.sandbox().is_ok() => {
                let local = self.local_issuer(data)?.approvals_issuer();
                vec![local.map_err(|error| error.to_string())?]
            }
            None => return Ok(None),
        };
        let api = Api::new(Arc::clone(opened), issuers, self.clock.clone());
        api.map(Some).map_err(|error| error.to_string())
    }

    fn brake<'a>(
        &'a self,
        data: Option<&'a DataDir>,
        store: Option<&'a StoreSource>,
    ) -> BoxFuture<'a, Result<Brake, String>> {
        Box::pin(async move {
            self.no_issuer()?;
            self.builder.open_brake(data, store, self.clock.clone()).await
        })
    }

    fn record_alone<'a>(
        &'a self,
        data: &'a DataDir,
        record: Record,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(ServerBuilder::<S>::record_alone(data, self.clock.clone(), record))
    }

    fn open(
        &self,
        data: DataDir,
        opening: Opening,
        store: Option<StoreSource>,
    ) -> BoxFuture<'_, Result<Arc<dyn Opened>, Vec<StartFault>>> {
        Box::pin(async move {
            let authenticator =
                self.authenticator(&data, &opening).map_err(|why| vec![StartFault::server(why)])?;
            let gate = self
                .builder
                .open_gate(
                    &data,
                    store.as_ref(),
                    authenticator,
                    self.clock.clone(),
                    Options::default(),
                )
                .await?;
            let mut announce = None;
            if opening != Opening::Desk {
                for warning in gate.policy_warnings() {
                    tracing::warn!("policies: {warning}");
                }
                gate.keep_up();
                announce = self.builder.announce(&gate)?;
                if let Some(refresh) = self.builder.vouches(&data, &self.people) {
                    gate.run_approved(refresh);
                }
            }
            Ok(opened_to_announce(gate, announce))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::{DataDirKind, Issuer, People, Person, StaticKeys};
    use crate::inbox::Inbox;
    use crate::server::Server;

    const HERE: &str = "127.0.0.1:8080";

    fn inbox(
        kind: DataDirKind,
        change: impl FnOnce(ServerBuilder<()>) -> ServerBuilder<()>,
        addr: &str,
        named: Option<&str>,
    ) -> Result<InboxParts, String> {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open_or_create(folder.path().join("data"), kind).unwrap();
        let people = People::new().with(Person::new("bob", "acme"));
        let server = Server::builder(|_| Ok::<(), String>(())).people(people);
        let app = Application::new(change(server));
        let named = named.map(|url| Base::parse(url).unwrap());
        app.inbox(&data, addr.parse().unwrap(), named).map_err(|why| match why {
            NoInbox::Off => "off".to_owned(),
            NoInbox::Because(why) => why,
        })
    }

    fn issuer() -> Issuer {
        Issuer::new("https://id.example.com", "mcp", Arc::new(StaticKeys::default())).unwrap()
    }

    #[test]
    fn a_sandbox_on_this_machine_has_an_inbox_unless_it_is_off() {
        let parts = inbox(DataDirKind::Sandbox, |server| server, HERE, None).ok().unwrap();
        assert_eq!(parts.base.front(), "http://127.0.0.1:8080/inbox");
        assert!(parts.settings.url.is_none());
        let off = inbox(DataDirKind::Sandbox, |s| s.inbox(Inbox::new().off()), HERE, None);
        assert_eq!(off.err().unwrap(), "off");
    }

    #[test]
    fn where_nobody_can_sign_in_there_is_no_inbox_and_it_says_why() {
        let production = inbox(DataDirKind::Production, |server| server, HERE, None);
        assert!(production.err().unwrap().contains("nobody can sign in"));
        let real = inbox(DataDirKind::Sandbox, |server| server.issuer(issuer()), HERE, None);
        assert!(real.err().unwrap().contains("nobody can sign in"));
        let far = inbox(
            DataDirKind::Sandbox,
            |server| server,
            "192.0.2.1:80",
            Some("https://desk.example.com"),
        );
        assert!(far.err().unwrap().contains("this machine alone"));
        let public = |server: ServerBuilder<()>| server.public(["mcp.example.com"]);
        let unnamed = inbox(DataDirKind::Sandbox, public, HERE, None);
        assert!(unnamed.err().unwrap().contains("set the inbox's `url`"));
    }

    #[test]
    fn the_address_that_an_operator_names_is_what_names_and_origins_are_held_to() {
        let url = "https://desk.example.com";
        let named = inbox(DataDirKind::Sandbox, |server| server, HERE, Some(url)).ok().unwrap();
        assert_eq!((named.base.origin(), named.settings.url.as_deref()), (url, Some(url)));
        let other = |server: ServerBuilder<()>| server.inbox(Inbox::new().url("https://a.example"));
        let named = inbox(DataDirKind::Sandbox, other, HERE, Some(url)).ok().unwrap();
        assert_eq!(named.settings.url.as_deref(), Some(url));
    }
}
