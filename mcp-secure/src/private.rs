//! What generated code calls. Not part of the public interface; it changes without notice.
#![allow(missing_docs, reason = "hidden; documented where each item lives")]

pub use schemars::{Schema, SchemaGenerator};

pub use crate::pipeline::Cleared;
pub use crate::resource::{Resource, ResourceId, ResourceIds};
pub use crate::tool::spec::{
    Access, AnnotationSpec, ApprovalSpec, Bound, IdempotencySpec, InputSpec, Kind, LimitSpec,
    RateLimitSpec, RateScope, ResourceSpec, Risk, RollbackSpec, SourceSpec, ToolSpec,
};
pub use crate::tool::{
    BoxFuture, Draft, DryRun, DryRunFits, Entry, Fields, InputType, Lender, Lent, LentRead, Output,
    OutputType, Reader, Reply, Rollback, RollbackFits, State, Tool, ToolError, ToolInput, ToolMeta,
    ToolOutput, ToolSet, When, WhenFits, check, reply, structured, structured_schema,
};

/// What a preview or a compensation hands back.
pub type CompanionResult = Result<Output, ToolError>;

#[must_use]
pub fn input<T: ToolInput>() -> InputType {
    InputType::of::<T>()
}

#[must_use]
pub fn whole_input<T: ToolInput>() -> InputType {
    InputType::of::<T>()
}

pub fn answer<A: crate::tool::Answer>(returned: A) -> Result<bool, ToolError> {
    returned.into_answer()
}

pub const fn assert_dry_run<D: DryRunFits<Args>, Args>() {}
pub const fn assert_when<W: WhenFits<Args>, Args>() {}
pub const fn assert_rollback<R: RollbackFits<Done>, Done: serde::de::DeserializeOwned>() {}

/// Tells at compile time whether `T` names a resource: the inherent constant, which exists only for ids, shadows the
/// trait's.
#[derive(Debug)]
pub struct Probe<T>(std::marker::PhantomData<T>);

impl<T: ResourceIds> Probe<T> {
    pub const IS_RESOURCE_ID: bool = true;
}

pub trait NotAResourceId {
    const IS_RESOURCE_ID: bool = false;
}

impl<T> NotAResourceId for Probe<T> {}

#[track_caller]
pub const fn assert_not_resource_id(is_resource_id: bool, message: &'static str) {
    assert!(!is_resource_id, "{}", message);
}
