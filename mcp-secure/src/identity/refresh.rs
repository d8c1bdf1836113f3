//! What holds of an account today, asked for when the server goes on with a call whose caller is not there.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::{Authenticated, Directory, LOCAL_ISSUER, Principal};
use crate::approval::Party;
use crate::tool::BoxFuture;

/// How long an answer is waited for.
const WITHIN: Duration = Duration::from_secs(5);

/// What an account is today: in which tenant, whose, and with which roles and scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// The tenant the account belongs to.
    pub tenant: String,
    /// The human behind the account; `None` for bots and unmapped accounts.
    pub person: Option<String>,
    /// Roles within the tenant.
    pub roles: BTreeSet<String>,
    /// The scopes that its client may use on its behalf.
    pub scopes: BTreeSet<String>,
}

/// Why it is not known what an account is today.
pub type RefreshError = Box<dyn std::error::Error + Send + Sync>;

/// Vouches for accounts whose clients wait for a task, so that the server can run a call by itself once people have
/// approved it. Given to the server with [`ServerBuilder::refresh`](crate::server::ServerBuilder::refresh).
///
/// It answers from where accounts are kept (a directory, the issuer's user information), never from what it was handed:
/// that is how the account stood when the call was made. Where it answers `None`, an error, or nothing within five
/// seconds, or where tenant or person are other ones than then, the server runs nothing by itself. The client's next look
/// at its task runs the call then, with the token it brings.
///
/// ```
/// use std::sync::Arc;
/// use mcp_secure::approval::Party;
/// use mcp_secure::identity::{Present, Refresh, RefreshError};
/// use mcp_secure::tool::BoxFuture;
///
/// struct Staff;
///
/// impl Refresh for Staff {
///     fn refresh<'a>(&'a self, account: &'a Party) -> BoxFuture<'a, Result<Option<Present>, RefreshError>> {
///         Box::pin(async move {
///             if account.issuer != "https://login.example.com" {
///                 return Ok(None);
///             }
///             // let user = self.directory.user(&account.subject).await?;
///             Ok(Some(Present {
///                 tenant: "acme".to_owned(),
///                 person: Some("alice".to_owned()),
///                 roles: ["support".to_owned()].into(),
///                 scopes: ["tools".to_owned()].into(),
///             }))
///         })
///     }
/// }
/// # let _: Arc<dyn Refresh> = Arc::new(Staff);
/// ```
pub trait Refresh: Send + Sync {
    /// What holds of the account `account.issuer`, `account.subject` now. `None`: there is no such account, or not any more.
    fn refresh<'a>(
        &'a self,
        account: &'a Party,
    ) -> BoxFuture<'a, Result<Option<Present>, RefreshError>>;
}

/// The people declared for a sandbox are who they are declared to be.
impl Refresh for Directory {
    fn refresh<'a>(
        &'a self,
        account: &'a Party,
    ) -> BoxFuture<'a, Result<Option<Present>, RefreshError>> {
        Box::pin(async move {
            if account.issuer != LOCAL_ISSUER {
                return Ok(None);
            }
            let Ok(person) = self.find(&account.subject) else { return Ok(None) };
            let Principal { tenant, person, roles, scopes, .. } =
                person.principal(&account.client, account.method);
            Ok(Some(Present { tenant, person, roles, scopes }))
        })
    }
}

/// Why nobody vouches for an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotVouched {
    #[error("there is no such account any more")]
    Gone,
    #[error("the account has moved to another tenant")]
    OtherTenant,
    #[error("another person stands behind the account now")]
    OtherPerson,
    #[error("what the account is today can not be found out: {0}")]
    Unknown(String),
}

/// The account that asked, as it is now, in the client that asked.
pub(crate) async fn vouched(
    refresh: &dyn Refresh,
    asked: &Party,
) -> Result<Authenticated, NotVouched> {
    within(WITHIN, refresh, asked).await
}

async fn within(
    limit: Duration,
    refresh: &dyn Refresh,
    asked: &Party,
) -> Result<Authenticated, NotVouched> {
    let answering = AssertUnwindSafe(async { refresh.refresh(asked).await }).catch_unwind();
    let present = match tokio::time::timeout(limit, answering).await {
        Ok(Ok(Ok(Some(present)))) => present,
        Ok(Ok(Ok(None))) => return Err(NotVouched::Gone),
        Ok(Ok(Err(error))) => return Err(NotVouched::Unknown(error.to_string())),
        Ok(Err(_)) => return Err(NotVouched::Unknown("it panicked".to_owned())),
        Err(_) => return Err(NotVouched::Unknown("it did not answer in time".to_owned())),
    };
    if present.tenant != asked.tenant {
        return Err(NotVouched::OtherTenant);
    }
    if present.person != asked.person {
        return Err(NotVouched::OtherPerson);
    }
    let Present { roles, scopes, .. } = present;
    Ok(Authenticated::vouch(Principal { roles, scopes, ..Principal::from(asked) }))
}

#[cfg(test)]
mod tests {
    use super::super::{Method, People, Person};
    use super::*;

    fn asked() -> Party {
        Party {
            issuer: LOCAL_ISSUER.to_owned(),
            subject: "alice".to_owned(),
            tenant: "acme".to_owned(),
            person: Some("alice".to_owned()),
            actors: vec!["robot".to_owned()],
            client: "agent".to_owned(),
            method: Method::Bearer,
            roles: ["support_lead".to_owned()].into(),
            scopes: ["everything".to_owned()].into(),
        }
    }

    fn people(alice: Person) -> Directory {
        People::new().with(alice).build().unwrap()
    }

    #[tokio::test]
    async fn who_is_vouched_for_has_the_roles_of_today_and_the_client_and_actors_of_then() {
        let people = people(Person::new("alice", "acme").roles(["support"]));
        let who = vouched(&people, &asked()).await.unwrap();
        assert_eq!(who.roles, ["support".to_owned()].into());
        assert!(who.scopes.is_empty());
        assert_eq!(
            (who.client.as_str(), who.actors.as_slice()),
            ("agent", &["robot".to_owned()][..])
        );
    }

    #[tokio::test]
    async fn another_tenant_another_person_or_nobody_is_not_vouched_for() {
        let moved = people(Person::new("alice", "globex"));
        assert_eq!(vouched(&moved, &asked()).await.unwrap_err(), NotVouched::OtherTenant);
        let taken = people(Person::new("alice", "acme").same_human_as("mallory"));
        assert_eq!(vouched(&taken, &asked()).await.unwrap_err(), NotVouched::OtherPerson);
        let bot = people(Person::new("alice", "acme").bot());
        assert_eq!(vouched(&bot, &asked()).await.unwrap_err(), NotVouched::OtherPerson);
        let gone = people(Person::new("bob", "acme"));
        assert_eq!(vouched(&gone, &asked()).await.unwrap_err(), NotVouched::Gone);
        // A name means something at its own issuer alone.
        let here = people(Person::new("alice", "acme"));
        let elsewhere = Party { issuer: "https://login.example.com".to_owned(), ..asked() };
        assert_eq!(vouched(&here, &elsewhere).await.unwrap_err(), NotVouched::Gone);
    }

    struct Broken(&'static str);

    impl Refresh for Broken {
        fn refresh<'a>(
            &'a self,
            _: &'a Party,
        ) -> BoxFuture<'a, Result<Option<Present>, RefreshError>> {
            assert_ne!(self.0, "panics at once");
            Box::pin(async move {
                match self.0 {
                    "hangs" => std::future::pending().await,
                    "panics" => panic!("a defect"),
                    _ => Err("the directory is away".into()),
                }
            })
        }
    }

    #[tokio::test]
    async fn a_hook_that_fails_panics_or_hangs_vouches_for_nobody() {
        for how in ["fails", "panics", "panics at once", "hangs"] {
            let limit = Duration::from_millis(50);
            let refused = within(limit, &Broken(how), &asked()).await.unwrap_err();
            assert!(matches!(refused, NotVouched::Unknown(_)), "{how}: {refused:?}");
        }
    }
}
