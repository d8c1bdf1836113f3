//! The one way to a tool's body.

mod witness;

pub(crate) use witness::Clearance;
pub use witness::Cleared;
