//! Values of keys: literals and paths, and nothing that would hide what they say.

use std::ops::Range;

use mcp_secure_rules::Code;
use proc_macro2::{Delimiter, Ident, Literal, Span, TokenStream, TokenTree};
use syn::Lit;

use super::entries::{Entry, Form, segments, ungroup};
use crate::diagnostics::{Faults, Place};

/// What became of a key.
#[derive(Debug, Clone, Default)]
pub(crate) enum Slot<T> {
    /// It was not given.
    #[default]
    Absent,
    /// It was given and could not be read; verdicts that rest on it are not given.
    Faulty,
    /// It was given.
    Given {
        /// What was read.
        value: T,
        /// The key.
        key: Span,
        /// The value, or the key where there is none.
        place: Place,
    },
}

impl<T> Slot<T> {
    /// What an entry was read as; `None` if it could not be.
    pub(crate) fn of(entry: &Entry, value: Option<T>) -> Self {
        match value {
            Some(value) => Self::Given { value, key: entry.key.span(), place: entry.value_place() },
            None => Self::Faulty,
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Self::Given { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Self::Given { place, .. } => Some(*place),
            _ => None,
        }
    }

    pub(crate) fn key(&self) -> Option<Span> {
        match self {
            Self::Given { key, .. } => Some(*key),
            _ => None,
        }
    }

    pub(crate) const fn is_faulty(&self) -> bool {
        matches!(self, Self::Faulty)
    }

    pub(crate) const fn is_given(&self) -> bool {
        matches!(self, Self::Given { .. })
    }
}

/// A text literal with its source, so that a part of it can be underlined.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) value: String,
    literal: Literal,
}

impl Text {
    /// The place of some bytes of the text: they alone where the compiler can say so, else the whole literal.
    pub(crate) fn part(&self, range: Range<usize>) -> Place {
        let source = self.literal.to_string();
        // Without escapes, the text stands in its source as it is.
        let offset = source.find(&self.value).filter(|_| !self.value.is_empty());
        let span = offset
            .and_then(|offset| self.literal.subspan(range.start + offset..range.end + offset));
        span.unwrap_or_else(|| self.literal.span()).into()
    }

    pub(crate) fn place(&self) -> Place {
        self.literal.span().into()
    }
}

/// A literal that JSON can hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

/// The largest whole number that every JSON reader keeps exact.
pub(crate) const EXACT: i64 = (1 << 53) - 1;

fn refuse(entry: &Entry, expected: &str, faults: &mut Faults) {
    let name = entry.name();
    let message = match &entry.form {
        Form::Flag => format!("`{name}` lacks its value: write `{expected}`"),
        Form::Value(_) | Form::List(_) => {
            format!("this is not how `{name}` is written: write `{expected}`, spelt out here")
        }
    };
    faults.push(Code::VALUE_FORM, entry.value_place(), message);
}

/// `key`, without anything after it.
pub(crate) fn flag(entry: &Entry, faults: &mut Faults) -> Option<()> {
    if matches!(entry.form, Form::Flag) {
        return Some(());
    }
    let name = entry.name();
    let message = format!("`{name}` takes no value: write `{name}` alone, or leave it out");
    faults.push(Code::VALUE_FORM, entry.value_place(), message);
    None
}

/// `key`, `key = true` or `key = false`.
pub(crate) fn switch(entry: &Entry, faults: &mut Faults) -> Option<bool> {
    match (&entry.form, literal(entry)) {
        (Form::Flag, _) => Some(true),
        (_, Some(Lit::Bool(value))) => Some(value.value),
        _ => {
            let name = entry.name();
            refuse(entry, &format!("{name}` or `{name} = false"), faults);
            None
        }
    }
}

/// `key = "text"`, not empty. `example` shows a text for messages.
pub(crate) fn text(entry: &Entry, example: &str, faults: &mut Faults) -> Option<Text> {
    let Some(Lit::Str(value)) = literal(entry) else {
        refuse(entry, &format!("{} = \"{example}\"", entry.name()), faults);
        return None;
    };
    if value.value().trim().is_empty() {
        let message = format!(
            "`{}` is empty: say something, as `\"{example}\"`, or leave the key out",
            entry.name()
        );
        faults.push(Code::VALUE_EMPTY, entry.value_place(), message);
        return None;
    }
    Some(Text { value: value.value(), literal: value.token() })
}

/// `key = "10s"` and the like, read by one of the unit readers.
pub(crate) fn unit<T>(
    entry: &Entry,
    example: &str,
    read: impl Fn(&str) -> Result<T, String>,
    faults: &mut Faults,
) -> Option<T> {
    let text = text(entry, example, faults)?;
    match read(&text.value) {
        Ok(value) => Some(value),
        Err(message) => {
            faults.push(Code::UNIT, text.place(), message);
            None
        }
    }
}

/// `key = 2`, a whole number from `least` to `most`.
pub(crate) fn count(entry: &Entry, least: u64, most: u64, faults: &mut Faults) -> Option<u64> {
    let name = entry.name();
    let Some(Lit::Int(value)) = literal(entry) else {
        refuse(entry, &format!("{name} = {}", least.max(1)), faults);
        return None;
    };
    match value.base10_parse::<u64>() {
        Ok(number) if (least..=most).contains(&number) => Some(number),
        _ => {
            let message = format!("`{name}` is a whole number from {least} to {most}");
            faults.push(Code::NUMBER_RANGE, entry.value_place(), message);
            None
        }
    }
}

/// `key = literal`.
pub(crate) fn scalar(entry: &Entry, example: &str, faults: &mut Faults) -> Option<Scalar> {
    let Some(value) = literal(entry) else {
        refuse(entry, &format!("{} = {example}", entry.name()), faults);
        return None;
    };
    scalar_of(&value, entry.value_place(), faults)
}

/// `key = [literal, ...]`, not empty.
pub(crate) fn scalars(entry: &Entry, faults: &mut Faults) -> Option<Vec<(Scalar, Place)>> {
    let items = bracketed(entry, "[\"one\", \"two\"]", faults)?;
    let mut values = Vec::new();
    let mut sound = true;
    for item in items {
        let place = Place::of(&item);
        let value = syn::parse2::<Lit>(item).ok();
        if let Some(value) = value {
            match scalar_of(&value, place, faults) {
                Some(value) => values.push((value, place)),
                None => sound = false,
            }
        } else {
            let message = format!("`{}` lists literals only: write the value out", entry.name());
            faults.push(Code::VALUE_FORM, place, message);
            sound = false;
        }
    }
    sound.then_some(values)
}

/// `key = [name, ...]`, not empty.
pub(crate) fn names(entry: &Entry, faults: &mut Faults) -> Option<Vec<Ident>> {
    let items = bracketed(entry, "[order_id]", faults)?;
    let mut names = Vec::new();
    let mut sound = true;
    for item in items {
        let place = Place::of(&item);
        if let Some(TokenTree::Ident(name)) = single(item) {
            names.push(name);
        } else {
            let message = format!(
                "`{}` lists names of inputs: write `{} = [order_id]`",
                entry.name(),
                entry.name()
            );
            faults.push(Code::VALUE_FORM, place, message);
            sound = false;
        }
    }
    sound.then_some(names)
}

/// `key = path::to::function`.
pub(crate) fn path(entry: &Entry, faults: &mut Faults) -> Option<syn::Path> {
    let path = match &entry.form {
        Form::Value(tokens) => function_path(tokens.clone()),
        _ => None,
    };
    if path.is_none() {
        refuse(entry, &format!("{} = path::to::function", entry.name()), faults);
    }
    path
}

/// A path without generics, as it names a function.
pub(crate) fn function_path(tokens: TokenStream) -> Option<syn::Path> {
    let path = match syn::parse2::<syn::Type>(tokens).ok()? {
        syn::Type::Path(path) if path.qself.is_none() => path.path,
        syn::Type::Group(group) => match *group.elem {
            syn::Type::Path(path) if path.qself.is_none() => path.path,
            _ => return None,
        },
        _ => return None,
    };
    path.segments.iter().all(|segment| segment.arguments.is_none()).then_some(path)
}

/// The items of `key = [..]`; an empty list is a fault.
pub(crate) fn bracketed(
    entry: &Entry,
    example: &str,
    faults: &mut Faults,
) -> Option<Vec<TokenStream>> {
    let list = match &entry.form {
        Form::Value(tokens) => single(tokens.clone()),
        _ => None,
    };
    match list {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            let items = segments(group.stream(), faults);
            if items.is_empty() {
                let message = format!(
                    "`{}` is an empty list: name something, or leave the key out",
                    entry.name()
                );
                faults.push(Code::VALUE_EMPTY, group.span(), message);
                return None;
            }
            Some(items)
        }
        _ => {
            refuse(entry, &format!("{} = {example}", entry.name()), faults);
            None
        }
    }
}

/// The value as one literal.
fn literal(entry: &Entry) -> Option<Lit> {
    match &entry.form {
        Form::Value(tokens) => syn::parse2(tokens.clone()).ok(),
        _ => None,
    }
}

/// The one token there is.
fn single(tokens: TokenStream) -> Option<TokenTree> {
    let mut tokens = tokens.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(only), None) => Some(ungroup(only)),
        _ => None,
    }
}

fn scalar_of(value: &Lit, place: Place, faults: &mut Faults) -> Option<Scalar> {
    let scalar = match value {
        Lit::Str(text) => Some(Scalar::Text(text.value())),
        Lit::Bool(value) => Some(Scalar::Bool(value.value)),
        Lit::Int(number) => match number.base10_parse::<i64>() {
            Ok(number) if (-EXACT..=EXACT).contains(&number) => Some(Scalar::Int(number)),
            _ => {
                let message =
                    format!("a whole number in JSON is exact only from -{EXACT} to {EXACT}");
                faults.push(Code::NUMBER_RANGE, place, message);
                return None;
            }
        },
        Lit::Float(number) => match number.base10_parse::<f64>() {
            Ok(number) if number.is_finite() => Some(Scalar::Float(number)),
            _ => {
                faults.push(Code::NUMBER_RANGE, place, "this number is too large for JSON");
                return None;
            }
        },
        _ => None,
    };
    if scalar.is_none() {
        faults.push(
            Code::VALUE_FORM,
            place,
            "expected a text, a number, `true` or `false`, spelt out here",
        );
    }
    scalar
}

impl Scalar {
    /// The value as JSON text.
    pub(crate) fn json(&self) -> String {
        match self {
            Self::Text(text) => json_text(text),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
        }
    }
}

fn json_text(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            c if c.is_control() => json.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}
