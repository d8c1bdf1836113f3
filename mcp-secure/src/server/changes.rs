//! Telling clients that their lists have changed, which they do when something is switched off or on.

use std::time::Duration;

use rmcp::Peer;
use rmcp::model::{
    PromptListChangedNotification, ResourceListChangedNotification, ServerNotification,
    SubscriptionFilter, ToolListChangedNotification,
};
use rmcp::service::{RoleServer, SubscriptionContext};
use tokio::sync::watch;

/// How often it is looked whether a client that hears of nothing is still there.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Tells a session of before 2026-07-28 of the lists in `lists`, for as long as it lasts.
pub(super) fn tell(
    peer: Peer<RoleServer>,
    lists: SubscriptionFilter,
    mut news: watch::Receiver<u64>,
) {
    tokio::spawn(async move {
        loop {
            tokio::select! {
                changed = news.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    for message in messages(&lists) {
                        if peer.send_notification(message).await.is_err() {
                            return;
                        }
                    }
                }
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if peer.is_transport_closed() {
                        return;
                    }
                }
            }
        }
    });
}

/// Tells a subscription (MCP 2026-07-28, `subscriptions/listen`) until its client ends it.
pub(super) async fn tell_subscriber(of: &SubscriptionContext, mut news: watch::Receiver<u64>) {
    loop {
        tokio::select! {
            () = of.cancelled() => return,
            changed = news.changed() => {
                if changed.is_err() {
                    return;
                }
                for message in messages(of.sink().accepted()) {
                    if of.sink().send(message).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// One message for each list: what is switched off is off in all of them.
fn messages(lists: &SubscriptionFilter) -> Vec<ServerNotification> {
    let wanted = |list: Option<bool>| list == Some(true);
    let mut messages = Vec::new();
    if wanted(lists.tools_list_changed) {
        messages.push(ServerNotification::ToolListChangedNotification(
            ToolListChangedNotification::default(),
        ));
    }
    if wanted(lists.prompts_list_changed) {
        messages.push(ServerNotification::PromptListChangedNotification(
            PromptListChangedNotification::default(),
        ));
    }
    if wanted(lists.resources_list_changed) {
        messages.push(ServerNotification::ResourceListChangedNotification(
            ResourceListChangedNotification::default(),
        ));
    }
    messages
}
