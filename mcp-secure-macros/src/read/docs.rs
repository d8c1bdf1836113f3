//! Doc comments: the purpose of a tool and the description of an input.

use std::ops::Range;

use mcp_secure_rules::Code;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use crate::diagnostics::{Faults, Place};

/// The text of doc comments, and where each line of it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Docs {
    pub(crate) text: String,
    lines: Vec<Place>,
    /// A line could not be read, so the text is not known.
    pub(crate) faulty: bool,
}

impl Docs {
    /// Reads the doc attributes among `attrs`.
    pub(crate) fn read<'a>(
        attrs: impl IntoIterator<Item = &'a Attribute>,
        faults: &mut Faults,
    ) -> Self {
        let mut lines: Vec<(String, Place)> = Vec::new();
        let mut unreadable = false;
        for attr in attrs {
            let Meta::NameValue(doc) = &attr.meta else { continue };
            if !doc.path.is_ident("doc") {
                continue;
            }
            let Some(text) = literal(&doc.value) else {
                let message =
                    "a text that a model reads is spelt out in the source: write a doc comment";
                faults.push(Code::VALUE_FORM, Place::of(&doc.value), message);
                unreadable = true;
                continue;
            };
            let place = text.span().into();
            for line in text.value().split('\n') {
                lines.push((
                    line.strip_prefix(' ').unwrap_or(line).trim_end_matches([' ', '\r']).to_owned(),
                    place,
                ));
            }
        }
        let is_blank = |(line, _): &(String, Place)| line.is_empty();
        let first = lines.iter().take_while(|line| is_blank(line)).count();
        let last = lines.iter().rev().take_while(|line| is_blank(line)).count();
        let kept: Vec<(String, Place)> =
            lines.drain(..).skip(first).rev().skip(last).rev().collect();
        let (texts, lines): (Vec<String>, Vec<Place>) = kept.into_iter().unzip();
        Self { text: texts.join("\n"), lines, faulty: unreadable }
    }

    /// The comment line on which some bytes of the text begin.
    pub(crate) fn part(&self, range: &Range<usize>) -> Place {
        let line = self.text.get(..range.start).unwrap_or_default().matches('\n').count();
        self.lines.get(line).copied().unwrap_or_else(|| proc_macro2::Span::call_site().into())
    }
}

fn literal(value: &Expr) -> Option<&syn::LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}
