use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use super::content::{Block, Content};
use super::error::ToolError;
use super::untrusted::Untrusted;

/// What a tool hands back, ready for the guard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Output {
    pub(crate) structured: Option<Value>,
    pub(crate) blocks: Vec<Block>,
}

impl Output {
    /// Replaces the text of every block that `clean` has something to say about.
    pub(crate) fn clean_blocks(&mut self, clean: impl Fn(&str) -> Option<String>) {
        for text in self.blocks.iter_mut().flat_map(Block::texts) {
            if let Some(better) = clean(text) {
                *text = better;
            }
        }
    }

    /// The text of the first block that is text.
    pub(crate) fn first_text(&self) -> Option<String> {
        self.blocks.iter().find_map(|block| match block {
            Block::Text { text } => Some(text.clone()),
            _ => None,
        })
    }

    /// The bytes all blocks hold.
    pub(crate) fn block_bytes(&self) -> usize {
        self.blocks.iter().map(Block::bytes).fold(0, usize::saturating_add)
    }
}

/// A type a tool may return. Derive it: `#[derive(Serialize, JsonSchema, ToolOutput)]`.
///
/// It is never implemented for `Result`: an alias of `Result` would otherwise show its error as a success.
///
/// ```
/// use mcp_secure::prelude::*;
/// use serde::Serialize;
///
/// #[derive(Serialize, schemars::JsonSchema, ToolOutput)]
/// struct Level {
///     pieces: u32,
/// }
///
/// /// Says how many pieces are left.
/// #[tool(risk = "low", permission = "stock.read", read_only)]
/// async fn stock_level() -> Level {
///     Level { pieces: 40 }
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be returned by a tool [MS0905]",
    label = "not a tool output",
    note = "derive `serde::Serialize`, `schemars::JsonSchema` and `ToolOutput` on it, or return `Content`"
)]
pub trait ToolOutput: Send + 'static {
    /// The schema of the structured content, if there is any.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;

    /// The value as the client gets it.
    fn into_output(self) -> Result<Output, ToolError>;
}

impl ToolOutput for () {
    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn into_output(self) -> Result<Output, ToolError> {
        Ok(Output { structured: None, blocks: vec![Block::Text { text: "done".to_owned() }] })
    }
}

impl ToolOutput for Content {
    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn into_output(self) -> Result<Output, ToolError> {
        Ok(Output { structured: None, blocks: self.into_blocks() })
    }
}

impl ToolOutput for Untrusted<String> {
    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn into_output(self) -> Result<Output, ToolError> {
        Ok(Output { structured: None, blocks: vec![Block::Text { text: self.into_inner() }] })
    }
}

/// What the return type of a tool has to be: a [`ToolOutput`], or a `Result` of one whose error becomes a [`ToolError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be the return type of a tool [MS0905]",
    label = "not a tool's return type",
    note = "return `T` or `Result<T, E>` where `T` is a tool output: derive `ToolOutput` on it",
    note = "the error `E` becomes a `ToolError`: write `impl From<E> for ToolError`"
)]
pub trait Reply: Send + 'static {
    /// What is returned on success.
    type Output: ToolOutput;

    /// The success, or why not.
    fn into_result(self) -> Result<Self::Output, ToolError>;
}

impl<T: ToolOutput> Reply for T {
    type Output = T;

    fn into_result(self) -> Result<T, ToolError> {
        Ok(self)
    }
}

impl<T: ToolOutput, E: Into<ToolError> + Send + 'static> Reply for Result<T, E> {
    type Output = T;

    fn into_result(self) -> Result<T, ToolError> {
        self.map_err(Into::into)
    }
}

/// How the output schema is made.
#[derive(Debug, Clone, Copy)]
pub struct OutputType {
    pub(crate) schema: fn(&mut SchemaGenerator) -> Option<Schema>,
}

impl OutputType {
    /// For a tool with the return type `R`.
    #[must_use]
    pub fn of<R: Reply>() -> Self {
        Self { schema: <R::Output as ToolOutput>::schema }
    }
}

/// The schema of a derived output.
#[doc(hidden)]
pub fn structured_schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Option<Schema> {
    Some(generator.subschema_for::<T>())
}

/// A derived output as structured content.
#[doc(hidden)]
pub fn structured<T: Serialize>(value: &T) -> Result<Output, ToolError> {
    match serde_json::to_value(value) {
        Ok(value) => Ok(Output { structured: Some(value), blocks: Vec::new() }),
        Err(error) => Err(ToolError::internal(format!("the output does not serialise: {error}"))),
    }
}

/// What a body returned, as the pipeline takes it.
#[doc(hidden)]
pub fn reply<R: Reply>(returned: R) -> Result<Output, ToolError> {
    returned.into_result()?.into_output()
}
