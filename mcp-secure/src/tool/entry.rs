use std::any::{Any, TypeId};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::BoxFuture;
use super::bound::{Bound, BoundCall, BoundTool, Parts};
use super::companion::{DryRun, Rollback, When};
use super::error::ToolError;
use super::fields::Fields;
use super::input::InputType;
use super::lent::{Lender, Reader, State};
use super::output::{Output, OutputType, Reply, reply};
use super::spec::ToolSpec;
use crate::pipeline::Cleared;
use crate::resource::{LoadedResource, Resource, ResourceId as _, ResourceIds};

pub(super) type Extract<A> = Box<dyn Fn(&mut Fields<'_>) -> Option<A> + Send + Sync>;
pub(super) type Body<S, A> = Box<
    dyn Fn(Cleared<A>, Lender<S>) -> BoxFuture<'static, Result<Output, ToolError>> + Send + Sync,
>;
pub(super) type Load<S, A> = Box<
    dyn for<'a> Fn(
            &'a A,
            Reader<S>,
        ) -> BoxFuture<'a, Result<Vec<Option<LoadedResource>>, ToolError>>
        + Send
        + Sync,
>;
pub(super) type Ask<S, A, T> =
    Box<dyn Fn(A, Reader<S>) -> BoxFuture<'static, Result<T, ToolError>> + Send + Sync>;
/// Reads what a run returned, and makes of it the compensating function's call.
pub(super) type Undo<S> = Box<dyn Fn(Value) -> Result<Undoing<S>, ToolError> + Send + Sync>;
pub(super) type Undoing<S> =
    Box<dyn FnOnce(Lender<S>) -> BoxFuture<'static, Result<Output, ToolError>> + Send>;

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
    preview: Option<OutputType>,
    resource: Option<ResourceType>,
}

/// A tool's entry while the macro's code puts it together.
pub struct Draft<S: State, A> {
    common: Common,
    extract: Extract<A>,
    body: Body<S, A>,
    load: Option<Load<S, A>>,
    when: Option<Ask<S, A, bool>>,
    preview: Option<Ask<S, A, Output>>,
    undo: Option<Undo<S>>,
}

/// A tool as a served table holds it before the state is there. Made by `#[tool]`.
pub struct Entry<S: State> {
    common: Common,
    has_rollback: bool,
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
            common: Common {
                spec,
                inputs,
                output: OutputType::of::<R>(),
                preview: None,
                resource: None,
            },
            extract: Box::new(extract),
            body: Box::new(move |args, lender| {
                let body = body(args, lender);
                Box::pin(async move { reply(body.await) })
            }),
            load: None,
            when: None,
            preview: None,
            undo: None,
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

    /// What the preview returns, where there is one.
    pub(crate) fn preview(&self) -> Option<OutputType> {
        self.common.preview
    }

    pub(crate) fn has_rollback(&self) -> bool {
        self.has_rollback
    }

    pub(crate) fn resource_type(&self) -> Option<ResourceType> {
        self.common.resource
    }

    /// Joins the state, after which nothing depends on its type.
    pub(crate) fn bind(&self, state: &Arc<S>) -> BoundTool {
        BoundTool::new((self.bind)(state))
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

    /// The preview function, which says what a call would do.
    #[must_use]
    pub fn dry_run<D: DryRun<S, A>>(mut self) -> Self {
        self.common.preview = Some(D::shows());
        self.preview =
            Some(Box::new(|args, reader| Box::pin(async move { D::preview(&reader, args).await })));
        self
    }

    /// The predicate that says whether a call needs approval.
    #[must_use]
    pub fn when<W: When<S, A>>(mut self) -> Self {
        self.when =
            Some(Box::new(|args, reader| Box::pin(async move { W::ask(&reader, args).await })));
        self
    }

    /// The compensating function, which takes back what a run did. It gets what that run returned.
    #[must_use]
    pub fn rollback<R: Rollback<S, D>, D: DeserializeOwned + Send + 'static>(mut self) -> Self {
        self.undo = Some(Box::new(|output| {
            // The parser's own words could quote the output.
            let done: D = serde_json::from_value(output).map_err(|_| {
                ToolError::internal("what the run returned is not of the tool's output type")
            })?;
            Ok(Box::new(move |lender| R::undo(lender, done)))
        }));
        self
    }

    /// The finished entry.
    #[must_use]
    pub fn finish(self) -> Entry<S> {
        let Self { common, extract, body, load, when, preview, undo } = self;
        let parts = Arc::new(Parts { extract, body, load, when, preview, undo });
        Entry {
            common,
            has_rollback: parts.undo.is_some(),
            bind: Box::new(move |state| {
                Box::new(Bound { parts: Arc::clone(&parts), state: Arc::clone(state) })
            }),
        }
    }
}
