//! Stage 5: was this very call made before? Then its first answer is repeated, and nothing runs.
//!
//! A key of declared inputs (`idempotency(key = [order_id])`) belongs to the tenant and the tool, so two colleagues can
//! not do one thing twice either. Without declared inputs the key is the client's, or all arguments where the client
//! sends none, and belongs to the account and its client.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::approve::unavailable;
use super::authorise::Permitted;
use super::call::META_PREFIX;
use super::gate::Gate;
use super::record::Trail;
use super::refusal::{Code, Refusal, executed_from, executed_json};
use super::resume::{carried_out, in_doubt};
use super::table::Served;
use crate::approval::Party;
use crate::audit::Executed;
use crate::canon::Digest;
use crate::guard;
use crate::identity::Principal;
use crate::store::{KeyRecord, KeyState, NewKey};
use crate::tool::Output;
use crate::tool::spec::IdempotencySpec;

/// The one key of `_meta` that is ours to read: the client's name for this call.
pub(super) const CLIENT_KEY: &str = "idempotency_key";
/// The longest such name, in characters.
const LONGEST: usize = 255;

/// What the keys say of a call.
pub(super) enum Repeat {
    /// It is the first under its key, which it will hold if it has one.
    No(Option<NewKey>),
    /// It was carried out before, with this answer.
    Of(Output),
}

/// What the client wishes by our keys of `_meta`. One that is not known is refused: a misspelt wish never runs for real.
pub(super) fn client_key(
    tool: &Served,
    own_meta: &Map<String, Value>,
) -> Result<Option<String>, String> {
    let mut key = None;
    for (name, value) in own_meta {
        if name.strip_prefix(META_PREFIX) != Some(CLIENT_KEY) {
            return Err(format!(
                "`_meta` has a key of ours that is not known: {}",
                super::validate::shown(name)
            ));
        }
        let text = value.as_str().filter(|text| (1..=LONGEST).contains(&text.chars().count()));
        let Some(text) = text else {
            return Err(format!(
                "`{META_PREFIX}{CLIENT_KEY}` is a text of 1 to {LONGEST} characters"
            ));
        };
        match tool.spec.idempotency {
            None => {
                return Err(format!(
                    "this tool takes no `{META_PREFIX}{CLIENT_KEY}`; leave it out"
                ));
            }
            Some(rule) if !rule.key.is_empty() => {
                return Err(format!(
                    "this tool makes its key of `{}`; leave `{META_PREFIX}{CLIENT_KEY}` out",
                    rule.key.join("`, `")
                ));
            }
            Some(_) => key = Some(text.to_owned()),
        }
    }
    Ok(key)
}

impl Gate {
    /// One read of the store, for tools that declare `idempotency` alone.
    pub(super) async fn repeated(
        &self,
        tool: &Served,
        permitted: &Permitted,
        trail: &mut Trail,
    ) -> Result<Repeat, Refusal> {
        // Who asks what a call would do wants to hear that, not what was done before.
        let Some(rule) = tool.spec.idempotency.filter(|_| !permitted.dry_run) else {
            return Ok(Repeat::No(None));
        };
        let principal = &permitted.caller.principal;
        let key = NewKey {
            key: scoped(tool, &rule, permitted)?,
            arguments: permitted.digest,
            window_ms: rule.window_secs.saturating_mul(1000),
            rerun: tool.spec.annotations.idempotent,
        };
        // Kept from whoever reads the record: the inputs of a key are easily guessed.
        if let Some(sealed) = self.audit.key().seal(&principal.tenant, &key.key) {
            trail.detail("idempotency_key", sealed.to_hex().into());
        }
        let found = self.store.idempotent(&key.key).await.map_err(|error| unavailable(&error))?;
        match found {
            None => Ok(Repeat::No(Some(key))),
            Some(found) => met(principal, key, found),
        }
    }
}

/// What the key's holder means for a call.
pub(super) fn met(principal: &Principal, key: NewKey, found: KeyRecord) -> Result<Repeat, Refusal> {
    let caller = Party::from(principal);
    let same_account = found.caller.tenant == caller.tenant
        && found.caller.issuer == caller.issuer
        && found.caller.subject == caller.subject
        && found.caller.client == caller.client;
    if !same_account {
        return Err(Refusal::new(
            Code::IdempotencyConflict,
            "somebody else, or another client, has asked for this already",
        )
        .remedy("do not ask again; talk to the person you work for"));
    }
    if found.arguments != key.arguments {
        return Err(Refusal::new(
            Code::IdempotencyConflict,
            "this was asked for already, with other arguments",
        )
        .remedy("look at what was done before; do not try other arguments to get around this"));
    }
    match found.state {
        KeyState::Running { .. } => Err(running()),
        KeyState::InDoubt if key.rerun => Ok(Repeat::No(Some(key))),
        KeyState::InDoubt => Err(in_doubt()),
        KeyState::Ended { answer } => match answer.map(Kept::read) {
            Some(Some(Kept::Output(output))) => Ok(Repeat::Of(output)),
            Some(Some(Kept::Refusal(refusal))) => Err(*refusal),
            Some(None) | None => {
                Err(carried_out("this very call was carried out before; its answer is not known"))
            }
        },
    }
}

/// What was kept may be the answer of an older release of the tool, made to another promise. It has to keep the one that
/// clients are told now, like any answer.
pub(super) fn still_fits(tool: &Served, kept: Output) -> Result<Output, Refusal> {
    match guard::check(tool.spec, tool.output.as_ref(), kept) {
        Ok(checked) => Ok(checked.output),
        Err(cause) => Err(Refusal::new(
            Code::IdempotencyConflict,
            "this very call was carried out by an older version of the tool, and its answer does not fit this one",
        )
        .executed(Executed::Yes)
        .remedy("do not call again; look at what was done")
        .internal(cause)),
    }
}

/// This very call is under way, perhaps in another process.
pub(super) fn running() -> Refusal {
    Refusal::new(Code::InProgress, "this very call is running")
        .executed(Executed::Unknown)
        .remedy("call again with the same arguments to hear how it ended")
        .retry_after(Duration::from_secs(1))
}

fn scoped(tool: &Served, rule: &IdempotencySpec, permitted: &Permitted) -> Result<Digest, Refusal> {
    let principal = &permitted.caller.principal;
    let inputs = key_inputs(rule, &permitted.arguments)?;
    let account = json!([principal.issuer, principal.subject, principal.client]);
    let scope = match (&permitted.client_key, rule.key) {
        (_, [_, ..]) => json!({"declared": inputs}),
        (Some(key), []) => json!({"client": key, "account": account}),
        (None, []) => json!({"arguments": permitted.digest.to_hex(), "account": account}),
    };
    let whole = json!({"tenant": principal.tenant, "tool": tool.spec.name, "key": scope});
    Digest::of_value(&whole).map_err(|cause| {
        Refusal::new(Code::InvalidArguments, "the call has no canonical form").internal(cause)
    })
}

/// The inputs a key is made of. Start-up makes sure that no call lacks one; one that does gets no key that others share.
fn key_inputs(
    rule: &IdempotencySpec,
    arguments: &Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let inputs = rule.key.iter().map(|name| {
        let value = arguments.get(*name).cloned().ok_or_else(|| {
            Refusal::new(
                Code::InvalidArguments,
                format!("`{name}` tells calls of this tool apart and is missing"),
            )
            .remedy(format!("call again with `{name}`"))
        })?;
        Ok(((*name).to_owned(), value))
    });
    inputs.collect()
}

/// What is kept to be repeated: under a key, or for whoever waits for an approval.
pub(super) enum Kept {
    Output(Output),
    Refusal(Box<Refusal>),
}

/// The field that tells a refusal that is repeated from an output.
const REFUSAL: &str = "refusal";

/// A refusal of a call that ran, as it is kept to be repeated.
pub(super) fn kept_refusal(refusal: &Refusal) -> Value {
    json!({ REFUSAL: {
        "code": refusal.code.as_str(), "reason": refusal.reason, "remedy": refusal.remedy,
        "executed": executed_json(refusal.executed),
    }})
}

impl Kept {
    pub(super) fn read(answer: Value) -> Option<Self> {
        let Some(refusal) = answer.get(REFUSAL) else {
            return serde_json::from_value(answer).ok().map(Self::Output);
        };
        let text = |name: &str| refusal.get(name).and_then(Value::as_str);
        // Those of before this was kept had all run.
        let executed = refusal.get("executed").map_or(Executed::Yes, executed_from);
        let mut again =
            Refusal::new(Code::from_str(text("code")?)?, text("reason")?).executed(executed);
        again.remedy = text("remedy").map(ToOwned::to_owned);
        Some(Self::Refusal(Box::new(again)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_lacks_an_input_of_its_key_gets_no_key() {
        let rule = IdempotencySpec { key: &["order_id", "line"], window_secs: 60 };
        let whole = json!({"order_id": 7, "line": null, "cents": 1});
        let inputs = key_inputs(&rule, whole.as_object().unwrap()).unwrap();
        assert_eq!(Value::Object(inputs), json!({"order_id": 7, "line": null}));
        let lacking = json!({"orderId": 7, "line": 1});
        let refusal = key_inputs(&rule, lacking.as_object().unwrap()).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidArguments);
        assert!(refusal.reason.contains("`order_id`"), "{}", refusal.reason);
    }
}
