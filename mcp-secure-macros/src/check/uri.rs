//! R5 on `#[resource]`: the URI template and the inputs are the same names.

use mcp_secure_rules::Code;
use proc_macro2::Ident;
use syn::ext::IdentExt as _;

use crate::diagnostics::Faults;
use crate::read::value::Text;

/// Judges the template against the names of the inputs; `names` holds those of all parameters.
pub(crate) fn check(uri: &Text, inputs: &[&Ident], names: &[String], faults: &mut Faults) {
    let Some(variables) = variables(uri, faults) else { return };
    for (name, range) in &variables {
        if !names.contains(name) {
            let message = format!(
                "`{{{name}}}` is no input: add the parameter `{name}: Type`, or correct the template"
            );
            faults.push(Code::URI_VARIABLE, uri.part(range.clone()), message);
        }
    }
    for input in inputs {
        let name = input.unraw().to_string();
        if !variables.iter().any(|(variable, _)| *variable == name) {
            let message = format!(
                "`{name}` is no variable of the template, so it could never be given: put `{{{name}}}` into `uri`"
            );
            faults.push(Code::URI_UNUSED_INPUT, input.span(), message);
        }
    }
}

/// Judges the media type.
pub(crate) fn media_type(text: &Text, faults: &mut Faults) {
    let is_token = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c))
    };
    let essence = text.value.split(';').next().unwrap_or_default().trim_end();
    if !text.value.is_ascii()
        || essence.split_once('/').is_none_or(|(kind, sub)| !is_token(kind) || !is_token(sub))
    {
        let message = "this is no media type: write it as `text/markdown`";
        faults.push(Code::URI_FORM, text.place(), message);
    }
}

type Variable = (String, std::ops::Range<usize>);

/// The variables of an RFC 6570 level 1 template, each with its place.
fn variables(uri: &Text, faults: &mut Faults) -> Option<Vec<Variable>> {
    let text = &uri.value;
    let mut refuse = |range: std::ops::Range<usize>, why: &str| {
        faults.push(
            Code::URI_FORM,
            uri.part(range),
            format!("{why}: write it as `kb://articles/{{slug}}`"),
        );
    };
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_scheme = scheme.is_some_and(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c))
    });
    if !is_scheme {
        refuse(0..text.len(), "the URI template has no scheme");
        return None;
    }
    if let Some((at, stranger)) =
        text.char_indices().find(|(_, c)| !c.is_ascii_graphic() || "<>\"\\^`|".contains(*c))
    {
        refuse(
            at..at + stranger.len_utf8(),
            &format!("`{}` has no place in a URI", stranger.escape_debug()),
        );
        return None;
    }
    let mut variables: Vec<Variable> = Vec::new();
    let mut open: Option<usize> = None;
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('{', None) => open = Some(at),
            ('}', Some(start)) => {
                open = None;
                let name = text.get(start + 1..at).unwrap_or_default();
                let is_name =
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !is_name {
                    refuse(start..at + 1, "a variable is `{name}` in letters, digits and `_`");
                    return None;
                }
                if variables.iter().any(|(earlier, _)| earlier == name) {
                    refuse(start..at + 1, &format!("`{{{name}}}` stands in the template twice"));
                    return None;
                }
                variables.push((name.to_owned(), start..at + 1));
            }
            ('{' | '}', _) => {
                refuse(at..at + 1, "a brace has no partner");
                return None;
            }
            _ => {}
        }
    }
    if let Some(start) = open {
        refuse(start..text.len(), "a brace has no partner");
        return None;
    }
    Some(variables)
}
