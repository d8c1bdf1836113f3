//! The witness: proof that a call went through the pipeline, without which no body can be entered.

/// Made by the pipeline alone, at the end of its gates, once for one call.
///
/// It has no public constructor, can not be cloned, and is consumed when the body is entered.
#[derive(Debug)]
pub(crate) struct Clearance(());

impl Clearance {
    /// Called where a call has passed its gates: by the stage that commits it to running, and for a read that needs no
    /// approval, which commits to nothing.
    pub(in crate::pipeline) fn grant() -> Self {
        Self(())
    }
}

/// The arguments of a call that was cleared: the very ones it was cleared for.
///
/// A body's entry point takes it by value, so a body runs once for one clearance.
#[derive(Debug)]
pub struct Cleared<A>(A);

impl<A> Cleared<A> {
    #[expect(clippy::needless_pass_by_value, reason = "giving the clearance up is the point")]
    pub(crate) fn seal(clearance: Clearance, args: A) -> Self {
        let Clearance(()) = clearance;
        Self(args)
    }

    /// The typed arguments.
    pub fn into_args(self) -> A {
        self.0
    }
}
