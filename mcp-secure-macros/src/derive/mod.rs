//! The derive macros: `State`, `ToolOutput`, `ResourceId`.

mod resource_id;
mod state;
mod tool_output;

pub(crate) use resource_id::resource_id;
pub(crate) use state::state;
pub(crate) use tool_output::tool_output;

use syn::DeriveInput;

/// Whether the type has parameters or conditions.
fn is_generic(input: &DeriveInput) -> bool {
    !input.generics.params.is_empty() || input.generics.where_clause.is_some()
}
