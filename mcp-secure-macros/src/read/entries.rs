//! The inside of an attribute as a list of entries: `key`, `key = value`, `key(...)`.

use mcp_secure_rules::Code;
use mcp_secure_rules::names::nearest;
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::diagnostics::{Faults, Place};

/// What follows a key.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// Nothing.
    Flag,
    /// `= tokens`.
    Value(TokenStream),
    /// `(tokens)`.
    List(Group),
}

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) form: Form,
}

impl Entry {
    /// The key as text.
    pub(crate) fn name(&self) -> String {
        self.key.to_string()
    }

    /// The value, or the key where there is none.
    pub(crate) fn value_place(&self) -> Place {
        match &self.form {
            Form::Flag => self.key.span().into(),
            Form::Value(tokens) => Place::of(tokens),
            Form::List(group) => group.span().into(),
        }
    }
}

/// The tokens between the commas. A trailing comma is fine, an empty place between two is not.
pub(crate) fn segments(tokens: TokenStream, faults: &mut Faults) -> Vec<TokenStream> {
    let mut segments = Vec::new();
    let mut current: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => {
                if current.is_empty() {
                    faults.push(
                        Code::ATTRIBUTE_UNREADABLE,
                        comma.span(),
                        "nothing stands before this comma: remove it",
                    );
                } else {
                    segments.push(current.drain(..).collect());
                }
            }
            other => current.push(other),
        }
    }
    if !current.is_empty() {
        segments.push(current.into_iter().collect());
    }
    segments
}

/// The entries of an attribute, and whether all could be read: one that could not is a fault and is left out.
pub(crate) fn entries(tokens: TokenStream, faults: &mut Faults) -> (Vec<Entry>, bool) {
    let segments = segments(tokens, faults);
    let written = segments.len();
    let entries: Vec<Entry> =
        segments.into_iter().filter_map(|segment| entry(segment, faults)).collect();
    let complete = entries.len() == written;
    (entries, complete)
}

/// One entry.
fn entry(segment: TokenStream, faults: &mut Faults) -> Option<Entry> {
    let place = Place::of(&segment);
    let mut tokens = segment.into_iter();
    let key = match tokens.next().map(ungroup) {
        Some(TokenTree::Ident(key)) => key,
        Some(other) => {
            let message = "expected a key here: write `key`, `key = value` or `key(...)`";
            faults.push(Code::ATTRIBUTE_UNREADABLE, other.span(), message);
            return None;
        }
        None => return None,
    };
    let Some(next) = tokens.next() else { return Some(Entry { key, form: Form::Flag }) };
    let rest: TokenStream = tokens.collect();
    match next {
        TokenTree::Punct(equals) if equals.as_char() == '=' => {
            if rest.is_empty() {
                let message = format!("`{key} =` has no value: write one after the `=`");
                faults.push(Code::VALUE_FORM, place, message);
                return None;
            }
            if let Some(next) = second_key(&rest) {
                let message = format!("`{next}` is another key: put a comma before it");
                faults.push(Code::ATTRIBUTE_UNREADABLE, next.span(), message);
                return None;
            }
            Some(Entry { key, form: Form::Value(rest) })
        }
        TokenTree::Group(group)
            if group.delimiter() == Delimiter::Parenthesis && rest.is_empty() =>
        {
            Some(Entry { key, form: Form::List(group) })
        }
        other => {
            let message = format!(
                "unexpected tokens after `{key}`: write `{key}`, `{key} = value` or `{key}(...)`, with a comma between two keys"
            );
            faults.push(Code::ATTRIBUTE_UNREADABLE, other.span(), message);
            None
        }
    }
}

/// A key inside a value, which is there for want of a comma: `risk = "low" title = "..."`.
fn second_key(value: &TokenStream) -> Option<Ident> {
    let mut before = None;
    for token in value.clone().into_iter().skip(1) {
        match (&token, before.take()) {
            (TokenTree::Punct(equals), Some(key)) if equals.as_char() == '=' => return Some(key),
            (TokenTree::Ident(key), _) => before = Some(key.clone()),
            _ => {}
        }
    }
    None
}

/// The one token inside an invisible group, as `macro_rules` fragments arrive.
pub(crate) fn ungroup(token: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &token
        && group.delimiter() == Delimiter::None
    {
        let mut inner = group.stream().into_iter();
        if let (Some(only), None) = (inner.next(), inner.next()) {
            return ungroup(only);
        }
    }
    token
}

/// Reports a key that is not known and says which known one was probably meant.
pub(crate) fn unknown_key(
    entry: &Entry,
    owner: &str,
    known: &[&'static str],
    faults: &mut Faults,
) -> Option<&'static str> {
    let name = entry.name();
    let near = nearest(&name, known.iter().copied());
    let message = if let Some(near) = near {
        format!("`{owner}` has no key `{name}`, did you mean `{near}`?")
    } else {
        let list: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        format!("`{owner}` has no key `{name}`: it takes {}", list.join(", "))
    };
    faults.push(Code::KEY_UNKNOWN, entry.key.span(), message);
    near.and_then(|near| known.iter().copied().find(|key| *key == near))
}
