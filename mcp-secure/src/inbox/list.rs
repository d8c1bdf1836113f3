//! The lists: what waits, and everything there was.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;

use super::base::PATH;
use super::form::Form;
use super::page::list::{self, Listed, Wish};
use super::page::{Frame, Place};
use super::reply;
use super::session::Visitor;
use super::sign_in::Failed;
use super::site::Site;
use crate::approval::{Approval, StateKind};
use crate::cli::is_unsafe;
use crate::pipeline::{Page, RequestAt, read_place};
use crate::store::ApprovalFilter;

/// How many requests a page shows.
const PAGE: u32 = 50;
/// The longest text that is searched for, in characters.
const SOUGHT: usize = 100;

/// Which of the two lists. Each request is on one of them.
#[derive(Debug, Clone, Copy)]
enum Listing {
    Waiting,
    Settled,
}

impl Site {
    /// What waits for a decision.
    pub(super) async fn pending(
        &self,
        visitor: &Visitor,
        query: &Form,
    ) -> Result<Response, Failed> {
        let Some(wish) = wish(query, false) else { return Ok(self.not_a_form()) };
        let page = self.listed(visitor, &wish, Listing::Waiting).await?;
        let tools = self.tools(visitor, &page.items, &wish);
        let body = maud::html! {
            (list::live())
            (list::filter(PATH, &wish, &tools, false))
            (list::fragment(&self.list(visitor, &page, PATH, &wish, "Nothing waits for you.")))
        };
        let frame: Frame<'_> = self.frame(Some(visitor)).at(Place::Pending);
        Ok(reply::html(StatusCode::OK, frame.page("Waiting for a decision", &body)))
    }

    /// The list alone, for the script that refreshes it.
    pub(super) async fn pending_list(
        &self,
        visitor: &Visitor,
        query: &Form,
    ) -> Result<Response, Failed> {
        let Some(wish) = wish(query, false) else { return Ok(self.not_a_form()) };
        let page = self.listed(visitor, &wish, Listing::Waiting).await?;
        let list = self.list(visitor, &page, PATH, &wish, "Nothing waits for you.");
        Ok(reply::html(StatusCode::OK, list::fragment(&list)))
    }

    /// What became of every request that waits for nobody any more.
    pub(super) async fn history(
        &self,
        visitor: &Visitor,
        query: &Form,
    ) -> Result<Response, Failed> {
        let Some(wish) = wish(query, true) else { return Ok(self.not_a_form()) };
        let page = self.listed(visitor, &wish, Listing::Settled).await?;
        let tools = self.tools(visitor, &page.items, &wish);
        let at = format!("{PATH}/history");
        let body = maud::html! {
            (list::filter(&at, &wish, &tools, true))
            (self.list(visitor, &page, &at, &wish, "There is no such request."))
        };
        let frame = self.frame(Some(visitor)).at(Place::History);
        Ok(reply::html(StatusCode::OK, frame.page("History", &body)))
    }

    async fn listed(
        &self,
        visitor: &Visitor,
        wish: &Wish,
        listing: Listing,
    ) -> Result<Page<Approval, RequestAt>, Failed> {
        let (state, settled) = match listing {
            Listing::Waiting => (Some(StateKind::Pending), false),
            Listing::Settled => (wish.state, true),
        };
        let filter = ApprovalFilter {
            state,
            settled,
            tool: wish.tool.clone(),
            text: wish.text.clone(),
            after: wish.after,
            ..ApprovalFilter::default()
        };
        Ok(self.opened.approvals_page(&visitor.who, filter, PAGE).await?)
    }

    fn list(
        &self,
        visitor: &Visitor,
        page: &Page<Approval, RequestAt>,
        at: &str,
        wish: &Wish,
        empty: &str,
    ) -> maud::Markup {
        let listed = Listed {
            items: &page.items,
            next: page.next,
            now: page.now,
            who: &visitor.who,
            at,
            wish,
            title: &|tool| self.title(tool),
        };
        list::list(&listed, empty)
    }

    /// The title that a tool's declaration gives it.
    pub(super) fn title(&self, tool: &str) -> Option<String> {
        self.opened.served(tool)?.spec.title.map(ToOwned::to_owned)
    }

    /// The tools that the visitor could decide on or has asked for, with their titles.
    fn tools(&self, visitor: &Visitor, items: &[Approval], wish: &Wish) -> Vec<(String, String)> {
        let decidable = self.opened.decidable(&visitor.who);
        let mut names: Vec<String> =
            decidable.iter().map(|tool| tool.spec.name.to_owned()).collect();
        names.extend(items.iter().map(|approval| approval.tool.clone()));
        self.titled(names, wish.tool.as_ref())
    }

    /// These tools, each once, with their titles, and the one that is wished for: of that, whose name anybody can write
    /// into the address, nothing is said, not even that it is there.
    pub(super) fn titled(
        &self,
        seen: Vec<String>,
        wished: Option<&String>,
    ) -> Vec<(String, String)> {
        let named = |name: String| {
            let title = self.title(&name).unwrap_or_else(|| name.clone());
            (name, title)
        };
        let mut tools: BTreeMap<_, _> = seen.into_iter().map(named).collect();
        if let Some(wished) = wished {
            tools.entry(wished.clone()).or_insert_with(|| wished.clone());
        }
        tools.into_iter().collect()
    }
}

/// What a list is narrowed to; `None` where the address is none of ours.
fn wish(query: &Form, states: bool) -> Option<Wish> {
    let known: &[&str] =
        if states { &["q", "tool", "state", "after"] } else { &["q", "tool", "after"] };
    query.only(known).ok()?;
    let text = query.filled("q").and_then(sought);
    let state = match query.filled("state") {
        Some(word) => Some(StateKind::from_word(word)?),
        None => None,
    };
    let after = match query.filled("after") {
        Some(text) => Some(read_place(text)?),
        None => None,
    };
    Some(Wish { tool: query.filled("tool").and_then(sought), text, state, after })
}

/// A text to look for, as the page repeats it: what hides or reorders is left out, and nobody looks for that.
pub(super) fn sought(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !is_unsafe(*c)).take(SOUGHT).collect();
    (!text.trim().is_empty()).then_some(text)
}
