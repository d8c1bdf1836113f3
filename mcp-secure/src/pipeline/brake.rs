//! Switching off with nothing but the store: policies may be broken, a key missing, the disk of the record full.
//!
//! Off is the safe side, so it waits for nothing that can be done without. The store's row says who, when and why; the
//! running servers record it when they see it.

use std::sync::Arc;

use serde_json::json;

use super::rollback::cut;
use super::switches::{named, no_such_tool, permitted, wish};
use crate::audit::{Event, Executed, OutcomeNote, Record};
use crate::clock::Clock;
use crate::identity::Authenticated;
use crate::policy::PolicyEngine;
use crate::store::{Store, SwitchScope};

/// The store, and what else of an application could be had.
pub(crate) struct Brake {
    pub(crate) store: Arc<dyn Store>,
    /// What is declared; nothing where it does not hold together.
    pub(crate) declared: Option<Declared>,
    pub(crate) clock: Clock,
}

/// The policies, and the tools they are about.
pub(crate) struct Declared {
    pub(crate) policy: PolicyEngine,
    pub(crate) tools: Vec<&'static str>,
}

/// Who pulls it.
pub(crate) enum Hand {
    /// Somebody whom policies know.
    Person(Authenticated),
    /// Whoever the operating system lets write the store, where no policy can be asked. `says` is who they say they are.
    System { user: String, says: String },
}

/// What came of it, and the record of it, which is still to be written.
pub(crate) struct Pulled {
    /// Whether it is off now, and was not before. Why not is said in words.
    pub(crate) done: Result<bool, String>,
    pub(crate) record: Record,
}

impl Brake {
    /// Switches `scope` off. Where policies can be read they decide; where they can not, whoever can write the store may:
    /// they could stop the servers too.
    pub(crate) async fn pull(
        &self,
        hand: &Hand,
        scope: &SwitchScope,
        reason: Option<&str>,
    ) -> Pulled {
        let reason = reason.map(cut);
        let by = match hand {
            Hand::Person(who) => named(who.principal()),
            Hand::System { user, says } => format!("system user {user}, as {says}"),
        };
        let mut record = Record::new(Event::Switch)
            .detail(json!({"scope": scope.to_string(), "off": true, "by": by, "reason": reason}));
        if let Hand::Person(who) = hand {
            record = record.principal(who.principal());
        }
        let ended = |executed, code: &str| OutcomeNote::new(executed, code);
        if let Err(why) = self.may(hand, scope) {
            let record = record.outcome(ended(Executed::No, "permission_denied"));
            return Pulled { done: Err(why), record };
        }
        if let (SwitchScope::Tool(name), Some(declared)) = (scope, &self.declared)
            && !declared.tools.contains(&name.as_str())
        {
            let why = no_such_tool(name, declared.tools.iter().copied());
            return Pulled {
                done: Err(why),
                record: record.outcome(ended(Executed::No, "unknown_tool")),
            };
        }
        match self.store.switch(scope.clone(), true, &by, reason.as_deref()).await {
            Ok(changed) => {
                let said = if changed { "ok" } else { "unchanged" };
                Pulled { done: Ok(changed), record: record.outcome(ended(Executed::Yes, said)) }
            }
            Err(error) => Pulled {
                done: Err(format!("nothing was switched off: {error}; stop the servers instead")),
                record: record.outcome(ended(Executed::Unknown, "store_unavailable")),
            },
        }
    }

    fn may(&self, hand: &Hand, scope: &SwitchScope) -> Result<(), String> {
        match (hand, &self.declared) {
            (Hand::Person(who), Some(declared)) => {
                permitted(&declared.policy, who, &wish(scope, true), self.clock.now())
                    .map_err(|refused| refused.to_string())
            }
            (Hand::System { .. }, _) | (_, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sqlite;

    fn brake(folder: &std::path::Path) -> Brake {
        let clock = Clock::system();
        let store = Arc::new(Sqlite::open(&folder.join("store.sqlite"), clock.clone()).unwrap());
        Brake { store, declared: None, clock }
    }

    fn root() -> Hand {
        Hand::System { user: "root".to_owned(), says: "bob".to_owned() }
    }

    #[tokio::test]
    async fn where_no_policy_can_be_read_whoever_has_the_store_switches_off_and_the_row_says_who_and_why()
     {
        let folder = tempfile::tempdir().unwrap();
        let brake = brake(folder.path());
        let scope = SwitchScope::Tool("pay".to_owned());
        let pulled = brake.pull(&root(), &scope, Some("pays twice")).await;
        assert_eq!(pulled.done, Ok(true));
        assert_eq!(pulled.record.outcome.unwrap().code, "ok");
        let off = brake.store.switches().await.unwrap();
        assert_eq!(off.len(), 1);
        assert_eq!((&off[0].scope, off[0].reason.as_deref()), (&scope, Some("pays twice")));
        assert_eq!(off[0].by, "system user root, as bob");
        assert_eq!(brake.pull(&root(), &scope, None).await.done, Ok(false), "off already");
    }

    #[tokio::test]
    async fn where_policies_can_be_read_they_decide_and_a_misspelt_tool_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut brake = brake(folder.path());
        let none = crate::policy::Policies::none();
        let policy = PolicyEngine::build(&none, "bank", &[]).unwrap();
        brake.declared = Some(Declared { policy, tools: vec!["pay"] });
        let people =
            crate::identity::People::new().with(crate::identity::Person::new("bob", "acme"));
        let data = crate::identity::DataDir::open_or_create(
            folder.path().join("data"),
            crate::identity::DataDirKind::Sandbox,
        )
        .unwrap();
        let bob = people.build().unwrap().assert("bob", "desk", data.sandbox().unwrap()).unwrap();
        let pulled = brake.pull(&Hand::Person(bob), &SwitchScope::Everything, None).await;
        assert!(pulled.done.unwrap_err().contains("server.switch"));
        let typo = SwitchScope::Tool("pai".to_owned());
        let why = brake.pull(&root(), &typo, None).await.done.unwrap_err();
        assert!(why.contains("did you mean `pay`?"), "{why}");
        assert!(brake.store.switches().await.unwrap().is_empty());
    }
}
