//! Handing the address where people decide to the person at the client (MCP, "Elicitation", mode `url`).
//!
//! It is an address and no more. What a client answers, accepting, declining, cancelling, forging, says at most that
//! somebody has seen it: it decides nothing, and nothing here looks at it.

use std::sync::Arc;
use std::time::Duration;

use rmcp::Peer;
use rmcp::model::{
    CustomNotification, ElicitRequest, ElicitRequestParams, InputRequest, InputRequests,
    InputRequiredResult, ServerNotification, ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RoleServer};
use serde_json::json;

use super::face::Face;
use crate::approval::ApprovalId;
use crate::limit::Crowd;
use crate::pipeline::{Account, Standing};

/// How long the answer to a call waits for the client to take an address up.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(3);
/// How many requests of one account are watched, to tell its session when they are decided.
const MOST_WATCHED: u32 = 32;
/// The longest that one is watched.
const WATCHED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How often it is looked whether the session is still there.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The one thing asked for.
const KEY: &str = "approval";

/// In words of this crate and nobody else's: nothing that a model has written stands here.
fn request(standing: &Standing, url: String) -> ElicitRequest {
    let (id, tool) = (standing.id, standing.tool);
    ElicitRequest::new(ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message: format!(
            "A call of `{tool}` waits for a person to approve or deny it. That is done on this page, by whoever may; \
             what you answer here decides nothing."
        ),
        url,
        elicitation_id: id.to_string(),
    })
}

/// The one answer that hands the address over to a client of 2026-07-28 and tells it what to come back with.
pub(super) fn input_required(
    standing: &Standing,
    url: String,
    state: String,
) -> InputRequiredResult {
    let mut requests = InputRequests::new();
    requests.insert(KEY.to_owned(), InputRequest::Elicitation(request(standing, url)));
    InputRequiredResult::new(Some(requests), Some(state))
}

/// Whoever watches requests for sessions.
pub(super) type Watched = Crowd<Account>;

/// Hands the address to a session of before 2026-07-28 and, once people have decided, says so. Waits a moment for the
/// client to take it up, so that it comes within the call it belongs to.
///
/// Made from the future of the request: rmcp knows which request it belongs to by that.
pub(super) async fn hand_over(
    peer: &Peer<RoleServer>,
    face: &Arc<dyn Face>,
    watched: &Watched,
    account: Account,
    (standing, url): (&Standing, String),
) {
    let id = standing.id;
    let asking = ServerRequest::ElicitRequest(request(standing, url));
    let asked = async {
        let handle = peer.send_request_with_option(asking, PeerRequestOptions::no_options()).await;
        match handle {
            Ok(handle) => {
                // Not taken back when it takes longer: the person may well be reading.
                drop(handle.rx.await);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "a client was not handed the address to decide at");
                false
            }
        }
    };
    if tokio::time::timeout(TAKEN_UP_WITHIN, asked).await.unwrap_or(true)
        && let Some(place) = watched.enter(account, MOST_WATCHED)
    {
        let (peer, face) = (peer.clone(), Arc::clone(face));
        tokio::spawn(async move {
            tell_when_decided(&peer, face, id).await;
            drop(place);
        });
    }
}

/// MCP 2025-11-25, "Completion Notifications for URL Mode Elicitation".
async fn tell_when_decided(peer: &Peer<RoleServer>, face: Arc<dyn Face>, id: ApprovalId) {
    let gone = async {
        while !peer.is_transport_closed() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = gone => {}
        () = face.until_decided(id, WATCHED_FOR) => {
            let params = json!({"elicitationId": id.to_string()});
            let told = CustomNotification::new("notifications/elicitation/complete", Some(params));
            // A session that has ended needs to hear nothing.
            drop(peer.send_notification(ServerNotification::CustomNotification(told)).await);
        }
    }
}
