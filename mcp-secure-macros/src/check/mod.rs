//! Checking: the raw model judged by every rule, every fault collected; what passes has no doubts left.

mod inputs;
mod policy;
pub(crate) mod signature;
mod texts;
mod uri;

use mcp_secure_rules::Code;
use mcp_secure_rules::declaration::{Kind, Risk};
use mcp_secure_rules::names::suggestion;
use mcp_secure_rules::text::Place as TextPlace;
use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt as _;

use crate::diagnostics::{Faults, Place};
use crate::house::House;
use crate::model::{Annotations, Approval, Declaration, Idempotency, Input, Resource, Rollback};
use crate::read::attribute::Raw;
use crate::read::docs::Docs;
use crate::read::function::{Function, ParamNotes};
use crate::read::value::{Slot, Text};
use crate::role::Role;
use crate::types;
use signature::Understood;

/// Judges a declaration. What it returns may be emitted only if no fault was found.
pub(crate) fn declaration(
    kind: Kind,
    raw: &Raw,
    docs: &Docs,
    understood: Understood,
    house: &House,
    faults: &mut Faults,
) -> Declaration {
    let ident = understood.shape.ident.clone();
    let name = raw.name.get().map_or_else(|| ident.unraw().to_string(), |name| name.value.clone());
    let facts = policy::facts(kind, raw, &name, docs);
    policy::check(raw, docs, &facts, house, ident.span().into(), faults);
    for fault in &house.faults {
        faults.push(Code::HOUSE_FILE, ident.span(), fault.clone());
    }
    texts::docs(docs, TextPlace::Description, faults);
    if let Some(title) = raw.title.get() {
        texts::literal(title, TextPlace::Title, faults);
    }
    let broad = raw.broad.is_given() || raw.broad.is_faulty();
    let inputs = inputs::check(
        raw.name.place().unwrap_or(ident.span().into()),
        &name,
        &understood.inputs,
        broad,
        faults,
    );
    named(raw, &understood, faults);
    if kind == Kind::Resource {
        address(raw, &understood, &ident, faults);
    }
    let risk = facts.risk.unwrap_or(Risk::Critical);
    let annotations = Annotations {
        read_only: facts.read_only,
        destructive: facts.destructive,
        idempotent: facts.idempotent.unwrap_or(facts.read_only),
        // MCP's default is that the effect reaches beyond the application.
        open_world: raw.open_world.get().copied().unwrap_or(true),
    };
    build(kind, raw, docs, understood, house, (name, risk, annotations, inputs))
}

fn build(
    kind: Kind,
    raw: &Raw,
    docs: &Docs,
    understood: Understood,
    house: &House,
    (name, risk, annotations, inputs): (String, Risk, Annotations, Vec<Input>),
) -> Declaration {
    const DAY: u64 = 86_400;
    let text = |slot: &Slot<Text>| slot.get().map(|text| text.value.clone());
    Declaration {
        kind,
        shape: understood.shape,
        uri: text(&raw.uri).unwrap_or_default(),
        mime_type: text(&raw.mime_type).unwrap_or_default(),
        name,
        title: text(&raw.title),
        description: docs.text.clone(),
        risk,
        permission: text(&raw.permission),
        resource: raw
            .resource
            .get()
            .map(|resource| Resource { ty: resource.ty.clone(), input: resource.input.clone() }),
        approval: raw.approval.get().map(|approval| Approval {
            by: text(&approval.by),
            quorum: approval.quorum.get().copied().unwrap_or(1),
            expires_secs: approval.expires.get().copied().unwrap_or(DAY),
            when: approval.when.get().cloned(),
            allow_requester: approval.allow_requester.is_given(),
        }),
        annotations,
        dry_run: raw.dry_run.get().cloned(),
        idempotency: raw.idempotency.get().map(|idempotency| Idempotency {
            key: idempotency.key.get().cloned().unwrap_or_default(),
            window_secs: idempotency.window.get().copied().unwrap_or(DAY),
        }),
        rollback: raw.rollback.get().map(|rollback| Rollback {
            path: rollback.path.clone(),
            permission: text(&rollback.permission),
            within_secs: rollback.within.get().copied(),
        }),
        irreversible: raw.irreversible.is_given(),
        rate_limits: raw.rate_limit.get().cloned().unwrap_or_default(),
        timeout_ms: raw.timeout.get().copied(),
        max_output_bytes: raw.max_output.get().copied(),
        max_concurrent: raw.max_concurrent.get().copied(),
        owner: text(&raw.owner),
        version: text(&raw.version),
        broad: text(&raw.broad),
        inputs,
        house_files: house.files.clone(),
    }
}

/// R5: keys that name inputs name real ones.
fn named(raw: &Raw, understood: &Understood, faults: &mut Faults) {
    // The fields of a whole input are checked by the compiler, in generated code.
    let whole = understood.inputs.iter().any(|(_, _, notes)| notes.input.is_some());
    let owned: Vec<String> =
        understood.inputs.iter().map(|(name, ..)| name.unraw().to_string()).collect();
    let refuse = |code: Code, key: &str, name: &Ident, faults: &mut Faults| {
        let text = name.unraw().to_string();
        if whole || owned.contains(&text) {
            return;
        }
        let message = if understood.lent.contains(&text) {
            format!(
                "`{key}` names `{text}`, which is borrowed from the server: name an owned parameter, which the call carries"
            )
        } else if understood.names.contains(&text) {
            // The parameter has a fault of its own.
            return;
        } else {
            let near = suggestion(&text, owned.iter().map(String::as_str));
            format!(
                "`{key}` names `{text}`, which is no input{}",
                if near.is_empty() { ": name an owned parameter" } else { &near }
            )
        };
        faults.push(code, name.span(), message);
    };
    if let Some(resource) = raw.resource.get() {
        refuse(Code::RESOURCE_INPUT, "resource", &resource.input, faults);
        let input =
            understood.inputs.iter().find(|(name, ..)| name.unraw() == resource.input.unraw());
        if let (false, Some((name, ty, _))) = (whole, input)
            && types::is_plain(ty)
        {
            let message = format!(
                "`{name}` is `{}`, which names no resource: use a newtype that derives `ResourceId`",
                types::text(ty)
            );
            faults.push(Code::RESOURCE_UNFIT, Place::of(ty), message);
        }
        if let Some((name, _, notes)) = input
            && let Some(sensitive) = notes.arg.as_ref().and_then(|(arg, _)| arg.sensitive.key())
        {
            let message = format!(
                "`{name}` names the resource, which records and the people who decide are shown: remove `sensitive`, or name the resource by an id that may be shown"
            );
            faults.push(Code::RESOURCE_SENSITIVE, sensitive, message);
        }
    }
    let key = raw.idempotency.get().and_then(|idempotency| idempotency.key.get());
    let mut seen: Vec<&Ident> = Vec::new();
    for name in key.into_iter().flatten() {
        if seen.contains(&name) {
            faults.push(
                Code::KEY_INPUT_REPEATED,
                name.span(),
                format!("`{name}` is in the key twice: name each input once"),
            );
        } else {
            refuse(Code::KEY_INPUT, "key", name, faults);
        }
        seen.push(name);
    }
    if raw.dry_run.is_given()
        && let Some((name, ..)) = understood.inputs.iter().find(|(name, ..)| *name == "dry_run")
    {
        let message = "`dry_run` is the input that the server adds for the control of that name: rename the parameter";
        faults.push(Code::RESERVED_INPUT, name.span(), message);
    }
}

fn address(raw: &Raw, understood: &Understood, ident: &Ident, faults: &mut Faults) {
    let absent = |key: &'static str, slot: &Slot<Text>| {
        matches!(slot, Slot::Absent) && !raw.unreadable && !raw.guessed.contains(&key)
    };
    for (key, example, slot) in
        [("uri", "kb://articles/{slug}", &raw.uri), ("mime_type", "text/markdown", &raw.mime_type)]
    {
        if absent(key, slot) {
            let message = format!("resource `{ident}` has no `{key}`: add `{key} = \"{example}\"`");
            faults.push(Code::URI_MISSING, ident.span(), message);
        }
    }
    if let Some(text) = raw.mime_type.get() {
        uri::media_type(text, faults);
    }
    let whole: Option<Place> = understood.inputs.iter().find_map(|(_, _, notes)| notes.input);
    if let Some(place) = whole {
        let message = "a resource is read by its URI, which carries no arguments object: own one parameter for each variable";
        faults.push(Code::WHOLE_INPUT, place, message);
    } else if let Some(text) = raw.uri.get() {
        let inputs: Vec<&Ident> = understood.inputs.iter().map(|(name, ..)| name).collect();
        uri::check(text, &inputs, &understood.names, faults);
    }
}

/// Judges a companion: `#[dry_run]`, `#[when]` or `#[rollback]` on a function.
pub(crate) fn companion(
    role: Role,
    attr: &TokenStream,
    function: &Function,
    notes: Vec<ParamNotes>,
    faults: &mut Faults,
) -> Understood {
    if !attr.is_empty() {
        let message = format!(
            "`#[{}]` takes no keys: its policy is that of the tool which names it",
            role.name()
        );
        faults.push(Code::KEY_MISPLACED, Place::of(attr), message);
    }
    let understood = signature::check(role, function, notes, faults);
    for (name, _, notes) in &understood.inputs {
        for (place, attribute, code) in [
            (notes.arg.as_ref().map(|(_, place)| *place), "arg", Code::ARG_MISPLACED),
            (notes.input, "input", Code::WHOLE_INPUT),
        ] {
            if let Some(place) = place {
                let message = format!(
                    "`#[{attribute}]` on `{name}` belongs to the tool, whose inputs these are: remove it here"
                );
                faults.push(code, place, message);
            }
        }
    }
    // Parameters at fault have messages of their own.
    if role == Role::Rollback
        && understood.inputs.len() != 1
        && understood.names.len() == understood.inputs.len() + understood.lent.len()
    {
        let place = understood.inputs.get(1).map_or_else(
            || function.sig.ident.span().into(),
            |(name, ..)| Place::from(name.span()),
        );
        let message = format!(
            "a rollback owns exactly one parameter, the tool's output, and borrows the rest: `{}`",
            role.legal()
        );
        faults.push(Code::ROLLBACK_INPUT, place, message);
    }
    understood
}
