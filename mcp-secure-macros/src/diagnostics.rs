//! Faults of a declaration: collected while reading and checking, all of them shown at once.

use mcp_secure_rules::Code;
use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// Where in the user's source: from the first token to the last.
///
/// Two spans, for joining them is not possible in a stable compiler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    start: Span,
    end: Span,
}

impl Place {
    /// All of the tokens, or where the macro was called if there are none.
    pub(crate) fn of(tokens: &impl ToTokens) -> Self {
        let mut spans = tokens.to_token_stream().into_iter().map(|token| match token {
            // An empty group, as a `macro_rules` fragment may leave, has its span still.
            TokenTree::Group(group) => group.span(),
            other => other.span(),
        });
        let start = spans.next().unwrap_or_else(Span::call_site);
        Self { start, end: spans.last().unwrap_or(start) }
    }

    #[cfg(test)]
    /// The span itself in tests, where spans can be joined; the start otherwise.
    pub(crate) fn span(self) -> Span {
        self.start.join(self.end).unwrap_or(self.start)
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self { start: span, end: span }
    }
}

/// One fault, with its stable code.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Fault {
    /// The message as people read it.
    pub(crate) fn text(&self) -> String {
        format!("{} [{}]", self.message, self.code)
    }
}

/// Every fault found so far.
///
/// Forgetting to look at it would let a refused declaration through, so dropping it unread fails tests.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    read: bool,
}

impl Faults {
    /// Adds a fault. `message` is lower case, without a full stop, and names the fix.
    pub(crate) fn push(&mut self, code: Code, place: impl Into<Place>, message: impl Into<String>) {
        self.found.push(Fault { code, place: place.into(), message: message.into() });
    }

    /// The faults, in the order they were found.
    pub(crate) fn take(mut self) -> Vec<Fault> {
        self.read = true;
        std::mem::take(&mut self.found)
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        debug_assert!(
            self.read || self.found.is_empty() || std::thread::panicking(),
            "faults were not looked at"
        );
    }
}

/// One `compile_error!` for each fault.
pub(crate) fn compile_errors(faults: &[Fault]) -> TokenStream {
    faults.iter().flat_map(compile_error).collect()
}

/// `::core::compile_error! { "..." }`, spanned so that the compiler underlines the whole place.
fn compile_error(fault: &Fault) -> Vec<TokenTree> {
    let Place { start, end } = fault.place;
    let punct = |c, spacing| {
        let mut punct = Punct::new(c, spacing);
        punct.set_span(start);
        TokenTree::Punct(punct)
    };
    let ident = |name| TokenTree::Ident(Ident::new(name, start));
    let mut text = Literal::string(&fault.text());
    text.set_span(end);
    let mut body = Group::new(Delimiter::Brace, TokenTree::Literal(text).into());
    body.set_span(end);
    vec![
        punct(':', Spacing::Joint),
        punct(':', Spacing::Alone),
        ident("core"),
        punct(':', Spacing::Joint),
        punct(':', Spacing::Alone),
        ident("compile_error"),
        punct('!', Spacing::Alone),
        TokenTree::Group(body),
    ]
}
