//! From a declaration to an open gate: describe, check, load policies, open store and record, recover.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::boot::Boot;
use super::builder::ServerBuilder;
use super::comparable::{self, Side};
use super::opened::Later;
use super::{checks, patterns};
use crate::audit::{Audit, AuditKey, Event, Options, Record};
use crate::catalog::{Described, StartFault, describe};
use crate::clock::Clock;
use crate::identity::{Authenticator, DataDir};
use crate::pipeline::{Brake, Declared, Gate, GateParts, Table};
use crate::policy::PolicyEngine;
use crate::store::StoreSource;
use crate::tool::State;

/// Where things lie in the data folder.
pub(crate) const AUDIT_FOLDER: &str = "audit";
const AUDIT_KEY: &str = "audit.key";
const STORE_FILE: &str = "mcp-secure.sqlite";
/// A lease has to outlast a slow disk a few times.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);

impl<S: State> ServerBuilder<S> {
    pub(super) fn describe(&self) -> Result<Vec<Described>, Vec<StartFault>> {
        describe(&self.entries, self.info.owner.as_deref(), self.house.as_deref())
    }

    /// Whether those who decide can be told from those who ask.
    fn incomparable(&self) -> Vec<StartFault> {
        let deciders = self.decisions.as_ref().map(crate::api::Decisions::issuers);
        #[cfg_attr(not(feature = "oidc"), expect(unused_mut, reason = "the inbox has no issuer"))]
        let mut deciders = Side::of_decisions(deciders.unwrap_or_default());
        #[cfg(feature = "oidc")]
        deciders.extend(self.inbox.provider.iter().map(Side::of_the_inbox));
        comparable::faults(&Side::of_calls(&self.issuers), &deciders)
    }

    /// Everything that can be found wrong without opening anything.
    pub(super) fn checked(&self) -> Result<(Vec<Described>, PolicyEngine), Vec<StartFault>> {
        let mut faults = Vec::new();
        if let Err(error) = self.people.clone().build() {
            faults.push(StartFault::server(error.to_string()));
        }
        faults.extend(self.inbox.faults().into_iter().map(StartFault::server));
        if self.settings.lease < SHORTEST_LEASE {
            faults.push(StartFault::server(format!(
                "a lease under {SHORTEST_LEASE:?} would take running calls for lost; raise `lease` in the settings"
            )));
        }
        #[cfg(feature = "webhooks")]
        faults.extend(self.webhooks.faults());
        if self.entries.is_empty() {
            faults.push(StartFault::server(
                "nothing is served; give the server its tools with `tools![..]`",
            ));
        }
        let described = match self.describe() {
            Ok(described) => described,
            Err(found) => {
                faults.extend(found);
                return Err(faults);
            }
        };
        faults.extend(patterns::broken(&described));
        faults.extend(checks::deciders(&described));
        faults.extend(self.incomparable());
        match checks::policies(&self.policies, &self.info.name, &described) {
            Ok(policy) if faults.is_empty() => Ok((described, policy)),
            Ok(_) => Err(faults),
            Err(found) => {
                faults.extend(found);
                Err(faults)
            }
        }
    }

    /// Opens the store, and of the rest what holds. No application state, no record, no key.
    pub(super) async fn open_brake(
        &self,
        data: Option<&DataDir>,
        store: Option<&StoreSource>,
        clock: Clock,
    ) -> Result<Brake, String> {
        let declared = self.checked().ok().map(|(described, policy)| Declared {
            policy,
            tools: described.iter().map(|described| described.spec.name).collect(),
        });
        let source = store.unwrap_or(&self.store);
        let file = match (data, source) {
            (Some(data), _) => data.path().join(STORE_FILE),
            (None, StoreSource::DataFolder) => {
                return Err("the store lies in the data folder, which can not be opened".to_owned());
            }
            (None, _) => std::path::PathBuf::new(),
        };
        let store = source.open(&file, clock.clone()).await.map_err(|error| error.to_string())?;
        Ok(Brake { store, declared, clock })
    }

    /// Writes one record to the record of `data`, which nothing else is opened for.
    pub(super) async fn record_alone(
        data: &DataDir,
        clock: Clock,
        record: Record,
    ) -> Result<(), String> {
        let folder = data.path().to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let key = AuditKey::load_or_create(&folder.join(AUDIT_KEY))?;
            Audit::open(&folder.join(AUDIT_FOLDER), key, clock)
        });
        let audit = opened.await.map_err(|error| error.to_string())?;
        let audit = audit.map_err(|error| error.to_string())?;
        audit.durable(record).await.map_err(|error| error.to_string())?;
        audit.close().await.map_err(|error| error.to_string())
    }

    /// Opens everything. The caller decides what proves who calls.
    pub(crate) async fn open_gate(
        &self,
        data: &DataDir,
        store: Option<&StoreSource>,
        authenticator: Arc<dyn Authenticator>,
        clock: Clock,
        audit: Options,
    ) -> Result<Arc<Gate>, Vec<StartFault>> {
        let one = |what: &str, error: &dyn std::fmt::Display| {
            vec![StartFault::server(format!("{what}: {error}"))]
        };
        let (described, policy) = self.checked()?;
        let state = (self.open)(&Boot::new(data.path().to_owned()))
            .map_err(|error| one("the application's state does not open", &error))?;
        let key = AuditKey::load_or_create(&data.path().join(AUDIT_KEY))
            .map_err(|error| one("the record's key", &error))?;
        let audit = Audit::open_with(&data.path().join(AUDIT_FOLDER), key, clock.clone(), audit)
            .map_err(|error| one("the record does not open", &error))?;
        let source = store.unwrap_or(&self.store);
        let store = source
            .open(&data.path().join(STORE_FILE), clock.clone())
            .await
            .map_err(|error| one("the store does not open", &error))?;
        let started = Record::new(Event::Startup).detail(json!({
            "server": self.info.name,
            "version": self.info.version,
            "policy_version": policy.version(),
            "tools": described.iter().map(|d| (d.spec.name, d.fingerprint)).collect::<std::collections::BTreeMap<_, _>>(),
        }));
        audit
            .durable(started)
            .await
            .map_err(|error| one("the record can not be written", &error))?;
        let state = Arc::new(state);
        let bound =
            described.into_iter().zip(&self.entries).map(|(d, entry)| (d, entry.bind(&state)));
        let table = Table::build(bound.collect(), self.settings.max_concurrent)?;
        let gate = Gate::new(GateParts {
            info: self.info.clone(),
            table,
            policy,
            store,
            audit,
            clock,
            authenticator,
            settings: self.settings.clone(),
            #[cfg(feature = "webhooks")]
            announce: self.webhooks.announces(),
            #[cfg(not(feature = "webhooks"))]
            announce: false,
        });
        gate.read_switches()
            .await
            .map_err(|error| one("what is switched off can not be looked up", &error))?;
        gate.watch_switches();
        gate.recover().await.map_err(|error| one("lost runs can not be looked up", &error))?;
        Ok(gate)
    }

    /// What begins to tell others of requests for approval, where somebody is to be told.
    #[cfg(feature = "webhooks")]
    pub(crate) fn announce(&self, gate: &Arc<Gate>) -> Result<Option<Later>, Vec<StartFault>> {
        let deliverer = crate::webhook::Deliverer::open(&self.webhooks)?;
        let gate = Arc::downgrade(gate);
        Ok(deliverer.map(|deliverer| Box::new(move || deliverer.start(gate)) as Later))
    }

    /// Without the feature `webhooks`, nothing.
    #[cfg(not(feature = "webhooks"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as with the feature")]
    pub(crate) fn announce(&self, _: &Arc<Gate>) -> Result<Option<Later>, Vec<StartFault>> {
        Ok(None)
    }
}
