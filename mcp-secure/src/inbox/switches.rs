//! The switches: what is off, and switching.

use axum::http::StatusCode;
use axum::response::Response;

use super::base::PATH;
use super::form::Form;
use super::page::{Place, switches};
use super::reply;
use super::session::Visitor;
use super::sign_in::Failed;
use super::site::Site;
use crate::pipeline::SwitchRefused;
use crate::store::{StoreError, SwitchScope};

impl Site {
    /// What is off of what the visitor may switch. Nothing is there for who may switch nothing.
    pub(super) async fn switches(&self, visitor: &Visitor) -> Result<Response, Failed> {
        let off = match self.opened.switched_off(&visitor.who).await {
            Ok(off) => off,
            Err(SwitchRefused::Store(why)) => return Err(StoreError::Unavailable(why).into()),
            Err(_) => return Ok(self.nothing_here()),
        };
        let [can_off, can_on] = [true, false].map(|to| self.opened.switchable(&visitor.who, to));
        let now = self.tickets().now().await?;
        let body = switches::page(&off, &can_off, &can_on, now, visitor);
        let frame = self.frame(Some(visitor)).within(Place::Switches);
        Ok(reply::html(StatusCode::OK, frame.page("Switches", &body)))
    }

    /// Switches; `None` where the form is none of ours.
    pub(super) async fn switch(&self, visitor: &Visitor, form: &Form) -> Option<Response> {
        form.only(&["token", "to", "scope", "reason"]).ok()?;
        let off = match form.get("to")? {
            "off" => true,
            "on" => false,
            _ => return None,
        };
        let scope: SwitchScope = form.filled("scope")?.parse().ok()?;
        let at = format!("{PATH}/switches");
        let reason = match self.reason(visitor, form, &at) {
            Ok(reason) => reason,
            Err(response) => return Some(response),
        };
        let says = match self.opened.switch(&visitor.who, scope, off, Some(reason)).await {
            // Where it stood so already, the page says so as well.
            Ok(_) => return Some(reply::see(&at)),
            Err(why @ SwitchRefused::NotPermitted) => (StatusCode::FORBIDDEN, why.to_string()),
            Err(SwitchRefused::NoSuchTool(says)) => (StatusCode::UNPROCESSABLE_ENTITY, says),
            Err(SwitchRefused::Unrecorded(why)) => {
                tracing::error!(error = %why, "what is switched on in the inbox can not be recorded");
                let says =
                    "the record can not be written, so nothing was switched on; try again later";
                (StatusCode::SERVICE_UNAVAILABLE, says.to_owned())
            }
            Err(SwitchRefused::Store(why)) => {
                tracing::error!(error = %why, "a switch of the inbox failed");
                let says = "whether it was switched is not known: the store does not answer; look again at what is off";
                (StatusCode::SERVICE_UNAVAILABLE, says.to_owned())
            }
        };
        Some(self.not_done(visitor, says, &at))
    }
}
