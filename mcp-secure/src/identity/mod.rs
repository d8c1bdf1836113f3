//! Who is calling: principals, and the authenticators that alone make them.
//!
//! A transport hands over [`Credentials`]; an [`Authenticator`] answers with [`Authenticated`], which nothing outside
//! this folder can make and without which the pipeline takes no call, over stdio no less than over HTTP.

#[cfg(feature = "server")]
mod authenticated;
#[cfg(feature = "server")]
mod cache;
#[cfg(feature = "server")]
mod claims;
#[cfg(feature = "server")]
mod datadir;
#[cfg(feature = "server")]
mod error;
#[cfg(feature = "server")]
mod issuer;
#[cfg(feature = "server")]
mod jwt;
#[cfg(feature = "server")]
mod keys;
#[cfg(feature = "server")]
mod local;
#[cfg(feature = "oidc")]
mod oidc;
#[cfg(feature = "server")]
mod people;
mod principal;
#[cfg(feature = "server")]
mod private_file;
#[cfg(feature = "server")]
mod refresh;
#[cfg(feature = "server")]
mod session;

#[cfg(test)]
#[cfg(feature = "server")]
pub(crate) mod tests;

#[cfg(feature = "server")]
pub use authenticated::{Authenticated, Authenticator, Credentials};
#[cfg(feature = "server")]
pub(crate) use claims::is_clients_own;
#[cfg(feature = "server")]
pub use claims::{ClaimName, Claims, PersonMapping};
#[cfg(feature = "server")]
pub use datadir::{DataDir, DataDirError, Kind as DataDirKind, Sandbox};
#[cfg(feature = "server")]
pub use error::AuthError;
#[cfg(feature = "server")]
pub(crate) use issuer::{DECIDE_SCOPE, local_mapping};
#[cfg(feature = "server")]
pub use issuer::{IssueError, LOCAL_ISSUER, LocalIssuer};
#[cfg(feature = "server")]
pub use jwt::{
    Issuer, IssuerError, JwtAuthenticator, Revocations, RevocationsUnavailable, TokenId,
};
#[cfg(feature = "server")]
pub use keys::{Algorithm, KeyError, KeySource, StaticKeys, VerifyKey};
#[cfg(feature = "server")]
pub use local::LocalAuthenticator;
#[cfg(feature = "server")]
pub(crate) use local::system_user_name;
#[cfg(feature = "oidc")]
pub use oidc::Oidc;
#[cfg(feature = "oidc")]
pub(crate) use oidc::{OidcSignIn, SignInRefused};
#[cfg(feature = "server")]
pub use people::{Directory, People, PeopleError, Person};
pub use principal::{Method, Principal};
#[cfg(feature = "server")]
pub(crate) use refresh::vouched;
#[cfg(feature = "server")]
pub use refresh::{Present, Refresh, RefreshError};
#[cfg(feature = "server")]
pub(crate) use session::{INBOX_CLIENT, NotSignedIn, Vouching, admitted};
