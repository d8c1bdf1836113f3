//! The declared server as the command line drives it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::builder::ServerBuilder;
use super::http::HttpSettings;
use super::opened::{Opened, opened};
use crate::audit::{Options, Record};
use crate::catalog::StartFault;
use crate::cli::{App, CheckReport, InboxParts, NoInbox, Opening};
use crate::clock::Clock;
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
        let settings = self.builder.inbox.clone();
        if !settings.on {
            return Err(NoInbox::Off);
        }
        let because = |why: &str| NoInbox::Because(why.to_owned());
        let base = match named.map(Ok).or_else(|| settings.base()) {
            Some(base) => base.map_err(|why| because(&why.to_string()))?,
            None if addr.ip().is_loopback() && self.builder.public.is_none() => Base::of(addr),
            None => {
                return Err(because(
                    "the address that people type is not known; set the inbox's `url`",
                ));
            }
        };
        // Names chosen on this machine and an issuer's people are never known to be the same.
        let sandbox = data.sandbox().ok().filter(|_| self.builder.issuers.is_empty());
        let Some(sandbox) = sandbox else {
            return Err(because(
                "nobody can sign in: one-time links work in a `sandbox` data folder without an issuer of real people alone",
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
            if opening != Opening::Desk {
                for warning in gate.policy_warnings() {
                    tracing::warn!("policies: {warning}");
                }
                gate.keep_up();
                #[cfg(feature = "webhooks")]
                self.builder.announce(&gate)?;
                if let Some(refresh) = self.builder.vouches(&data, &self.people) {
                    gate.run_approved(refresh);
                }
            }
            Ok(opened(gate))
        })
    }
}
