//! The web page on which people decide: rendered here, without a build step, and whole without a script.
//!
//! It is one more channel to the pipeline's decisions, beside the command line. Whoever decides in it has signed in with a
//! browser: by the page of an issuer, or in a sandbox by a one-time link of the command line. What counts is the session's
//! cookie; a token of an agent opens nothing here. Reading changes nothing: what decides is a form that carries the
//! session's own token, the id of the request and the digest of what was shown.

mod base;
mod cookie;
mod decide;
mod form;
mod list;
#[cfg(feature = "oidc")]
mod oidc;
mod pace;
mod page;
mod reply;
mod request;
mod route;
mod runs;
mod secret;
mod session;
mod settings;
mod sign_in;
mod site;
mod switches;

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::similar_names, reason = "tests read better so")]
mod tests;

pub(crate) use base::{Base, owns};
pub use settings::Inbox;
pub(crate) use sign_in::{SignIn, mint_link};
pub(crate) use site::{Asked, Site, Stranger};
