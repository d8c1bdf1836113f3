//! A tool joined with its state, and one call of it on its way to the body.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::BoxFuture;
use super::entry::{Ask, Body, Extract, Load, Undo};
use super::error::ToolError;
use super::fields::{Fault, Fields};
use super::lent::{Lender, Reader, State};
use super::output::Output;
use crate::context::CallContext;
use crate::identity::Principal;
use crate::pipeline::{Clearance, Cleared};
use crate::resource::LoadedResource;

/// Who calls, and in which call: what a body may borrow besides the state.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) context: CallContext,
}

/// A tool joined with its state: from here on nothing is generic.
pub(crate) struct BoundTool(Box<dyn BoundCall>);

/// A body that is ready to be entered, by giving up a [`Clearance`].
pub(crate) type Enter =
    Box<dyn FnOnce(Clearance, Caller) -> BoxFuture<'static, Result<Output, ToolError>> + Send>;

impl BoundTool {
    pub(super) fn new(bound: Box<dyn BoundCall>) -> Self {
        Self(bound)
    }

    /// The typed arguments of one call, not yet cleared.
    pub(crate) fn prepare(
        &self,
        args: &Map<String, Value>,
    ) -> Result<Box<dyn PreparedCall>, Vec<Fault>> {
        self.0.prepare(args)
    }

    /// The compensating function for a run that returned `output`; `None` where the tool has none.
    pub(crate) fn undo(&self, output: Value) -> Option<Result<Enter, ToolError>> {
        self.0.undo(output)
    }
}

impl std::fmt::Debug for BoundTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoundTool")
    }
}

pub(super) trait BoundCall: Send + Sync {
    fn prepare(&self, args: &Map<String, Value>) -> Result<Box<dyn PreparedCall>, Vec<Fault>>;

    fn undo(&self, output: Value) -> Option<Result<Enter, ToolError>>;
}

/// One call's typed arguments. The body is reached by giving up a [`Clearance`].
pub(crate) trait PreparedCall: Send + Sync {
    /// Loads what the permission is checked on; `None` inside stands for an id that names nothing.
    fn load(
        &self,
        caller: &Caller,
    ) -> Option<BoxFuture<'_, Result<Vec<Option<LoadedResource>>, ToolError>>>;

    /// Asks the predicate; `None` where there is none.
    fn needs_approval(
        &self,
        args: &Map<String, Value>,
        caller: &Caller,
    ) -> Option<BoxFuture<'static, Result<bool, ToolError>>>;

    /// Says what the body would do; `None` where there is no preview. It lends only what reads.
    fn preview(
        &self,
        args: &Map<String, Value>,
        caller: &Caller,
    ) -> Option<BoxFuture<'static, Result<Output, ToolError>>>;

    /// The body with these arguments.
    fn body(self: Box<Self>) -> Enter;
}

/// What a tool is made of, none of which knows the state's value yet.
pub(super) struct Parts<S: State, A> {
    pub(super) extract: Extract<A>,
    pub(super) body: Body<S, A>,
    pub(super) load: Option<Load<S, A>>,
    pub(super) when: Option<Ask<S, A, bool>>,
    pub(super) preview: Option<Ask<S, A, Output>>,
    pub(super) undo: Option<Undo<S>>,
}

impl<S: State, A> Parts<S, A> {
    /// The same inputs once more, out of the same canonical arguments, for a companion function.
    fn again(&self, args: &Map<String, Value>) -> Result<A, ToolError> {
        (self.extract)(&mut Fields::new(args))
            .ok_or_else(|| ToolError::internal("the arguments could not be read a second time"))
    }
}

/// A tool's parts and the state they work on.
pub(super) struct Bound<S: State, A> {
    pub(super) parts: Arc<Parts<S, A>>,
    pub(super) state: Arc<S>,
}

struct Prepared<S: State, A> {
    parts: Arc<Parts<S, A>>,
    state: Arc<S>,
    args: A,
}

impl<S: State, A> Prepared<S, A> {
    fn reader(&self, caller: &Caller) -> Reader<S> {
        Reader::new(lender(&self.state, caller))
    }

    /// Asks a companion function, which gets the same arguments as the body would.
    fn ask<T: Send + 'static>(
        &self,
        companion: Option<&Ask<S, A, T>>,
        args: &Map<String, Value>,
        caller: &Caller,
    ) -> Option<BoxFuture<'static, Result<T, ToolError>>> {
        let ask = companion?;
        Some(match self.parts.again(args) {
            Ok(args) => ask(args, self.reader(caller)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        })
    }
}

fn lender<S: State>(state: &Arc<S>, caller: &Caller) -> Lender<S> {
    Lender::new(Arc::clone(state), Arc::clone(&caller.principal), caller.context.clone())
}

impl<S: State, A: Send + Sync + 'static> BoundCall for Bound<S, A> {
    fn prepare(&self, args: &Map<String, Value>) -> Result<Box<dyn PreparedCall>, Vec<Fault>> {
        let mut fields = Fields::new(args);
        let taken = (self.parts.extract)(&mut fields);
        let faults = fields.into_faults();
        match taken {
            Some(args) if faults.is_empty() => Ok(Box::new(Prepared {
                parts: Arc::clone(&self.parts),
                state: Arc::clone(&self.state),
                args,
            })),
            _ => Err(faults),
        }
    }

    fn undo(&self, output: Value) -> Option<Result<Enter, ToolError>> {
        let undo = self.parts.undo.as_ref()?;
        let state = Arc::clone(&self.state);
        Some(undo(output).map(|undoing| -> Enter {
            Box::new(move |clearance, caller| {
                let undoing = Cleared::seal(clearance, undoing).into_args();
                undoing(lender(&state, &caller))
            })
        }))
    }
}

impl<S: State, A: Send + Sync + 'static> PreparedCall for Prepared<S, A> {
    fn load(
        &self,
        caller: &Caller,
    ) -> Option<BoxFuture<'_, Result<Vec<Option<LoadedResource>>, ToolError>>> {
        let load = self.parts.load.as_ref()?;
        Some(load(&self.args, self.reader(caller)))
    }

    fn needs_approval(
        &self,
        args: &Map<String, Value>,
        caller: &Caller,
    ) -> Option<BoxFuture<'static, Result<bool, ToolError>>> {
        self.ask(self.parts.when.as_ref(), args, caller)
    }

    fn preview(
        &self,
        args: &Map<String, Value>,
        caller: &Caller,
    ) -> Option<BoxFuture<'static, Result<Output, ToolError>>> {
        self.ask(self.parts.preview.as_ref(), args, caller)
    }

    fn body(self: Box<Self>) -> Enter {
        let Self { parts, state, args } = *self;
        Box::new(move |clearance, caller| {
            let lender = lender(&state, &caller);
            (parts.body)(Cleared::seal(clearance, args), lender)
        })
    }
}
