//! The kill switch: a tool, a tenant or everything off at run time, in every process of the store.
//!
//! The store holds what is off. Each process reads it a few times a second, so that a call costs nothing; what can not
//! be read counts as off.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::gate::Gate;
use super::refusal::{Code, Refusal};
use super::rollback::cut;
use super::table::Served;
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::identity::{Authenticated, Principal};
use crate::policy::{Act, Question};
use crate::store::{Switch, SwitchScope};

/// How often what is off is read.
pub(super) const READ_EVERY: Duration = Duration::from_millis(250);
/// What was read longer ago than this is not known any more.
const KNOWN_FOR: Duration = Duration::from_secs(3);
/// What policies know the switches by: a tool that nobody can call, under a permission of its own.
pub(crate) const SWITCH_ACTION: &str = "server:switch";
/// The permission to switch.
pub(crate) const SWITCH_PERMISSION: &str = "server.switch";

/// What is off, as far as this process knows.
pub(super) struct Switches {
    board: RwLock<Board>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Board {
    off: Vec<Switch>,
    read: Option<Instant>,
}

impl Switches {
    pub(super) fn new() -> Self {
        Self { board: RwLock::default(), changed: watch::Sender::new(0) }
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
        *board = Board { off, read: Some(asked) };
        drop(board);
        if differs {
            self.changed.send_modify(|version| *version = version.wrapping_add(1));
        }
    }
}

impl Gate {
    /// Stage 5: whether the call is switched off.
    pub(super) fn switched_on(&self, tool: &Served, principal: &Principal) -> Result<(), Refusal> {
        let reason = match self.switches.off(tool.spec.name, &principal.tenant) {
            Ok(None) => return Ok(()),
            Ok(Some(SwitchScope::Tool(_))) => "an operator has switched this tool off",
            Ok(Some(SwitchScope::Tenant(_))) => "an operator has switched your organisation off",
            Ok(Some(SwitchScope::Everything)) => "an operator has switched this server off",
            Err(()) => "whether this is switched off can not be looked up, so it counts as off",
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
        Ok(())
    }

    /// What is off, newest first: of it, what they may switch, for whoever may switch at all.
    pub(crate) async fn switched_off(&self, who: &Authenticated) -> Result<Vec<Switch>, String> {
        if !self.policy.could_permit(who.principal(), Act::Call, SWITCH_ACTION) {
            return Err(not_granted());
        }
        let mut off = self.store.switches().await.map_err(|error| error.to_string())?;
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
    ) -> Result<bool, String> {
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
        {
            return Err(format!("no tool is called `{}`", super::validate::plain(name)));
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
                return Err(format!(
                    "the record can not be written, so nothing was switched on: {error}"
                ));
            }
            Err(error) => tracing::error!(%error, %scope, "switching off goes on without a record"),
            Ok(()) => {}
        }
        let by = principal.person.clone().unwrap_or_else(|| principal.subject.clone());
        let changed = self.store.switch(scope.clone(), off, &by, reason.as_deref()).await;
        let changed = changed.map_err(|error| error.to_string())?;
        let said = if changed { "ok" } else { "unchanged" };
        if let Err(error) = self.audit.queued(record(said, Executed::Yes)) {
            tracing::error!(%error, "a switch could not be recorded");
        }
        drop(self.read_switches().await);
        Ok(changed)
    }

    fn may_switch(&self, who: &Authenticated, wish: &Map<String, Value>) -> Result<(), String> {
        let principal = who.shared();
        let verdict = self.policy.authorize(&Question {
            principal: &principal,
            act: Act::Call,
            tool: SWITCH_ACTION,
            resource: None,
            arguments: wish,
            now: self.clock.now(),
            requester: None,
        });
        if verdict.is_permit() {
            return Ok(());
        }
        Err(not_granted())
    }
}

fn not_granted() -> String {
    format!("policy does not grant `{SWITCH_PERMISSION}`")
}

/// What is switched, as policies see it in `context.args`.
fn wish(scope: &SwitchScope, off: bool) -> Map<String, Value> {
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
