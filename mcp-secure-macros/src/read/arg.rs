//! `#[arg(...)]` on an input.

use mcp_secure_rules::Code;
use syn::{Attribute, Meta};

use super::entries::{entries, unknown_key};
use super::keys;
use super::value::{Scalar, Slot, Text, count, flag, scalar, scalars, text};
use crate::diagnostics::{Faults, Place};

/// The bounds of an input as written.
#[derive(Clone, Default)]
pub(crate) struct Arg {
    pub(crate) min: Slot<Scalar>,
    pub(crate) max: Slot<Scalar>,
    pub(crate) min_len: Slot<u64>,
    pub(crate) max_len: Slot<u64>,
    pub(crate) pattern: Slot<Text>,
    pub(crate) one_of: Slot<Vec<(Scalar, Place)>>,
    pub(crate) default: Slot<Scalar>,
    pub(crate) sensitive: Slot<()>,
}

impl Arg {
    /// Reads one attribute.
    pub(crate) fn read(attr: &Attribute, faults: &mut Faults) -> Self {
        let mut arg = Self::default();
        let tokens = match &attr.meta {
            Meta::List(list) if !list.tokens.is_empty() => list.tokens.clone(),
            Meta::Path(_) | Meta::List(_) => {
                faults.push(
                    Code::VALUE_EMPTY,
                    Place::of(attr),
                    "`#[arg]` says nothing: name a bound, as `#[arg(max_len = 80)]`, or remove it",
                );
                return arg;
            }
            Meta::NameValue(_) => {
                faults.push(
                    Code::VALUE_FORM,
                    Place::of(attr),
                    "this is not how `#[arg]` is written: write `#[arg(max_len = 80)]`",
                );
                return arg;
            }
        };
        let mut seen: Vec<String> = Vec::new();
        for entry in entries(tokens, faults).0 {
            let name = entry.name();
            if !keys::ARG.contains(&name.as_str()) {
                unknown_key(&entry, "#[arg]", &keys::ARG, faults);
                continue;
            }
            if seen.contains(&name) {
                faults.push(
                    Code::KEY_REPEATED,
                    entry.key.span(),
                    format!("`{name}` is given twice: keep one"),
                );
                continue;
            }
            match name.as_str() {
                "min" => {
                    arg.min = Slot::of(&entry, number(scalar(&entry, "1", faults), &entry, faults));
                }
                "max" => {
                    arg.max =
                        Slot::of(&entry, number(scalar(&entry, "100", faults), &entry, faults));
                }
                "min_len" => arg.min_len = Slot::of(&entry, count(&entry, 0, 1 << 32, faults)),
                "max_len" => arg.max_len = Slot::of(&entry, count(&entry, 1, 1 << 32, faults)),
                "pattern" => arg.pattern = Slot::of(&entry, text(&entry, "^ord_[0-9]+$", faults)),
                "one_of" => arg.one_of = Slot::of(&entry, scalars(&entry, faults)),
                "default" => arg.default = Slot::of(&entry, scalar(&entry, "10", faults)),
                _ => arg.sensitive = Slot::of(&entry, flag(&entry, faults)),
            }
            seen.push(name);
        }
        arg
    }
}

fn number(
    value: Option<Scalar>,
    entry: &super::entries::Entry,
    faults: &mut Faults,
) -> Option<Scalar> {
    match value {
        Some(Scalar::Int(_) | Scalar::Float(_)) | None => value,
        Some(Scalar::Text(_) | Scalar::Bool(_)) => {
            let message = format!(
                "`{}` is a number; the length of a text is bounded by `min_len` and `max_len`",
                entry.name()
            );
            faults.push(Code::VALUE_FORM, entry.value_place(), message);
            None
        }
    }
}
