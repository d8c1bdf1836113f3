//! What a running tool may ask of the call it serves.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// One report of progress, on its way to the client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Progress {
    pub(crate) done: f64,
    pub(crate) total: Option<f64>,
    pub(crate) message: Option<String>,
}

/// The call a tool's body serves. Borrow it: `call: &CallContext`.
///
/// It can tell whether the caller still waits and report progress. It can not reach another tool or the client.
///
/// ```
/// use mcp_secure::prelude::*;
///
/// /// Writes the index of the archive anew.
/// #[tool(risk = "medium", permission = "archive.index", destructive = false)]
/// async fn rebuild_index(call: &CallContext) -> Result<Content, ToolError> {
///     for shelf in 1..=10 {
///         // Stopping is up to the body: one that may write is told that nobody waits any more, never dropped.
///         if call.is_cancelled() {
///             return Err(ToolError::public("stopped; the index is as it was").no_effect());
///         }
///         call.progress(f64::from(shelf), Some(10.0), Some("reading shelves"));
///     }
///     Ok(Content::text("the index is new"))
/// }
/// # fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct CallContext {
    request_id: Arc<str>,
    cancelled: CancellationToken,
    progress: Option<UnboundedSender<Progress>>,
}

impl CallContext {
    pub(crate) fn new(
        request_id: Arc<str>,
        cancelled: CancellationToken,
        progress: Option<UnboundedSender<Progress>>,
    ) -> Self {
        Self { request_id, cancelled, progress }
    }

    /// The context of no call: for tests that call a tool's function themselves. Nobody waits for it or hears of it.
    ///
    /// ```
    /// use mcp_secure::prelude::*;
    /// let call = CallContext::detached("test-1");
    /// assert_eq!(call.request_id(), "test-1");
    /// assert!(!call.is_cancelled());
    /// ```
    #[must_use]
    pub fn detached(request_id: &str) -> Self {
        Self::new(request_id.into(), CancellationToken::new(), None)
    }

    /// The correlation id of this call, as in the record and in refusals.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whether the caller gave up or the time ran out. A mutating body is told, never dropped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Waits until the caller gives up or the time runs out.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Tells the client how far the work is, where it asked to be told.
    pub fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        if let Some(sender) = &self.progress {
            // A client that has gone away is no reason to fail.
            // What it says leaves the server like any other output.
            let message = message.map(crate::guard::public_text);
            drop(sender.send(Progress { done, total, message }));
        }
    }
}
