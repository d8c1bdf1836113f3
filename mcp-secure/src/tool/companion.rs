//! The functions a declaration names besides its own: preview, predicate, compensation.
//!
//! `..Fits` is proven where the tool is declared, the trait itself where it is served. The one is no supertrait of the
//! other: the compiler would then report an unfit function at the tool as a whole too.

use super::BoxFuture;
use super::error::ToolError;
use super::lent::{Lender, Reader, State};
use super::output::{Output, OutputType};

/// A preview function takes the inputs `Args`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no preview for this tool: its inputs differ from the tool's [MS0509]",
    label = "has to take the inputs `{Args}` after what it borrows",
    note = "write `#[dry_run] async fn` with the tool's owned inputs, in the same order"
)]
pub trait DryRunFits<Args> {}

/// A preview function that a server with the state `S` can run: `#[dry_run] async fn`.
pub trait DryRun<S: State, Args> {
    /// The type of what it says.
    fn shows() -> OutputType;

    /// Says what the call would do.
    fn preview(reader: &Reader<S>, args: Args) -> BoxFuture<'_, Result<Output, ToolError>>;
}

/// A predicate takes the inputs `Args`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `when` for this tool: its inputs differ from the tool's [MS0509]",
    label = "has to take the inputs `{Args}` after what it borrows and return `bool` or `Result<bool, E>`",
    note = "write `#[when] async fn` with the tool's owned inputs, in the same order"
)]
pub trait WhenFits<Args> {}

/// A predicate that a server with the state `S` can ask: `#[when] async fn`.
pub trait When<S: State, Args> {
    /// Whether this call needs approval.
    fn ask(reader: &Reader<S>, args: Args) -> BoxFuture<'_, Result<bool, ToolError>>;
}

/// A compensating function takes the tool's output `Done`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `rollback` for this tool: it does not take the tool's output [MS0509]",
    label = "has to take `{Done}` after what it borrows",
    note = "write `#[rollback] async fn` with one owned parameter, the tool's output"
)]
pub trait RollbackFits<Done> {}

/// A compensating function that a server with the state `S` can run: `#[rollback] async fn`.
pub trait Rollback<S: State, Done> {
    /// Takes the effect back.
    fn undo(lender: Lender<S>, done: Done) -> BoxFuture<'static, Result<Output, ToolError>>;
}

/// What a predicate may return: `bool`, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "a `when` function returns `bool` or `Result<bool, E>`, not `{Self}` [MS0509]",
    note = "`E` has to convert into `ToolError`; an error means that approval is needed"
)]
pub trait Answer {
    /// The answer, or why there is none.
    fn into_answer(self) -> Result<bool, ToolError>;
}

impl Answer for bool {
    fn into_answer(self) -> Result<bool, ToolError> {
        Ok(self)
    }
}

impl<E: Into<ToolError>> Answer for Result<bool, E> {
    fn into_answer(self) -> Result<bool, ToolError> {
        self.map_err(Into::into)
    }
}
