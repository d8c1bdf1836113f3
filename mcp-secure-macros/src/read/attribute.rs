//! The attribute of a tool, resource or prompt as a raw model.

use mcp_secure_rules::Code;
use mcp_secure_rules::declaration::{Kind, Risk};
use mcp_secure_rules::names::suggestion;
use mcp_secure_rules::units::{self, Rate};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use super::entries::{Entry, Form, entries, segments, ungroup, unknown_key};
use super::keys;
use super::value::{
    Slot, Text, bracketed, count, flag, function_path, names, path, switch, text, unit,
};
use crate::diagnostics::{Faults, Place};

/// `resource = Order(order_id)`.
#[derive(Clone)]
pub(crate) struct ResourceRef {
    pub(crate) ty: syn::Type,
    pub(crate) input: Ident,
}

/// `approval` or `approval(...)`.
#[derive(Clone, Default)]
pub(crate) struct Approval {
    pub(crate) by: Slot<Text>,
    pub(crate) quorum: Slot<u64>,
    pub(crate) expires: Slot<u64>,
    pub(crate) when: Slot<syn::Path>,
    pub(crate) allow_requester: Slot<()>,
}

/// `idempotency` or `idempotency(...)`.
#[derive(Clone, Default)]
pub(crate) struct Idempotency {
    pub(crate) key: Slot<Vec<Ident>>,
    pub(crate) window: Slot<u64>,
}

/// `rollback(path, ...)`.
#[derive(Clone)]
pub(crate) struct Rollback {
    pub(crate) path: syn::Path,
    pub(crate) permission: Slot<Text>,
    pub(crate) within: Slot<u64>,
}

/// The attribute as written, key by key.
#[derive(Clone, Default)]
pub(crate) struct Raw {
    pub(crate) risk: Slot<Risk>,
    pub(crate) permission: Slot<Text>,
    pub(crate) public: Slot<()>,
    pub(crate) resource: Slot<ResourceRef>,
    pub(crate) approval: Slot<Approval>,
    pub(crate) read_only: Slot<bool>,
    pub(crate) destructive: Slot<bool>,
    pub(crate) idempotent: Slot<bool>,
    pub(crate) open_world: Slot<bool>,
    pub(crate) dry_run: Slot<syn::Path>,
    pub(crate) idempotency: Slot<Idempotency>,
    pub(crate) rollback: Slot<Rollback>,
    pub(crate) irreversible: Slot<()>,
    pub(crate) rate_limit: Slot<Vec<Rate>>,
    pub(crate) timeout: Slot<u64>,
    pub(crate) max_output: Slot<u64>,
    pub(crate) max_concurrent: Slot<u64>,
    pub(crate) owner: Slot<Text>,
    pub(crate) title: Slot<Text>,
    pub(crate) name: Slot<Text>,
    pub(crate) version: Slot<Text>,
    pub(crate) broad: Slot<Text>,
    pub(crate) uri: Slot<Text>,
    pub(crate) mime_type: Slot<Text>,
    /// Keys that a misspelt one was probably meant to be: verdicts on their absence are not given.
    pub(crate) guessed: Vec<&'static str>,
    /// Something in the attribute could not even be split into keys.
    pub(crate) unreadable: bool,
}

impl Raw {
    /// Reads the attribute's inside.
    pub(crate) fn read(kind: Kind, tokens: TokenStream, faults: &mut Faults) -> Self {
        let mut raw = Self::default();
        let known = keys::known(kind);
        let mut seen: Vec<String> = Vec::new();
        let (entries, complete) = entries(tokens, faults);
        raw.unreadable = !complete;
        for entry in &entries {
            let name = entry.name();
            if let Some(why) = keys::misplaced(kind, &name) {
                faults.push(
                    Code::KEY_MISPLACED,
                    entry.key.span(),
                    format!("`{name}` has no meaning here: {why}"),
                );
                continue;
            }
            if !known.contains(&name.as_str()) {
                raw.guessed.extend(unknown_key(
                    entry,
                    &format!("#[{}]", kind.as_str()),
                    &known,
                    faults,
                ));
                continue;
            }
            if repeated(&mut seen, entry, faults) {
                continue;
            }
            raw.read_key(entry, faults);
        }
        raw
    }

    fn read_key(&mut self, entry: &Entry, faults: &mut Faults) {
        match entry.name().as_str() {
            "risk" => self.risk = Slot::of(entry, risk(entry, faults)),
            "permission" => {
                self.permission = Slot::of(entry, text(entry, "refund.request", faults));
            }
            "public" => self.public = Slot::of(entry, flag(entry, faults)),
            "resource" => self.resource = Slot::of(entry, resource(entry, faults)),
            "approval" => self.approval = Slot::of(entry, approval(entry, faults)),
            "read_only" => self.read_only = Slot::of(entry, switch(entry, faults)),
            "destructive" => self.destructive = Slot::of(entry, switch(entry, faults)),
            "idempotent" => self.idempotent = Slot::of(entry, switch(entry, faults)),
            "open_world" => self.open_world = Slot::of(entry, switch(entry, faults)),
            "dry_run" => self.dry_run = Slot::of(entry, path(entry, faults)),
            "idempotency" => self.idempotency = Slot::of(entry, idempotency(entry, faults)),
            "rollback" => self.rollback = Slot::of(entry, rollback(entry, faults)),
            "irreversible" => self.irreversible = Slot::of(entry, flag(entry, faults)),
            "rate_limit" => self.rate_limit = Slot::of(entry, rates(entry, faults)),
            "timeout" => {
                self.timeout = Slot::of(entry, unit(entry, "10s", units::duration_ms, faults));
            }
            "max_output" => {
                self.max_output = Slot::of(entry, unit(entry, "64KiB", units::size_bytes, faults));
            }
            "max_concurrent" => {
                self.max_concurrent = Slot::of(entry, count(entry, 1, 1_000_000, faults));
            }
            "owner" => self.owner = Slot::of(entry, text(entry, "payments", faults)),
            "title" => self.title = Slot::of(entry, text(entry, "Request a refund", faults)),
            "name" => self.name = Slot::of(entry, text(entry, "request_refund", faults)),
            "version" => self.version = Slot::of(entry, text(entry, "1.0.0", faults)),
            "broad" => self.broad = Slot::of(entry, text(entry, "why it has to be broad", faults)),
            "uri" => self.uri = Slot::of(entry, text(entry, "kb://articles/{slug}", faults)),
            // The list of keys and this match are one; a key that is in one only is caught by a test.
            _ => self.mime_type = Slot::of(entry, text(entry, "text/markdown", faults)),
        }
    }
}

fn repeated(seen: &mut Vec<String>, entry: &Entry, faults: &mut Faults) -> bool {
    let name = entry.name();
    if seen.contains(&name) {
        faults.push(
            Code::KEY_REPEATED,
            entry.key.span(),
            format!("`{name}` is given twice: keep one"),
        );
        return true;
    }
    seen.push(name);
    false
}

fn risk(entry: &Entry, faults: &mut Faults) -> Option<Risk> {
    let word = text(entry, "high", faults)?;
    let risk = Risk::parse(&word.value);
    if risk.is_none() {
        let near = suggestion(&word.value, Risk::ALL.map(Risk::as_str));
        let message = format!(
            "`{}` is no risk{}",
            word.value.escape_debug(),
            if near.is_empty() {
                ": write `\"low\"`, `\"medium\"`, `\"high\"` or `\"critical\"`"
            } else {
                &near
            },
        );
        faults.push(Code::RISK_UNKNOWN, word.place(), message);
    }
    risk
}

fn resource(entry: &Entry, faults: &mut Faults) -> Option<ResourceRef> {
    let read = || {
        let Form::Value(tokens) = &entry.form else { return None };
        let mut tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let Some(TokenTree::Group(group)) = tokens.pop() else { return None };
        if group.delimiter() != Delimiter::Parenthesis {
            return None;
        }
        let mut inside = group.stream().into_iter();
        let (Some(input), None) = (inside.next(), inside.next()) else { return None };
        let TokenTree::Ident(input) = ungroup(input) else { return None };
        let ty = syn::parse2::<syn::Type>(tokens.into_iter().collect()).ok()?;
        matches!(crate::types::plain(&ty), syn::Type::Path(_)).then_some(ResourceRef { ty, input })
    };
    let found = read();
    if found.is_none() {
        let message = "this is not how `resource` is written: write `resource = Order(order_id)`, a type and the input that names it";
        faults.push(Code::VALUE_FORM, entry.value_place(), message);
    }
    found
}

/// The entries of `key(...)`, each known and given once; empty parentheses are a fault.
fn inner(
    entry: &Entry,
    tokens: TokenStream,
    known: &[&'static str],
    faults: &mut Faults,
) -> Option<Vec<Entry>> {
    let owner = entry.name();
    let (found, mut sound) = entries(tokens, faults);
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for entry in found {
        if !known.contains(&entry.name().as_str()) {
            unknown_key(&entry, &owner, known, faults);
            sound = false;
        } else if repeated(&mut seen, &entry, faults) {
            sound = false;
        } else {
            kept.push(entry);
        }
    }
    sound.then_some(kept)
}

fn flag_or_list(entry: &Entry, example: &str, faults: &mut Faults) -> Option<TokenStream> {
    let name = entry.name();
    match &entry.form {
        Form::Flag => Some(TokenStream::new()),
        Form::List(group) if group.stream().is_empty() => {
            let message =
                format!("`{name}()` says nothing: write `{name}`, or say something inside");
            faults.push(Code::VALUE_EMPTY, group.span(), message);
            None
        }
        Form::List(group) => Some(group.stream()),
        Form::Value(_) => {
            let message = format!("`{name}` takes no value: write `{name}` or `{example}`");
            faults.push(Code::VALUE_FORM, entry.value_place(), message);
            None
        }
    }
}

fn approval(entry: &Entry, faults: &mut Faults) -> Option<Approval> {
    let tokens = flag_or_list(entry, "approval(by = \"refund.approve\")", faults)?;
    let mut approval = Approval::default();
    for key in inner(entry, tokens, &keys::APPROVAL, faults)? {
        match key.name().as_str() {
            "by" => approval.by = Slot::of(&key, text(&key, "refund.approve", faults)),
            "quorum" => approval.quorum = Slot::of(&key, count(&key, 1, 100, faults)),
            "expires" => {
                approval.expires = Slot::of(&key, unit(&key, "24h", units::duration_secs, faults));
            }
            "when" => approval.when = Slot::of(&key, path(&key, faults)),
            _ => approval.allow_requester = Slot::of(&key, flag(&key, faults)),
        }
    }
    Some(approval)
}

fn idempotency(entry: &Entry, faults: &mut Faults) -> Option<Idempotency> {
    let tokens = flag_or_list(entry, "idempotency(key = [order_id])", faults)?;
    let mut idempotency = Idempotency::default();
    for key in inner(entry, tokens, &keys::IDEMPOTENCY, faults)? {
        if key.name() == "key" {
            idempotency.key = Slot::of(&key, names(&key, faults));
        } else {
            idempotency.window = Slot::of(&key, unit(&key, "24h", units::duration_secs, faults));
        }
    }
    Some(idempotency)
}

fn rollback(entry: &Entry, faults: &mut Faults) -> Option<Rollback> {
    let form = "write `rollback(path::to::function)`, then `permission = \"refund.cancel\"` and `within = \"7d\"` if wanted";
    let Form::List(group) = &entry.form else {
        faults.push(
            Code::VALUE_FORM,
            entry.value_place(),
            format!("`rollback` names a function: {form}"),
        );
        return None;
    };
    let mut parts = segments(group.stream(), faults).into_iter();
    let Some(first) = parts.next() else {
        faults.push(
            Code::VALUE_EMPTY,
            group.span(),
            format!("`rollback()` names no function: {form}"),
        );
        return None;
    };
    let place = Place::of(&first);
    let Some(path) = function_path(first) else {
        faults.push(Code::VALUE_FORM, place, format!("this is no path of a function: {form}"));
        return None;
    };
    let comma = proc_macro2::Punct::new(',', proc_macro2::Spacing::Alone);
    let rest: TokenStream =
        parts.flat_map(|part| [part, TokenTree::Punct(comma.clone()).into()]).collect();
    let mut rollback = Rollback { path, permission: Slot::Absent, within: Slot::Absent };
    for key in inner(entry, rest, &keys::ROLLBACK, faults)? {
        if key.name() == "permission" {
            rollback.permission = Slot::of(&key, text(&key, "refund.cancel", faults));
        } else {
            rollback.within = Slot::of(&key, unit(&key, "7d", units::duration_secs, faults));
        }
    }
    Some(rollback)
}

/// `rate_limit = "10/min per user"`, or a list of them.
fn rates(entry: &Entry, faults: &mut Faults) -> Option<Vec<Rate>> {
    let is_list = matches!(&entry.form, Form::Value(tokens)
        if matches!(tokens.clone().into_iter().next(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket));
    if !is_list {
        return unit(entry, "10/min per user", units::rate, faults).map(|rate| vec![rate]);
    }
    let items = bracketed(entry, "\"10/min per user\"", faults)?;
    let total = items.len();
    let rates: Vec<Rate> = items
        .into_iter()
        .filter_map(|item| {
            let item = Entry { key: entry.key.clone(), form: Form::Value(item) };
            unit(&item, "10/min per user", units::rate, faults)
        })
        .collect();
    (rates.len() == total).then_some(rates)
}
