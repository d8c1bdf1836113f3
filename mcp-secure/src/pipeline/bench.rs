//! The clock between the stages, for the benches. It enters no body: what the guard sees is given.

use std::time::{Duration, Instant};

use super::call::Incoming;
use super::gate::Gate;
use super::record::Trail;
use super::refusal::Refusal;
use crate::audit::{Event, Executed, OutcomeNote};
use crate::guard;
use crate::tool::Output;

/// How long each stage of one read-only call took.
#[derive(Debug, Clone, Copy)]
pub struct Stages {
    /// Finding the tool for this caller.
    pub find: Duration,
    /// Checking the schema, canonical form, defaults, typed arguments: stage 3 without what only the record needs.
    pub extract: Duration,
    /// All of stage 3, with the digest and the redacted copy that the record holds.
    pub validate: Duration,
    /// Loading the resource and asking the policies.
    pub authorise: Duration,
    /// Binding the call to its effect and taking a slot.
    pub approve: Duration,
    /// Schema, size and characters of the output.
    pub guard: Duration,
    /// Making the record and queueing it.
    pub record: Duration,
}

impl Gate {
    /// Takes one call to the point where its body would be entered, and `output` from there on.
    pub(crate) async fn stages(
        &self,
        incoming: Incoming,
        output: Output,
    ) -> Result<Stages, Box<Refusal>> {
        let mut trail = Trail::begin(self, &incoming);
        let clock = Instant::now();
        let tool = self.find(&incoming).ok_or_else(super::authorise::unavailable)?;
        let find = clock.elapsed();
        trail.found(&tool);

        let again = incoming.arguments.clone();
        let clock = Instant::now();
        let arguments = self.canonical_arguments(&tool, again)?;
        let prepared = tool.bound.prepare(&arguments).is_ok();
        let extract = clock.elapsed();
        debug_assert!(prepared, "the arguments fit");

        let clock = Instant::now();
        let valid = self.validate(&tool, incoming, &mut trail)?;
        let validate = clock.elapsed();

        let clock = Instant::now();
        let permitted = self.authorise(&tool, valid, &mut trail).await?;
        let authorise = clock.elapsed();

        let clock = Instant::now();
        let slot = Self::slot(&tool, &permitted.caller.principal)?;
        self.limit(&tool, &permitted.caller.principal).await?;
        self.switched_on(&tool, &permitted.caller.principal)?;
        let approved = self.approve(&tool, permitted, None, None, &mut trail).await?;
        let approve = clock.elapsed();
        drop((slot, approved));

        let clock = Instant::now();
        let checked = guard::check(tool.spec, tool.output.as_ref(), output)
            .map_err(|cause| Refusal::new(super::Code::OutputRefused, "refused").internal(cause))?;
        let guard = clock.elapsed();

        let clock = Instant::now();
        let done = OutcomeNote::new(Executed::Yes, "ok").result_digest(checked.digest);
        let queued = self.audit.queued(trail.end(Event::Read, done));
        let record = clock.elapsed();
        queued.map_err(|error| super::record::unrecordable(&error))?;
        Ok(Stages { find, extract, validate, authorise, approve, guard, record })
    }
}
