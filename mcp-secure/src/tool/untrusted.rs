use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// The schema keyword that marks free text of outside origin.
pub(crate) const UNTRUSTED_KEYWORD: &str = "x-untrusted";

/// Free text of outside origin: customers' names, mails, notes. It may hold instructions aimed at the model.
///
/// In an output its schema says so (`x-untrusted`), and unsafe characters are taken out of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, still as hostile as it came.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The value, still as hostile as it came.
    pub const fn as_inner(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Untrusted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: JsonSchema> JsonSchema for Untrusted<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Untrusted_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert(UNTRUSTED_KEYWORD.to_owned(), true.into());
        schema
    }
}
