use super::Entry;
use super::lent::State;
use super::spec::{Access, Risk, ToolSpec};

/// A declared tool: what `#[tool]` writes beside the function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a declared tool [MS0815]",
    label = "no policy is known for this",
    note = "put `#[tool(risk = \"..\", permission = \"..\")]` on the function and name the function here"
)]
pub trait ToolMeta {
    /// The declaration.
    const SPEC: &'static ToolSpec;
}

/// A declared tool that a server with the state `S` can run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool that a server with the state `{S}` can run [MS0815]",
    note = "put `#[tool(risk = \"..\", permission = \"..\")]` on the function and name the function here"
)]
pub trait Tool<S: State>: ToolMeta {
    /// The entry for the served table. Written by `#[tool]`; its body can only be reached through the pipeline.
    #[doc(hidden)]
    fn entry() -> Entry<S>;
}

/// The rules that only need flags, applied at compile time to every path in [`tools!`](crate::tools).
///
/// It covers hand-written implementations of [`ToolMeta`] too. Text is linted at start-up: const evaluation of text
/// costs seconds for a hundred tools.
#[doc(hidden)]
pub const fn check(spec: &ToolSpec) {
    assert!(!spec.name.is_empty(), "this tool has no name");
    assert!(!spec.description.is_empty(), "this tool has no purpose: give it a doc comment");
    let read_only = spec.annotations.read_only;
    match spec.access {
        Access::Public => assert!(
            read_only && matches!(spec.risk, Risk::Low),
            "only a read-only tool of low risk may be `public`"
        ),
        Access::Permission(p) => assert!(!p.is_empty(), "this tool has an empty permission"),
    }
    assert!(
        !(read_only
            && (spec.annotations.destructive
                || spec.rollback.is_some()
                || spec.idempotency.is_some())),
        "a read-only tool destroys, rolls back or repeats nothing"
    );
    let dangerous =
        matches!(spec.risk, Risk::High | Risk::Critical) || spec.annotations.destructive;
    let controlled = spec.approval.is_some()
        || spec.dry_run.is_some()
        || spec.idempotency.is_some()
        || spec.rollback.is_some()
        || !spec.rate_limits.is_empty()
        || spec.resource.is_some();
    assert!(
        read_only || !dangerous || controlled,
        "a dangerous tool needs a control: `approval`, `dry_run`, `idempotency`, `rollback`, `rate_limit` or `resource`"
    );
    if matches!(spec.risk, Risk::Critical) && !read_only {
        assert!(spec.approval.is_some(), "a critical tool needs `approval`");
        assert!(
            spec.rollback.is_some() || spec.irreversible,
            "a critical tool needs `rollback`, or says `irreversible`"
        );
    }
}
