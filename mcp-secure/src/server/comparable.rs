//! Whether people can be compared: who decides with who asked, and those who decide with each other.
//!
//! Each account is one of some issuer, and the same human may have one at several. Four eyes and a quorum hold where that
//! can be seen: at one issuer by the account itself, between two of them by a claim that names the person at both.

use std::collections::BTreeSet;

use crate::catalog::StartFault;
use crate::identity::{Issuer, LOCAL_ISSUER, PersonMapping, local_mapping};

/// Where people come from, in one of their roles.
#[derive(Debug)]
pub(super) struct Side<'a> {
    role: &'static str,
    issuer: &'a str,
    person: std::borrow::Cow<'a, PersonMapping>,
    audience: Option<&'a str>,
}

impl<'a> Side<'a> {
    /// Those whose tokens call tools: of these issuers, and in a sandbox of none the people declared there.
    pub(super) fn of_calls(issuers: &'a [Issuer]) -> Vec<Self> {
        if !issuers.is_empty() {
            return Self::of("agents' tokens", issuers);
        }
        let person = std::borrow::Cow::Owned(local_mapping());
        vec![Self { role: "agents' tokens", issuer: LOCAL_ISSUER, person, audience: None }]
    }

    /// Those whose tokens decide.
    pub(super) fn of_decisions(issuers: &'a [Issuer]) -> Vec<Self> {
        Self::of("the decision API", issuers)
    }

    /// Those who sign in to the inbox.
    #[cfg(feature = "oidc")]
    pub(super) fn of_the_inbox(provider: &'a crate::identity::Oidc) -> Self {
        let person = std::borrow::Cow::Borrowed(&provider.mapping().person);
        Self { role: "the inbox", issuer: provider.issuer(), person, audience: None }
    }

    fn of(role: &'static str, issuers: &'a [Issuer]) -> Vec<Self> {
        let side = |issuer: &'a Issuer| Self {
            role,
            issuer: issuer.name(),
            person: std::borrow::Cow::Borrowed(issuer.person()),
            audience: Some(issuer.audience()),
        };
        issuers.iter().map(side).collect()
    }

    fn named(&self) -> String {
        format!("{} (`{}`)", self.role, self.issuer.escape_debug())
    }
}

/// What keeps people from being compared, and a token for the one from passing as one for the other.
pub(super) fn faults(callers: &[Side<'_>], deciders: &[Side<'_>]) -> Vec<StartFault> {
    let mut found = BTreeSet::new();
    for (at, decider) in deciders.iter().enumerate() {
        let others = deciders.iter().skip(at.saturating_add(1));
        for other in callers.iter().chain(others) {
            found.extend(incomparable(other, decider));
        }
        for caller in callers {
            if decider.audience.is_some() && decider.audience == caller.audience {
                found.insert(format!(
                    "{} and {} share the audience `{}`, so an agent's token would decide; give the decision API one of its own",
                    caller.named(),
                    decider.named(),
                    decider.audience.unwrap_or_default().escape_debug()
                ));
            }
        }
    }
    found.into_iter().map(StartFault::server).collect()
}

fn incomparable(one: &Side<'_>, other: &Side<'_>) -> Option<String> {
    if one.issuer == other.issuer {
        return (one.person != other.person).then(|| {
            format!(
                "nobody could tell whether a person of {} is one of {}: they are known in different ways there; map both \
                 by the same `PersonMapping`",
                one.named(),
                other.named()
            )
        });
    }
    let by_account: Vec<String> = [one, other]
        .iter()
        .filter(|side| matches!(*side.person, PersonMapping::Account))
        .map(|side| side.named())
        .collect();
    (!by_account.is_empty()).then(|| {
        format!(
            "nobody could tell whether a person of {} is one of {}: name the claim that holds the person at both; missing \
             for {}: write `.claims(Claims {{ person: PersonMapping::Claim(\"..\".into()), ..Claims::default() }})`",
            one.named(),
            other.named(),
            by_account.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::{Claims, StaticKeys};

    fn issuer(name: &str, audience: &str, person: PersonMapping) -> Issuer {
        let issuer = Issuer::new(name, audience, Arc::new(StaticKeys::default())).unwrap();
        issuer.claims(Claims { person, ..Claims::default() })
    }

    fn claim(name: &str) -> PersonMapping {
        PersonMapping::Claim(name.into())
    }

    fn told(callers: &[Issuer], deciders: &[Issuer]) -> Vec<String> {
        faults(&Side::of_calls(callers), &Side::of_decisions(deciders))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn at_one_issuer_an_account_is_compared_by_itself() {
        let callers = [issuer("https://a", "mcp", PersonMapping::Account)];
        assert!(told(&callers, &[issuer("https://a", "desk", PersonMapping::Account)]).is_empty());
        let other = told(&callers, &[issuer("https://a", "desk", claim("employee"))]);
        assert_eq!(other.len(), 1, "{other:?}");
        assert!(other[0].contains("known in different ways"), "{other:?}");
        let others = [issuer("https://a", "mcp", claim("email"))];
        assert_eq!(told(&others, &[issuer("https://a", "desk", claim("employee"))]).len(), 1);
    }

    #[test]
    fn b30_between_two_issuers_both_name_the_person() {
        let mapped = [issuer("https://a", "mcp", claim("employee"))];
        assert!(told(&mapped, &[issuer("https://b", "desk", claim("staff_id"))]).is_empty());
        for (callers, decider, missing) in [
            (
                &mapped[..],
                PersonMapping::Account,
                "missing for the decision API (`https://b`): write",
            ),
            (
                &[issuer("https://a", "mcp", PersonMapping::Account)],
                claim("employee"),
                "missing for agents' tokens (`https://a`): write",
            ),
            (
                &[issuer("https://a", "mcp", PersonMapping::Account)],
                PersonMapping::Account,
                "missing for agents' tokens (`https://a`) and the decision API (`https://b`): write",
            ),
        ] {
            let told = told(callers, &[issuer("https://b", "desk", decider)]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].contains(missing) && told[0].contains("PersonMapping::Claim"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn one_of_several_issuers_is_enough_to_be_in_the_way() {
        let callers = [
            issuer("https://a", "mcp", claim("employee")),
            issuer("https://c", "mcp", PersonMapping::Account),
        ];
        let told = told(&callers, &[issuer("https://b", "desk", claim("employee"))]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("`https://c`"), "{told:?}");
    }

    #[test]
    fn people_of_two_issuers_do_not_vote_twice() {
        let callers = [issuer("https://a", "mcp", PersonMapping::Account)];
        let deciders = [
            issuer("https://a", "desk", PersonMapping::Account),
            issuer("https://b", "desk", claim("employee")),
        ];
        let told = told(&callers, &deciders);
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn the_people_of_a_sandbox_are_compared_by_their_name() {
        assert!(told(&[], &[issuer("https://b", "desk", claim("preferred_username"))]).is_empty());
        let told = told(&[], &[issuer("https://b", "desk", PersonMapping::Account)]);
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn b37_an_agents_token_is_for_another_audience_than_a_decision() {
        let callers = [issuer("https://a", "mcp", PersonMapping::Account)];
        let told = told(&callers, &[issuer("https://a", "mcp", PersonMapping::Account)]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("share the audience `mcp`"), "{told:?}");
    }
}
