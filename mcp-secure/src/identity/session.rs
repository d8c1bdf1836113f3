//! Who is signed in to the inbox, kept while the session lasts and established again for each request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Authenticated, Directory, LOCAL_ISSUER, Method, Principal, Sandbox};

/// The client that decides in the inbox. A call that was asked for through a client of this name is decided elsewhere.
pub(crate) const INBOX_CLIENT: &str = "inbox";

/// Who vouches for those who sign in.
#[derive(Debug, Clone)]
pub(crate) enum Vouching {
    /// The operator of a sandbox, who hands out one-time links to the people declared there.
    Operator {
        /// The people there are.
        people: Directory,
        /// That the data folder is a sandbox.
        sandbox: Sandbox,
    },
    /// The issuer whose sign-in page people come from.
    Issuer(String),
}

/// What a session keeps of who signed in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Kept {
    /// The name alone: what the person may do is what the declaration says at each request.
    Asserted(String),
    /// The account as the issuer described it when it was signed in.
    Interactive(Principal),
}

/// Why somebody does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSignedIn {
    /// No human is known behind the account.
    #[error("no person is known behind this account, and only people decide")]
    NoPerson,
    /// Somebody acts on the person's behalf.
    #[error("somebody else acts on behalf of this person; sign in directly")]
    Delegated,
    /// It is nobody that this server lets sign in, or not any more.
    #[error("nobody of that name can sign in here")]
    Unknown,
}

impl Vouching {
    /// The person called `name`, on the operator's word.
    pub(crate) fn assert(&self, name: &str) -> Result<Authenticated, NotSignedIn> {
        let Self::Operator { people, sandbox } = self else { return Err(NotSignedIn::Unknown) };
        let who = people.assert(name, INBOX_CLIENT, *sandbox);
        admitted(who.map_err(|_| NotSignedIn::Unknown)?)
    }

    /// What a session of `who` keeps; `None` where this server does not let them in that way.
    pub(crate) fn keep(&self, who: &Authenticated) -> Option<Value> {
        let kept = match (self, who.method) {
            (Self::Operator { .. }, Method::Asserted) => Kept::Asserted(who.subject.clone()),
            (Self::Issuer(issuer), Method::Interactive) if who.issuer == *issuer => {
                Kept::Interactive(who.principal().clone())
            }
            _ => return None,
        };
        serde_json::to_value(kept).ok()
    }

    /// Who signed in, as a session kept it. Only what this server would let sign in today comes back: a session of a
    /// name is worth nothing outside a sandbox, and one of an issuer nothing where that issuer is not asked any more.
    pub(crate) fn establish(&self, kept: &Value) -> Result<Authenticated, NotSignedIn> {
        let kept = serde_json::from_value(kept.clone()).map_err(|_| NotSignedIn::Unknown)?;
        match (self, kept) {
            (Self::Operator { .. }, Kept::Asserted(name)) => self.assert(&name),
            (Self::Issuer(issuer), Kept::Interactive(principal))
                if principal.issuer == *issuer
                    && principal.issuer != LOCAL_ISSUER
                    && principal.method == Method::Interactive
                    && principal.client == INBOX_CLIENT =>
            {
                admitted(Authenticated::vouch(principal))
            }
            _ => Err(NotSignedIn::Unknown),
        }
    }
}

/// Whoever may be let in: a person, who speaks for themselves.
pub(crate) fn admitted(who: Authenticated) -> Result<Authenticated, NotSignedIn> {
    if who.person.as_deref().is_none_or(|person| person.trim().is_empty()) {
        return Err(NotSignedIn::NoPerson);
    }
    if !who.actors.is_empty() {
        return Err(NotSignedIn::Delegated);
    }
    Ok(who)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{People, Person};
    use serde_json::json;

    fn sandbox() -> Vouching {
        let people = People::new()
            .with(Person::new("bob", "acme").roles(["support_lead"]))
            .with(Person::new("nightly", "acme").bot());
        Vouching::Operator { people: people.build().unwrap(), sandbox: Sandbox::in_process() }
    }

    fn issuer() -> Vouching {
        Vouching::Issuer("https://id.example.com".to_owned())
    }

    fn interactive() -> Principal {
        crate::identity::tests::interactive("https://id.example.com", "bob")
    }

    #[test]
    fn a_session_comes_back_as_who_signed_in() {
        let bob = sandbox().assert("bob").unwrap();
        let back = sandbox().establish(&sandbox().keep(&bob).unwrap()).unwrap();
        assert_eq!(back.principal(), bob.principal());
        assert_eq!((back.method, back.client.as_str()), (Method::Asserted, "inbox"));
        let who = Authenticated::vouch(interactive());
        let back = issuer().establish(&issuer().keep(&who).unwrap()).unwrap();
        assert_eq!(back.principal(), who.principal());
    }

    #[test]
    fn a_session_of_a_name_is_worth_nothing_above_a_sandbox_nor_the_other_way_round() {
        let asserted = sandbox().keep(&sandbox().assert("bob").unwrap()).unwrap();
        assert_eq!(issuer().establish(&asserted).unwrap_err(), NotSignedIn::Unknown);
        assert!(issuer().keep(&sandbox().assert("bob").unwrap()).is_none());
        let signed_in = issuer().keep(&Authenticated::vouch(interactive())).unwrap();
        assert_eq!(sandbox().establish(&signed_in).unwrap_err(), NotSignedIn::Unknown);
        assert!(sandbox().keep(&Authenticated::vouch(interactive())).is_none());
    }

    #[test]
    fn who_is_no_person_or_no_longer_there_is_not_let_in() {
        assert_eq!(sandbox().assert("nightly").unwrap_err(), NotSignedIn::NoPerson);
        assert_eq!(sandbox().assert("mallory").unwrap_err(), NotSignedIn::Unknown);
        let gone = sandbox().establish(&json!({"asserted": "mallory"}));
        assert_eq!(gone.unwrap_err(), NotSignedIn::Unknown);
    }

    #[test]
    fn a_kept_account_counts_only_as_what_an_interactive_sign_in_makes() {
        let of = |change: fn(&mut Principal)| {
            let mut principal = interactive();
            change(&mut principal);
            issuer().establish(&json!({"interactive": principal})).map(|_| ())
        };
        assert_eq!(of(|_| ()), Ok(()));
        assert_eq!(of(|p| p.method = Method::Bearer), Err(NotSignedIn::Unknown));
        assert_eq!(of(|p| p.method = Method::Asserted), Err(NotSignedIn::Unknown));
        assert_eq!(of(|p| p.issuer = "https://other.example".into()), Err(NotSignedIn::Unknown));
        assert_eq!(of(|p| p.client = "agent".into()), Err(NotSignedIn::Unknown));
        assert_eq!(of(|p| p.person = None), Err(NotSignedIn::NoPerson));
        assert_eq!(of(|p| p.person = Some(" ".into())), Err(NotSignedIn::NoPerson));
        assert_eq!(of(|p| p.actors.push("agent".into())), Err(NotSignedIn::Delegated));
        for odd in [json!(null), json!({}), json!({"asserted": 1}), json!({"both": "x"})] {
            assert_eq!(issuer().establish(&odd).unwrap_err(), NotSignedIn::Unknown, "{odd}");
        }
    }
}
