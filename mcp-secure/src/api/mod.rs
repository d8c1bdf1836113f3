//! Deciding over HTTP, for programs: the command line at a remote server, and whatever people build.
//!
//! It is one more channel to the pipeline's decisions. Whoever decides has a token for this API alone: one that an agent
//! calls tools with opens nothing here, and one of this API calls no tool.

mod decisions;
mod view;

pub use decisions::Decisions;
pub(crate) use view::{
    LeftView, RequestView, RolledBackView, RunView, SwitchView, SwitchedView, VoidedView,
};
