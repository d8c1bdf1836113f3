//! What an application imports: `use mcp_secure::prelude::*;`.

pub use mcp_secure_macros::*;

pub use crate::context::CallContext;
pub use crate::identity::Principal;
#[cfg(feature = "server")]
pub use crate::identity::{People, Person};
#[cfg(feature = "server")]
pub use crate::inbox::Inbox;
#[cfg(feature = "server")]
pub use crate::policy::Policies;
pub use crate::resource::{Attributes, Resource, ResourceId};
#[cfg(feature = "server")]
pub use crate::server::Server;
pub use crate::tool::{
    Content, Lent, LentRead, Reader, Secret, State, Tool, ToolError, ToolOutput, ToolSet, Untrusted,
};
pub use crate::tools;
