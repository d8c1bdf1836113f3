//! One request, to be read.

use axum::http::StatusCode;
use axum::response::Response;

use super::page::{self, Place, outcome};
use super::reply;
use super::session::Visitor;
use super::sign_in::Failed;
use super::site::Site;
use crate::approval::ApprovalId;
use crate::pipeline::{DecideRefused, Look};

impl Site {
    /// One request in full.
    pub(super) async fn request(
        &self,
        visitor: &Visitor,
        id: &ApprovalId,
    ) -> Result<Response, Failed> {
        let look = match self.look(visitor, id).await {
            Ok(look) => look,
            Err(response) => return Ok(response),
        };
        let body = page::request::page(&look, visitor, None);
        let frame = self.framed(visitor, &look);
        Ok(reply::html(StatusCode::OK, frame.page(&page::request::title(&look), &body)))
    }

    /// What became of the visitor's own decision, as the request stands.
    pub(super) async fn decided(
        &self,
        visitor: &Visitor,
        id: &ApprovalId,
    ) -> Result<Response, Failed> {
        let look = match self.look(visitor, id).await {
            Ok(look) => look,
            Err(response) => return Ok(response),
        };
        let body = outcome::decided(&look, page::name(visitor));
        let title = format!("Your decision: {}", page::request::title(&look));
        Ok(reply::html(StatusCode::OK, self.framed(visitor, &look).page(&title, &body)))
    }

    /// A request the visitor may see, or the answer that there is none.
    pub(super) async fn look(&self, visitor: &Visitor, id: &ApprovalId) -> Result<Look, Response> {
        match self.opened.look(&visitor.who, id).await {
            Ok(look) => Ok(look),
            Err(DecideRefused::Unavailable) => Err(self.unavailable()),
            Err(_) => Err(self.nothing_here()),
        }
    }

    pub(super) fn framed<'a>(&'a self, visitor: &'a Visitor, look: &Look) -> page::Frame<'a> {
        let place = if look.state().is_live() { Place::Pending } else { Place::History };
        self.frame(Some(visitor)).within(place)
    }
}
