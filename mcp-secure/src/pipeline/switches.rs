//! The kill switch: a tool, a tenant or everything off at run time, in every process of the store.
//!
//! The store holds what is off. Each process reads it a few times a second, so that a call costs nothing; what can not
//! be read counts as off.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use mcp_secure_rules::names::nearest;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::gate::Gate;
use super::refusal::{Code, Refusal};
use super::rollback::cut;
use super::table::Served;
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::clock::Timestamp;
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, PolicyEngine, Question};
use crate::store::{StoreError, Switch, SwitchScope};

/// How often what is off is read.
pub(super) const READ_EVERY: Duration = Duration::from_millis(250);
/// What was read longer ago than this is not known any more.
const KNOWN_FOR: Duration = Duration::from_secs(3);
/// Changes that were seen and could not be recorded yet; beyond that the oldest are given up.
const UNTOLD: usize = 1024;
/// What policies know the switches by: a tool that nobody can call, under a permission of its own.
pub(crate) const SWITCH_ACTION: &str = "server:switch";
/// The permission to switch.
pub(crate) const SWITCH_PERMISSION: &str = "server.switch";

/// Why nothing was switched, or nobody is told what is off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchRefused {
    /// Policy does not let this person switch so.
    #[error("policy does not grant `{SWITCH_PERMISSION}`")]
    NotPermitted,
    /// Nothing of that name is served.
    #[error("{0}")]
    NoSuchTool(String),
    /// Nobody could tell later who switched it on.
    #[error("the record can not be written, so nothing was switched on: {0}")]
    Unrecorded(String),
    /// The store can not be read or written.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for SwitchRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// What is off, as far as this process knows.
pub(super) struct Switches {
    board: RwLock<Board>,
    changed: watch::Sender<u64>,
    news: Mutex<News>,
}

/// What others switched, on its way to the record.
#[derive(Default)]
struct News {
    /// What this process is switching itself, and records itself.
    own: Vec<SwitchScope>,
    untold: Vec<Record>,
}

#[derive(Default)]
struct Board {
    off: Vec<Switch>,
    read: Option<Instant>,
}

impl Switches {
    pub(super) fn new() -> Self {
        Self { board: RwLock::default(), changed: watch::Sender::new(0), news: Mutex::default() }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        // Each change is one operation, so it is whole whoever panicked.
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scope that keeps this tool off for this tenant; `Err` where nobody knows.
    fn off(&self, tool: &str, tenant: &str) -> Result<Option<SwitchScope>, ()> {
        let board = self.board.read().unwrap_or_else(PoisonError::into_inner);
        if board.read.is_none_or(|read| read.elapsed() > KNOWN_FOR) {
            return Err(());
        }
        let hits = |switch: &&Switch| match &switch.scope {
            SwitchScope::Everything => true,
            SwitchScope::Tenant(one) => one == tenant,
            SwitchScope::Tool(one) => one == tool,
        };
        Ok(board.off.iter().find(hits).map(|switch| switch.scope.clone()))
    }

    /// Takes what was asked for at `asked`: an answer that was long on its way is as old as its question.
    fn put(&self, off: Vec<Switch>, asked: Instant) {
        let mut board = self.board.write().unwrap_or_else(PoisonError::into_inner);
        if board.read.is_some_and(|read| read > asked) {
            return;
        }
        let differs = board.off != off;
        // What stood before the first look is no change.
        if differs && board.read.is_some() {
            self.note_changes(&board.off, &off);
        }
        *board = Board { off, read: Some(asked) };
        drop(board);
        if differs {
            self.changed.send_modify(|version| *version = version.wrapping_add(1));
        }
    }

    /// Takes down what somebody else has switched. The emergency brake works without a record, so whoever obeys it
    /// records it.
    fn note_changes(&self, before: &[Switch], after: &[Switch]) {
        let mut news = self.news();
        let gone = before.iter().filter(|old| after.iter().all(|new| new.scope != old.scope));
        let come = after.iter().filter(|new| !before.contains(new));
        let seen: Vec<Record> = gone
            .map(|old| (&old.scope, seen_on(&old.scope)))
            .chain(come.map(|new| (&new.scope, seen_off(new))))
            .filter(|(scope, _)| !news.own.contains(scope))
            .map(|(_, record)| record)
            .collect();
        news.untold.extend(seen);
        let beyond = news.untold.len().saturating_sub(UNTOLD);
        news.untold.drain(..beyond);
    }
}

/// What can not be looked up counts as off, for as long as that lasts.
fn unknown() -> Refusal {
    let reason = "whether this is switched off can not be looked up, so it counts as off";
    Refusal::new(Code::SwitchedOff, reason)
        .remedy("try again later; an operator has to look at the server's store")
        .retry_after(Duration::from_secs(1))
}

/// What this process found off, or heard of.
fn seen_off(switch: &Switch) -> Record {
    Record::new(Event::Switch)
        .detail(json!({
            "scope": switch.scope.to_string(), "off": true, "by": switch.by,
            "since": switch.since.to_rfc3339(), "reason": switch.reason,
        }))
        .outcome(OutcomeNote::new(Executed::Yes, "seen"))
}

fn seen_on(scope: &SwitchScope) -> Record {
    Record::new(Event::Switch)
        .detail(json!({"scope": scope.to_string(), "off": false}))
        .outcome(OutcomeNote::new(Executed::Yes, "seen"))
}

impl Gate {
    /// Records what is off already when this process begins to serve.
    pub(super) fn note_found_off(&self) {
        let board = self.switches.board.read().unwrap_or_else(PoisonError::into_inner);
        let found: Vec<Record> = board.off.iter().map(seen_off).collect();
        drop(board);
        self.switches.news().untold.extend(found);
    }

    /// Hands what others switched to the record. What it does not take is kept for the next time.
    fn tell_news(&self) {
        let mut news = self.switches.news();
        let told = news.untold.iter().take_while(|seen| self.audit.queued((*seen).clone()).is_ok());
        let told = told.count();
        news.untold.drain(..told);
    }

    /// Stage 5: whether the call is switched off.
    pub(super) fn switched_on(&self, tool: &Served, principal: &Principal) -> Result<(), Refusal> {
        let reason = match self.switches.off(tool.spec.name, &principal.tenant) {
            Ok(None) => return Ok(()),
            Ok(Some(SwitchScope::Tool(_))) => "an operator has switched this tool off",
            Ok(Some(SwitchScope::Tenant(_))) => "an operator has switched your organisation off",
            Ok(Some(SwitchScope::Everything)) => "an operator has switched this server off",
            // Nobody has switched anything off, so it is worth another try.
            Err(()) => return Err(unknown()),
        };
        Err(Refusal::new(Code::SwitchedOff, reason)
            .remedy("do not try another way; ask the person you work for"))
    }

    /// Whether a list may show the tool: what is switched off is not offered.
    pub(super) fn is_offered(&self, tool: &Served, principal: &Principal) -> bool {
        !matches!(self.switches.off(tool.spec.name, &principal.tenant), Ok(Some(_)))
    }

    /// Changes whenever something is switched off or on.
    pub(crate) fn switchings(&self) -> watch::Receiver<u64> {
        self.switches.changed.subscribe()
    }

    /// Reads what is off. Failing is no news: what is not read again counts as off soon enough.
    pub(crate) async fn read_switches(&self) -> Result<(), String> {
        let asked = Instant::now();
        let off = self.store.switches().await.map_err(|error| error.to_string())?;
        self.switches.put(off, asked);
        self.tell_news();
        Ok(())
    }

    /// What is off, newest first: of it, what they may switch, for whoever may switch at all.
    pub(crate) async fn switched_off(
        &self,
        who: &Authenticated,
    ) -> Result<Vec<Switch>, SwitchRefused> {
        if !self.policy.could_permit(who.principal(), Act::Call, SWITCH_ACTION) {
            return Err(SwitchRefused::NotPermitted);
        }
        let mut off = self.store.switches().await?;
        off.retain(|switch| {
            [true, false].iter().any(|off| self.may_switch(who, &wish(&switch.scope, *off)).is_ok())
        });
        Ok(off)
    }

    /// Switches off or on, as `who`. Recorded before it is done, and after; `Ok(false)` where it stood so already.
    pub(crate) async fn switch(
        &self,
        who: &Authenticated,
        scope: SwitchScope,
        off: bool,
        reason: Option<&str>,
    ) -> Result<bool, SwitchRefused> {
        if let Err(why) = self.may_switch(who, &wish(&scope, off)) {
            let principal = who.shared();
            let refused = Record::new(Event::Switch)
                .principal(&*principal)
                .detail(json!({"scope": scope.to_string(), "off": off}))
                .outcome(OutcomeNote::new(Executed::No, "permission_denied"));
            if let Err(error) = self.audit.queued(refused) {
                tracing::error!(%error, "a refused switch could not be recorded");
            }
            return Err(why);
        }
        if let SwitchScope::Tool(name) = &scope
            && self.table.tool(name).is_none()
            && (off || !self.is_off(&scope).await?)
        {
            let served = self.table.iter().map(|served| served.spec.name);
            return Err(SwitchRefused::NoSuchTool(no_such_tool(name, served)));
        }
        let principal = who.shared();
        let reason = reason.map(cut);
        let record = |outcome: &str, executed| {
            Record::new(Event::Switch)
                .principal(&*principal)
                .detail(json!({"scope": scope.to_string(), "off": off, "reason": reason}))
                .outcome(OutcomeNote::new(executed, outcome))
        };
        // Who pulls the emergency brake is not kept waiting for paper; who lets go of it is.
        let begun = if off {
            self.audit.queued(record("begun", Executed::No))
        } else {
            self.audit.durable(record("begun", Executed::No)).await.map(drop)
        };
        match begun {
            Err(error) if !off => {
                return Err(SwitchRefused::Unrecorded(error.to_string()));
            }
            Err(error) => tracing::error!(%error, %scope, "switching off goes on without a record"),
            Ok(()) => {}
        }
        let by = named(&principal);
        self.switches.news().own.push(scope.clone());
        let changed = self.store.switch(scope.clone(), off, &by, reason.as_deref()).await;
        drop(self.read_switches().await);
        self.switches.news().own.retain(|own| *own != scope);
        let changed = changed?;
        let said = if changed { "ok" } else { "unchanged" };
        if let Err(error) = self.audit.queued(record(said, Executed::Yes)) {
            tracing::error!(%error, "a switch could not be recorded");
        }
        Ok(changed)
    }

    /// Whether it stands in the store: what is not served any more can still be switched on.
    async fn is_off(&self, scope: &SwitchScope) -> Result<bool, SwitchRefused> {
        let off = self.store.switches().await?;
        Ok(off.iter().any(|switch| switch.scope == *scope))
    }

    fn may_switch(
        &self,
        who: &Authenticated,
        wish: &Map<String, Value>,
    ) -> Result<(), SwitchRefused> {
        permitted(&self.policy, who, wish, self.clock.now())
    }
}

/// Whether policy lets `who` switch so.
pub(super) fn permitted(
    policy: &PolicyEngine,
    who: &Authenticated,
    wish: &Map<String, Value>,
    now: Timestamp,
) -> Result<(), SwitchRefused> {
    let verdict = policy.authorize(&Question {
        principal: who.principal(),
        act: Act::Call,
        tool: SWITCH_ACTION,
        resource: None,
        arguments: wish,
        now,
        requester: None,
    });
    if verdict.is_permit() { Ok(()) } else { Err(SwitchRefused::NotPermitted) }
}

/// Who it was, as the store keeps it.
pub(super) fn named(principal: &Principal) -> String {
    principal.person.clone().unwrap_or_else(|| principal.subject.clone())
}

/// That nothing of this name is served, with the name that was probably meant.
pub(super) fn no_such_tool<'a>(name: &str, served: impl Iterator<Item = &'a str>) -> String {
    let name = super::validate::plain(name);
    let says = format!("no tool is called `{name}`");
    match nearest(&name, served) {
        Some(known) => format!("{says}; did you mean `{known}`?"),
        None => format!("{says}; `manifest` lists them"),
    }
}

/// What is switched, as policies see it in `context.args`.
pub(super) fn wish(scope: &SwitchScope, off: bool) -> Map<String, Value> {
    let (kind, name) = match scope {
        SwitchScope::Everything => ("everything", ""),
        SwitchScope::Tenant(name) => ("tenant", name.as_str()),
        SwitchScope::Tool(name) => ("tool", name.as_str()),
    };
    [("scope", kind.into()), ("name", name.into()), ("off", off.into())]
        .map(|(key, value): (&str, Value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}

/// The schema of [`wish`].
pub(crate) fn switch_arguments() -> Value {
    json!({
        "type": "object",
        "properties": {
            "scope": {"type": "string"}, "name": {"type": "string"}, "off": {"type": "boolean"},
        },
        "required": ["scope", "name", "off"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_tool_is_told_the_nearest_name() {
        let served = ["request_refund", "stock_level"];
        let says = |name| no_such_tool(name, served.into_iter());
        assert!(says("request_refnud").ends_with("did you mean `request_refund`?"));
        assert!(says("stok_level").ends_with("did you mean `stock_level`?"));
        assert!(!says("delete_everything").contains("did you mean"));
    }
}
