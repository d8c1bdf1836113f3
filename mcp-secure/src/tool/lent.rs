use std::sync::Arc;

use crate::context::CallContext;
use crate::identity::Principal;

/// The application's state, shared by every call. Derive it: `#[derive(State)]`.
///
/// ```
/// use mcp_secure::prelude::*;
///
/// struct Orders;
/// struct Refunds;
///
/// #[derive(State)]
/// struct App {
///     orders: Orders,
///     #[state(write)]
///     refunds: Refunds,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an application state [MS1302]",
    note = "write `#[derive(State)]` on it"
)]
pub trait State: Send + Sync + 'static {}

impl State for () {}

/// What a tool may borrow from a server whose state is `S`: `&T` in its signature needs `T: Lent<S>`.
///
/// Implemented for [`Principal`] and [`CallContext`], and by `#[derive(State)]` for the type of each field.
#[diagnostic::on_unimplemented(
    message = "the server's state `{S}` does not lend `{Self}` [MS0814]",
    label = "borrowed by a tool, but no field of `{S}` has this type",
    note = "add a field of type `{Self}` to `{S}`, which derives `State`; an input from the model is owned, not borrowed"
)]
pub trait Lent<S: State>: Send + Sync + 'static {
    /// The one value of this type that a call may borrow.
    fn lend(from: &Lender<S>) -> &Self;
}

/// What a read-only function may borrow: everything lent but the fields marked `#[state(write)]`.
#[diagnostic::on_unimplemented(
    message = "a read-only function may not borrow `{Self}`, which is not lent for reading [MS1301]",
    label = "not lent for reading by `{S}`",
    note = "borrow a type that only reads, or drop `read_only` from the tool; a field without `#[state(write)]` is lent for reading"
)]
pub trait LentRead<S: State>: Lent<S> {}

/// Lends a mutating body what it may borrow. Made by the pipeline for one call.
#[derive(Debug)]
pub struct Lender<S> {
    state: Arc<S>,
    principal: Arc<Principal>,
    context: CallContext,
}

impl<S: State> Lender<S> {
    pub(crate) fn new(state: Arc<S>, principal: Arc<Principal>, context: CallContext) -> Self {
        Self { state, principal, context }
    }

    /// The value of type `T`.
    pub fn lend<T: Lent<S>>(&self) -> &T {
        T::lend(self)
    }

    /// The state itself, for the code that `#[derive(State)]` writes.
    #[doc(hidden)]
    pub fn state(&self) -> &S {
        &self.state
    }
}

/// Lends a read-only function what it may borrow. Made by the pipeline for one call.
#[derive(Debug)]
pub struct Reader<S>(Lender<S>);

impl<S: State> Reader<S> {
    pub(crate) fn new(lender: Lender<S>) -> Self {
        Self(lender)
    }

    /// The value of type `T`.
    pub fn lend<T: LentRead<S>>(&self) -> &T {
        T::lend(&self.0)
    }
}

impl<S: State> Lent<S> for Principal {
    fn lend(from: &Lender<S>) -> &Self {
        &from.principal
    }
}

impl<S: State> LentRead<S> for Principal {}

impl<S: State> Lent<S> for CallContext {
    fn lend(from: &Lender<S>) -> &Self {
        &from.context
    }
}

impl<S: State> LentRead<S> for CallContext {}
