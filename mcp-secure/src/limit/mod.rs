//! How often: allowances that refuse, and say when to try again.
//!
//! Two kinds. [`Quota`]s are counted within one process and protect the server: requests of one peer that prove nothing,
//! calls of one principal. The `rate_limit`s of tools are a promise about the world (three mails a minute), so they are
//! counted over all processes of a store, which hands each process a few calls at a time.

mod crowd;
mod flood;
mod leased;
mod local;
mod quota;

pub(crate) use crowd::{Crowd, Place};
pub(crate) use flood::Flood;
pub(crate) use leased::{Exhausted, Leases};
pub(crate) use local::Local;
pub use quota::Quota;
