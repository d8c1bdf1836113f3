//! Telling other servers of requests for approval: signed messages, over HTTPS, to where an operator said.
//!
//! Each change of a request leaves a notice in the store, in the transaction that makes the change, so nothing is lost with
//! a process. A serving process takes what is due and posts it to every target that has not got it, until each answered
//! with a 2xx or a day is over. That is **at least once**: a process that dies between the answer and writing it down makes
//! a message go out again, under the same id.
//!
//! An announcement carries no arguments, no preview and no reasons, and its link has no power: whoever follows it has to
//! sign in, and policy asks who they are.
//!
//! With the feature `webhook-verify` alone there is only the [`Verifier`], for programs that receive.

#[cfg(feature = "webhooks")]
mod address;
mod announcement;
#[cfg(feature = "webhooks")]
mod check;
#[cfg(feature = "webhooks")]
mod deliver;
#[cfg(feature = "webhooks")]
mod desk;
mod key;
#[cfg(feature = "webhooks")]
mod lane;
#[cfg(feature = "webhooks")]
mod message;
#[cfg(feature = "webhooks")]
mod post;
#[cfg(feature = "webhooks")]
mod progress;
#[cfg(feature = "webhooks")]
mod resolve;
#[cfg(feature = "webhooks")]
mod target;
#[cfg(feature = "webhooks")]
mod tell;
#[cfg(test)]
#[cfg(feature = "webhooks")]
mod tests;
mod verify;

pub use announcement::{Announcement, Request, Requester, ResourceName};
#[cfg(feature = "webhooks")]
pub(crate) use deliver::Deliverer;
pub use key::SecretFault;
#[cfg(feature = "webhooks")]
pub use target::{Target, Webhooks};
pub use verify::{Verified, Verifier, VerifyError, WINDOW};

/// The headers of a message, as the Standard Webhooks specification 1.0 names them.
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
