//! Telling clients that their lists have changed, which they do when something is switched off or on.

use std::time::Duration;

use rmcp::Peer;
use rmcp::model::{ServerNotification, ToolListChangedNotification};
use rmcp::service::{RoleServer, SubscriptionContext};
use tokio::sync::watch;

/// How often it is looked whether a client that hears of nothing is still there.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Tells a session of before 2026-07-28, for as long as it lasts.
pub(super) fn tell(peer: Peer<RoleServer>, mut news: watch::Receiver<u64>) {
    tokio::spawn(async move {
        loop {
            tokio::select! {
                changed = news.changed() => {
                    if changed.is_err() || peer.notify_tool_list_changed().await.is_err() {
                        return;
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
                let message = ServerNotification::ToolListChangedNotification(
                    ToolListChangedNotification::default(),
                );
                if changed.is_err() || of.sink().send(message).await.is_err() {
                    return;
                }
            }
        }
    }
}
