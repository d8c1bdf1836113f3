//! What a running call reports, on its way to the client.

use rmcp::Peer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RoleServer;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::context::Progress;

/// Sends what is reported until nobody reports any more; of reports that came meanwhile only the newest.
pub(super) async fn forward<F: Future<Output = ()>>(
    mut receiver: UnboundedReceiver<Progress>,
    mut send: impl FnMut(Progress) -> F,
) {
    while let Some(mut progress) = receiver.recv().await {
        while let Ok(newer) = receiver.try_recv() {
            progress = newer;
        }
        send(progress).await;
    }
}

pub(super) async fn notify(
    peer: &Peer<RoleServer>,
    mut param: ProgressNotificationParam,
    progress: Progress,
) {
    param.progress = progress.done;
    param.total = progress.total;
    param.message = progress.message;
    // A client that does not listen is no reason to fail the call.
    drop(peer.notify_progress(param).await);
}
