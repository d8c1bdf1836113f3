//! R6, R7 and R10 on the inputs: no raw power, no free JSON, bounds that fit, clean texts.

use mcp_secure_rules::Code;
use mcp_secure_rules::power::{is_raw_input, is_raw_tool};
use mcp_secure_rules::text::Place as TextPlace;
use proc_macro2::Ident;
use syn::Type;
use syn::ext::IdentExt as _;

use super::texts;
use crate::diagnostics::{Faults, Place};
use crate::model::Input;
use crate::read::arg::Arg;
use crate::read::function::ParamNotes;
use crate::read::value::Scalar;
use crate::types::{self, Class, Free};

/// Judges the inputs of a declaration and returns them as clients see them.
pub(crate) fn check(
    tool: Place,
    tool_name: &str,
    inputs: &[(Ident, Type, ParamNotes)],
    broad: bool,
    faults: &mut Faults,
) -> Vec<Input> {
    if !broad {
        power(tool, tool_name, inputs, faults);
    }
    whole(inputs, faults);
    inputs
        .iter()
        .map(|(name, ty, notes)| {
            if !broad {
                free(name, ty, faults);
            }
            texts::docs(&notes.docs, TextPlace::InputDescription, faults);
            let empty = Arg::default();
            let arg = notes.arg.as_ref().map_or(&empty, |(arg, _)| arg);
            bounds(arg, ty, faults);
            input(name, arg, notes)
        })
        .collect()
}

fn power(tool: Place, tool_name: &str, inputs: &[(Ident, Type, ParamNotes)], faults: &mut Faults) {
    let is_open = |ty: &Type, notes: &ParamNotes| {
        // A closed list of values is an enum, whatever its Rust type.
        types::is_bare_text(ty)
            && !notes
                .arg
                .as_ref()
                .is_some_and(|(arg, _)| arg.one_of.is_given() || arg.one_of.is_faulty())
    };
    let mut raw = false;
    for (name, ty, notes) in inputs {
        if notes.input.is_none()
            && is_open(ty, notes)
            && is_raw_input(tool_name, &name.unraw().to_string())
        {
            let message = format!(
                "`{name}` as bare text is raw power in the hands of a model: use an enum or a narrow type of its own, or say why with `broad = \"...\"`"
            );
            faults.push(Code::RAW_INPUT, name.span(), message);
            raw = true;
        }
    }
    // One mistake, one message: a raw input explains the raw tool.
    if !raw && is_raw_tool(tool_name) && inputs.iter().any(|(_, ty, notes)| is_open(ty, notes)) {
        let message = format!(
            "`{tool_name}` over bare text is raw power in the hands of a model: offer one narrow action, or say why with `broad = \"...\"`"
        );
        faults.push(Code::RAW_TOOL, tool, message);
    }
}

fn whole(inputs: &[(Ident, Type, ParamNotes)], faults: &mut Faults) {
    for (name, ty, notes) in inputs {
        let Some(place) = notes.input else { continue };
        if inputs.len() > 1 {
            let message = format!(
                "`#[input]` makes `{name}` the whole arguments object, but there are {} owned parameters: keep one, or remove `#[input]`",
                inputs.len()
            );
            faults.push(Code::WHOLE_INPUT, place, message);
        } else if types::class(ty) != Class::Unknown {
            let message = format!(
                "`#[input]` makes `{name}` the whole arguments object, which is a struct of yours and not `{}`",
                types::text(ty)
            );
            faults.push(Code::WHOLE_INPUT, Place::of(ty), message);
        }
        if let Some((_, place)) = &notes.arg {
            let message =
                format!("the fields of `{name}` are bounded in their own struct: remove `#[arg]`");
            faults.push(Code::ARG_MISPLACED, *place, message);
        }
    }
}

fn free(name: &Ident, ty: &Type, faults: &mut Faults) {
    match types::free_json(ty) {
        Some(Free::Json(json)) => {
            let message = format!(
                "`{name}` would accept any JSON at all: use a struct with named fields, or say why with `broad = \"...\"`"
            );
            faults.push(Code::FREE_JSON, Place::of(json), message);
        }
        Some(Free::Map(map)) => {
            let message = format!(
                "`{name}` would accept any keys with any JSON: use a struct with named fields, or say why with `broad = \"...\"`"
            );
            faults.push(Code::FREE_MAP, Place::of(map), message);
        }
        None => {}
    }
}

fn bounds(arg: &Arg, ty: &Type, faults: &mut Faults) {
    let class = types::class(ty);
    let shown = types::text(ty);
    let mut misfit = |key: &str, place: Option<Place>, fits: &[Class], instead: &str| {
        if let Some(place) = place
            && class != Class::Unknown
            && !fits.contains(&class)
        {
            faults.push(
                Code::BOUND_MISFIT,
                place,
                format!("`{key}` does not fit `{shown}`: {instead}"),
            );
        }
    };
    let numbers = [Class::Int, Class::Float];
    let key = |span: Option<proc_macro2::Span>| span.map(Place::from);
    misfit(
        "min",
        key(arg.min.key()),
        &numbers,
        "it bounds numbers; texts and lists take `min_len`",
    );
    misfit(
        "max",
        key(arg.max.key()),
        &numbers,
        "it bounds numbers; texts and lists take `max_len`",
    );
    misfit(
        "min_len",
        key(arg.min_len.key()),
        &[Class::Text, Class::List],
        "it bounds texts and lists; numbers take `min`",
    );
    misfit(
        "max_len",
        key(arg.max_len.key()),
        &[Class::Text, Class::List],
        "it bounds texts and lists; numbers take `max`",
    );
    misfit("pattern", key(arg.pattern.key()), &[Class::Text], "it bounds texts");
    let fits = |value: &Scalar| match class {
        Class::Unknown => true,
        Class::Text => matches!(value, Scalar::Text(_)),
        Class::Int => matches!(value, Scalar::Int(_)),
        Class::Float => matches!(value, Scalar::Int(_) | Scalar::Float(_)),
        Class::Bool => matches!(value, Scalar::Bool(_)),
        Class::List => false,
    };
    for (value, place) in arg.one_of.get().into_iter().flatten() {
        if !fits(value) {
            faults.push(
                Code::BOUND_MISFIT,
                *place,
                format!("`{}` is no value of `{shown}`", value.json()),
            );
        }
    }
    if let (Some(value), Some(place)) = (arg.default.get(), arg.default.place())
        && !fits(value)
    {
        faults.push(
            Code::BOUND_MISFIT,
            place,
            format!("the default `{}` is no value of `{shown}`", value.json()),
        );
        return;
    }
    crossed(arg, faults);
    outside(arg, faults);
    values(arg, faults);
}

fn crossed(arg: &Arg, faults: &mut Faults) {
    if let (Some(min), Some(max), Some(place)) = (arg.min.get(), arg.max.get(), arg.min.place())
        && less(max, min)
    {
        let message = format!(
            "`min = {}` is above `max = {}`: no value satisfies both",
            min.json(),
            max.json()
        );
        faults.push(Code::BOUNDS_CROSSED, place, message);
    }
    if let (Some(min), Some(max), Some(place)) =
        (arg.min_len.get(), arg.max_len.get(), arg.min_len.place())
        && max < min
    {
        let message =
            format!("`min_len = {min}` is above `max_len = {max}`: no value satisfies both");
        faults.push(Code::BOUNDS_CROSSED, place, message);
    }
}

fn outside(arg: &Arg, faults: &mut Faults) {
    let (Some(value), Some(place)) = (arg.default.get(), arg.default.place()) else { return };
    let length = match value {
        Scalar::Text(text) => u64::try_from(text.chars().count()).ok(),
        _ => None,
    };
    let broken = if arg.min.get().is_some_and(|min| less(value, min)) {
        "below `min`"
    } else if arg.max.get().is_some_and(|max| less(max, value)) {
        "above `max`"
    } else if length.is_some_and(|length| arg.min_len.get().is_some_and(|min| length < *min)) {
        "shorter than `min_len`"
    } else if length.is_some_and(|length| arg.max_len.get().is_some_and(|max| length > *max)) {
        "longer than `max_len`"
    } else if arg.one_of.get().is_some_and(|list| !list.iter().any(|(one, _)| one == value)) {
        "not one of `one_of`"
    } else {
        return;
    };
    let message = format!(
        "the default `{}` is {broken}: a call that leaves the input out would be refused",
        value.json()
    );
    faults.push(Code::DEFAULT_OUTSIDE, place, message);
}

fn values(arg: &Arg, faults: &mut Faults) {
    let listed = arg.one_of.get().map(Vec::as_slice).unwrap_or_default();
    for (index, (value, place)) in listed.iter().enumerate() {
        if listed.iter().take(index).any(|(earlier, _)| earlier == value) {
            faults.push(
                Code::KEY_REPEATED,
                *place,
                format!("`{}` is listed twice: keep one", value.json()),
            );
        }
        texts::value(value, *place, faults);
    }
    if let (Some(value), Some(place)) = (arg.default.get(), arg.default.place())
        // A listed value is linted where it is listed.
        && !listed.iter().any(|(one, _)| one == value)
    {
        texts::value(value, place, faults);
    }
}

/// Whether one number is smaller than another; other values are not compared.
fn less(left: &Scalar, right: &Scalar) -> bool {
    match (left, right) {
        (Scalar::Int(left), Scalar::Int(right)) => left < right,
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => left < right,
            _ => false,
        },
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "whole numbers here are at most 2^53, which a double holds exactly"
)]
fn number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Int(number) => Some(*number as f64),
        Scalar::Float(number) => Some(*number),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    }
}

fn input(name: &Ident, arg: &Arg, notes: &ParamNotes) -> Input {
    Input {
        name: name.unraw().to_string(),
        description: notes.docs.text.clone(),
        whole: notes.input.is_some(),
        sensitive: arg.sensitive.is_given(),
        min: arg.min.get().cloned(),
        max: arg.max.get().cloned(),
        min_len: arg.min_len.get().copied(),
        max_len: arg.max_len.get().copied(),
        pattern: arg.pattern.get().map(|text| text.value.clone()),
        one_of: arg.one_of.get().into_iter().flatten().map(|(value, _)| value.clone()).collect(),
        default: arg.default.get().cloned(),
    }
}
