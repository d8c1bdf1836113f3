use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

/// What an owned parameter of a tool has to be: readable from JSON, with a schema that says what is accepted.
///
/// Implemented for everything that derives `serde::Deserialize` and `schemars::JsonSchema`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be an input from the model [MS0906]",
    label = "an owned parameter is an input",
    note = "derive `serde::Deserialize` and `schemars::JsonSchema`, or borrow it (`&{Self}`) if the server lends it"
)]
pub trait ToolInput: DeserializeOwned + JsonSchema + Send + Sync + 'static {}

// Without this, each derive that is missing would be a message of its own.
#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + Sync + 'static> ToolInput for T {}

/// How the schema of one input is made.
#[derive(Debug, Clone, Copy)]
pub struct InputType {
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl InputType {
    /// For an input of type `T`.
    #[must_use]
    pub fn of<T: ToolInput>() -> Self {
        Self { schema: |generator| generator.subschema_for::<T>() }
    }
}
