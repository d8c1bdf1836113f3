//! What is served, described once: the table a server runs by, the listing a client gets and the manifest a reviewer
//! reads are all made from this.

mod describe;
mod facts;
mod fault;
mod json;

pub(crate) use describe::{Described, describe};
pub use fault::StartFault;
