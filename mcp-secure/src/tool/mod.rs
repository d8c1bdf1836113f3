//! What a tool is: its declaration, its inputs and outputs, its entry in the served table.
//!
//! A reader in a hurry: [`spec`] is the declaration as data, `lent` what a body may borrow from the server, `fields`
//! how owned inputs are taken out of validated arguments, `entry` how all that becomes one callable thing, and `set`
//! the list a server is given.

mod bound;
mod companion;
mod content;
mod entry;
mod error;
mod fields;
mod input;
mod lent;
mod meta;
mod output;
mod reserved;
mod schema;
mod secret;
mod set;
pub mod spec;
mod untrusted;

pub use companion::{Answer, DryRun, DryRunFits, Rollback, RollbackFits, When, WhenFits};
#[cfg(feature = "server")]
pub(crate) use content::Block;
pub use content::Content;
pub use entry::{Draft, Entry};
pub use error::ToolError;
pub use fields::Fields;
pub use input::{InputType, ToolInput};
pub use lent::{Lender, Lent, LentRead, Reader, State};
#[doc(hidden)]
pub use meta::check;
pub use meta::{Tool, ToolMeta};
pub use output::{Output, OutputType, Reply, ToolOutput};
#[doc(hidden)]
pub use output::{reply, structured, structured_schema};
pub use secret::Secret;
pub use set::ToolSet;
pub use spec::{Risk, ToolSpec};
pub use untrusted::Untrusted;

#[cfg(feature = "server")]
pub(crate) use bound::{BoundTool, Caller, Enter, PreparedCall};
pub(crate) use entry::ResourceType;
pub(crate) use fields::Fault;
#[cfg(feature = "server")]
pub(crate) use reserved::DRY_RUN;
pub(crate) use schema::{default_arguments, input_schema, output_schema};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
