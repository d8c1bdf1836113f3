//! Stage 6: say what a call would do, to the client that asks for that, or to the people who decide on the call.
//!
//! A preview is lent only what reads. Whatever comes of it, nothing was carried out: it takes no approval, no running
//! row and no key.

use serde_json::{Value, json};

use super::approve::void;
use super::authorise::Permitted;
use super::call::Answer;
use super::execute::bounded;
use super::gate::Gate;
use super::mask::veiled;
use super::record::{Trail, withheld};
use super::refusal::{Code, Refusal};
use super::table::Served;
use crate::approval::Approval;
use crate::audit::{Event, Executed, OutcomeNote};
use crate::canon::Digest;
use crate::guard::{self, Checked};
use crate::tool::DRY_RUN;

impl Gate {
    /// What the body would do; `None` where the tool has no preview.
    pub(super) async fn preview(
        &self,
        tool: &Served,
        permitted: &Permitted,
    ) -> Option<Result<Checked, Refusal>> {
        let preview = permitted.prepared.preview(&permitted.arguments, &permitted.caller)?;
        let shown = bounded(tool, &permitted.cancelled, preview).await.and_then(|output| {
            guard::check(tool.spec, tool.preview.as_ref(), output).map_err(|cause| {
                Refusal::new(Code::OutputRefused, "the preview broke the tool's own promise")
                    .internal(cause)
            })
        });
        Some(shown.map_err(|refusal| {
            refusal
                .executed(Executed::No)
                .remedy("nothing was carried out; correct the arguments, or call again later")
        }))
    }

    /// The answer to a call that asked what it would do.
    pub(super) async fn dry_run(
        &self,
        tool: &Served,
        permitted: &Permitted,
    ) -> Result<Checked, Refusal> {
        // A tool without a preview has no such input either, so this is never reached for one.
        let missing = || Refusal::new(Code::InvalidArguments, "this tool has no preview");
        self.preview(tool, permitted).await.ok_or_else(missing)?
    }

    /// Records that a preview was shown, and shows it.
    pub(super) fn previewed(&self, tool: &Served, mut trail: Trail, shown: Checked) -> Answer {
        let Checked { mut output, digest } = shown;
        let outcome = OutcomeNote::new(Executed::No, "ok").result_digest(digest);
        if let Err(error) = self.audit.queued(trail.end(Event::Previewed, outcome)) {
            let refusal = Box::new(withheld(&error).executed(Executed::No));
            return Answer::Refused { request_id: trail.request_id(), refusal };
        }
        // A tool with an output schema always answers with structured content; clients hold it to that.
        if output.structured.is_none() && tool.output_schema.is_some() {
            output.structured = Some(json!({ DRY_RUN: true }));
        }
        Answer::Previewed { request_id: trail.request_id(), output }
    }

    /// The preview as people who decide are shown it; `None` where the tool has none. Nobody is asked about a call of
    /// which nobody can say what it would do.
    pub(super) async fn shown_to_people(
        &self,
        tool: &Served,
        permitted: &Permitted,
        trail: &mut Trail,
    ) -> Result<Option<Value>, Refusal> {
        let Some(preview) = self.preview(tool, permitted).await else { return Ok(None) };
        let no_form = |cause: &dyn std::fmt::Display| {
            Refusal::new(Code::OutputRefused, "the preview can not be shown to people")
                .internal(cause)
                .remedy("nobody was asked; correct the arguments, or tell the person you work for")
        };
        let output = serde_json::to_value(preview?.output).map_err(|error| no_form(&error))?;
        // Taken before anything is masked: what changes behind a mask is a change too.
        let whole = Digest::of_value(&output).map_err(|error| no_form(&error))?;
        let veiled = veiled(output, &permitted.arguments, &tool.redaction.sensitive())
            .map_err(|error| no_form(&error))?;
        // Where people see everything the digest tells them nothing new; else it is keyed, or what is masked could be
        // guessed by it.
        let digest = if veiled.masked == 0 {
            whole
        } else {
            let tenant = &permitted.caller.principal.tenant;
            self.audit
                .key()
                .seal(tenant, &whole)
                .ok_or_else(|| no_form(&"there is no audit key"))?
        };
        let digest = digest.to_hex();
        trail.detail("preview", digest.as_str().into());
        let mut shown = veiled.shown;
        if let Some(shown) = shown.as_object_mut() {
            // Kept beside it: numbers may come back from a store in another spelling.
            shown.insert("digest".to_owned(), digest.into());
            shown.insert("masked".to_owned(), veiled.masked.into());
        }
        Ok(Some(shown))
    }

    /// Makes sure that an approved call still does what people were shown. Where it does not, their votes are void.
    pub(super) async fn still_as_shown(
        &self,
        tool: &Served,
        permitted: &Permitted,
        found: &Approval,
        trail: &mut Trail,
    ) -> Result<(), Refusal> {
        let now = self.shown_to_people(tool, permitted, trail).await?;
        let digest = |shown: Option<&Value>| shown.and_then(|shown| shown.get("digest")).cloned();
        if digest(now.as_ref()) == digest(found.preview.as_ref()) {
            return Ok(());
        }
        Err(void(
            self,
            found,
            "what the call would do has changed",
            "what this call would do has changed since a person approved it, so the approval no longer counts",
        )
        .await)
    }
}
