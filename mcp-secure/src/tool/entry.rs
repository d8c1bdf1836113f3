use std::any::{Any, TypeId};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::BoxFuture;
use super::companion::{DryRun, Rollback, When};
use super::error::ToolError;
use super::fields::{Fault, Fields};
use super::input::InputType;
use super::lent::{Lender, Reader, State};
use super::output::{Output, OutputType, Reply, reply};
use super::spec::ToolSpec;
use crate::context::CallContext;
use crate::identity::Principal;
use crate::pipeline::{Clearance, Cleared};
use crate::resource::{LoadedResource, Resource, ResourceId as _, ResourceIds};

type Extract<A> = Box<dyn Fn(&mut Fields<'_>) -> Option<A> + Send + Sync>;
type Body<S, A> = Box<
    dyn Fn(Cleared<A>, Lender<S>) -> BoxFuture<'static, Result<Output, ToolError>> + Send + Sync,
>;
type Load<S, A> = Box<
    dyn for<'a> Fn(
            &'a A,
            Reader<S>,
        ) -> BoxFuture<'a, Result<Vec<Option<LoadedResource>>, ToolError>>
        + Send
        + Sync,
>;
type Ask<S, A> =
    Box<dyn Fn(A, Reader<S>) -> BoxFuture<'static, Result<bool, ToolError>> + Send + Sync>;

type Bind<S> = Box<dyn Fn(&Arc<S>) -> Box<dyn BoundCall> + Send + Sync>;

/// The resource type a tool is scoped by, as policies are checked against it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResourceType {
    pub(crate) type_name: &'static str,
    pub(crate) attributes: &'static [(&'static str, &'static str)],
    /// Whether the input named by `resource` holds this type's ids.
    pub(crate) id_fits: bool,
}

/// What does not depend on the type of the arguments.
struct Common {
    spec: &'static ToolSpec,
    inputs: Vec<InputType>,
    output: OutputType,
    resource: Option<ResourceType>,
}

/// A tool's entry while the macro's code puts it together.
pub struct Draft<S: State, A> {
    common: Common,
    extract: Extract<A>,
    body: Body<S, A>,
    load: Option<Load<S, A>>,
    when: Option<Ask<S, A>>,
}

/// A tool as a served table holds it before the state is there. Made by `#[tool]`.
pub struct Entry<S: State> {
    common: Common,
    bind: Bind<S>,
}

impl<S: State> Entry<S> {
    /// A tool whose body may write. `R` is the return type as written, named here once, so that an unfit one is one
    /// message.
    pub fn mutating<A, R, X, B, F>(
        spec: &'static ToolSpec,
        inputs: Vec<InputType>,
        extract: X,
        body: B,
    ) -> Draft<S, A>
    where
        A: Send + Sync + 'static,
        R: Reply,
        X: Fn(&mut Fields<'_>) -> Option<A> + Send + Sync + 'static,
        B: Fn(Cleared<A>, Lender<S>) -> F + Send + Sync + 'static,
        F: Future<Output = R> + Send + 'static,
    {
        Draft {
            common: Common { spec, inputs, output: OutputType::of::<R>(), resource: None },
            extract: Box::new(extract),
            body: Box::new(move |args, lender| {
                let body = body(args, lender);
                Box::pin(async move { reply(body.await) })
            }),
            load: None,
            when: None,
        }
    }

    /// A tool whose body borrows only what reads.
    pub fn reading<A, R, X, B, F>(
        spec: &'static ToolSpec,
        inputs: Vec<InputType>,
        extract: X,
        body: B,
    ) -> Draft<S, A>
    where
        A: Send + Sync + 'static,
        R: Reply,
        X: Fn(&mut Fields<'_>) -> Option<A> + Send + Sync + 'static,
        B: Fn(Cleared<A>, Reader<S>) -> F + Send + Sync + 'static,
        F: Future<Output = R> + Send + 'static,
    {
        Self::mutating::<A, R, _, _, _>(spec, inputs, extract, move |args, lender| {
            body(args, Reader::new(lender))
        })
    }

    /// The declaration.
    #[must_use]
    pub fn spec(&self) -> &'static ToolSpec {
        self.common.spec
    }

    pub(crate) fn inputs(&self) -> &[InputType] {
        &self.common.inputs
    }

    pub(crate) fn output(&self) -> OutputType {
        self.common.output
    }

    pub(crate) fn resource_type(&self) -> Option<ResourceType> {
        self.common.resource
    }

    /// Joins the state, after which nothing depends on its type.
    pub(crate) fn bind(&self, state: &Arc<S>) -> BoundTool {
        BoundTool((self.bind)(state))
    }
}

impl<S: State, A: Send + Sync + 'static> Draft<S, A> {
    /// The permission is checked on the resource `R`, which the input that `pick` picks names.
    #[must_use]
    pub fn resource<R, I>(self, pick: for<'a> fn(&'a A) -> &'a I) -> Self
    where
        R: Resource<S>,
        I: ResourceIds<Id = R::Id> + 'static,
    {
        self.scoped::<R, I>(pick, |id| Some(id))
    }

    /// The same for a field of a whole input, whose type the macro cannot name and so cannot prove to be `R`'s id. A
    /// field of another id type is a fault at start-up, and no call with it is ever permitted.
    #[must_use]
    pub fn resource_field<R, I>(self, pick: for<'a> fn(&'a A) -> &'a I) -> Self
    where
        R: Resource<S>,
        I: ResourceIds + 'static,
    {
        self.scoped::<R, I>(pick, |id| (id as &dyn Any).downcast_ref())
    }

    fn scoped<R, I>(
        mut self,
        pick: for<'a> fn(&'a A) -> &'a I,
        own: for<'a> fn(&'a I::Id) -> Option<&'a R::Id>,
    ) -> Self
    where
        R: Resource<S>,
        I: ResourceIds + 'static,
    {
        self.common.resource = Some(ResourceType {
            type_name: R::TYPE,
            attributes: R::ATTRIBUTES,
            id_fits: TypeId::of::<I::Id>() == TypeId::of::<R::Id>(),
        });
        self.load = Some(Box::new(move |args, reader| {
            let ids = pick(args).each();
            Box::pin(async move {
                let mut loaded = Vec::with_capacity(ids.len());
                for id in ids {
                    let id = own(id).ok_or_else(|| {
                        ToolError::internal("the field named by `resource` holds another id type")
                    })?;
                    loaded.push(R::load(&reader, id).await?.map(|resource| LoadedResource {
                        type_name: R::TYPE,
                        id: id.id_text(),
                        tenant: resource.tenant().to_owned(),
                        attributes: resource.attributes(),
                    }));
                }
                Ok(loaded)
            })
        }));
        self
    }

    /// The preview function. Its types are proven here; running it comes with the stage that shows previews.
    #[must_use]
    pub fn dry_run<D: DryRun<S, A>>(self) -> Self {
        self
    }

    /// The predicate that says whether a call needs approval.
    #[must_use]
    pub fn when<W: When<S, A>>(mut self) -> Self {
        self.when =
            Some(Box::new(|args, reader| Box::pin(async move { W::ask(&reader, args).await })));
        self
    }

    /// The compensating function. Its types are proven here; running it comes with the store of results.
    #[must_use]
    pub fn rollback<R: Rollback<S, D>, D>(self) -> Self {
        self
    }

    /// The finished entry.
    #[must_use]
    pub fn finish(self) -> Entry<S> {
        let Self { common, extract, body, load, when } = self;
        let parts = Arc::new(Parts { extract, body, load, when });
        Entry {
            common,
            bind: Box::new(move |state| {
                Box::new(Bound { parts: Arc::clone(&parts), state: Arc::clone(state) })
            }),
        }
    }
}

/// Who calls, and in which call: what a body may borrow besides the state.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) context: CallContext,
}

/// A tool joined with its state: from here on nothing is generic.
pub(crate) struct BoundTool(Box<dyn BoundCall>);

impl BoundTool {
    /// The typed arguments of one call, not yet cleared.
    pub(crate) fn prepare(
        &self,
        args: &Map<String, Value>,
    ) -> Result<Box<dyn PreparedCall>, Vec<Fault>> {
        self.0.prepare(args)
    }
}

impl std::fmt::Debug for BoundTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoundTool")
    }
}

trait BoundCall: Send + Sync {
    fn prepare(&self, args: &Map<String, Value>) -> Result<Box<dyn PreparedCall>, Vec<Fault>>;
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

    /// Enters the body.
    fn run(
        self: Box<Self>,
        clearance: Clearance,
        caller: Caller,
    ) -> BoxFuture<'static, Result<Output, ToolError>>;
}

struct Parts<S: State, A> {
    extract: Extract<A>,
    body: Body<S, A>,
    load: Option<Load<S, A>>,
    when: Option<Ask<S, A>>,
}

impl<S: State, A> Parts<S, A> {
    /// The same inputs once more, out of the same canonical arguments, for a companion function.
    fn again(&self, args: &Map<String, Value>) -> Result<A, ToolError> {
        (self.extract)(&mut Fields::new(args))
            .ok_or_else(|| ToolError::internal("the arguments could not be read a second time"))
    }
}

struct Bound<S: State, A> {
    parts: Arc<Parts<S, A>>,
    state: Arc<S>,
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
        let ask = self.parts.when.as_ref()?;
        Some(match self.parts.again(args) {
            Ok(args) => ask(args, self.reader(caller)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        })
    }

    fn run(
        self: Box<Self>,
        clearance: Clearance,
        caller: Caller,
    ) -> BoxFuture<'static, Result<Output, ToolError>> {
        let Self { parts, state, args } = *self;
        let lender = lender(&state, &caller);
        (parts.body)(Cleared::seal(clearance, args), lender)
    }
}
