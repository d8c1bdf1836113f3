//! Who is calling: principals, and the authenticators that alone make them.
//!
//! A transport hands over [`Credentials`]; an [`Authenticator`] answers with [`Authenticated`], which nothing outside
//! this folder can make and without which the pipeline takes no call, over stdio no less than over HTTP.

mod authenticated;
mod cache;
mod claims;
mod datadir;
mod error;
mod issuer;
mod jwt;
mod keys;
mod local;
mod people;
mod principal;
mod private_file;

#[cfg(test)]
pub(crate) mod tests;

pub use authenticated::{Authenticated, Authenticator, Credentials};
pub use claims::{ClaimName, Claims, PersonMapping};
pub use datadir::{DataDir, DataDirError, Kind as DataDirKind, Sandbox};
pub use error::AuthError;
pub use issuer::{IssueError, LOCAL_ISSUER, LocalIssuer};
pub use jwt::{
    Issuer, IssuerError, JwtAuthenticator, Revocations, RevocationsUnavailable, TokenId,
};
pub use keys::{Algorithm, KeyError, KeySource, StaticKeys, VerifyKey};
pub use local::LocalAuthenticator;
pub use people::{Directory, People, PeopleError, Person};
pub use principal::{Method, Principal};
