//! Switching off, and on again.

use axum::response::Response;
use serde_json::json;

use super::input::{self, Query, Switch};
use super::reply::{self, Problem};
use super::{Api, Asked, SwitchView, SwitchedView};
use crate::identity::Authenticated;
use crate::store::{NotAScope, SwitchScope};

impl Api {
    pub(super) async fn switches(
        &self,
        who: &Authenticated,
        query: &str,
    ) -> Result<Response, Problem> {
        Query::parse(query, &[])?;
        let found = self.opened.switched_off(who).await?;
        let found: Vec<SwitchView> = found.iter().map(SwitchView::from).collect();
        Ok(reply::ok(&json!({"switches": found})))
    }

    pub(super) async fn switch(
        &self,
        who: &Authenticated,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        let fields = "`scope`, `off` and, if liked, `reason`";
        let Switch { scope, off, reason } = input::body(&asked.headers, &asked.body, fields)?;
        let reason = input::reason(reason)?;
        let scope: SwitchScope =
            scope.parse().map_err(|error: NotAScope| Problem::bad_request(error.to_string()))?;
        let changed = self.opened.switch(who, scope.clone(), off, reason.as_deref()).await?;
        Ok(reply::ok(&SwitchedView { scope: scope.to_string(), off, changed }))
    }
}
