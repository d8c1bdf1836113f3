//! Serving the process that started this one, over standard input and output.

mod lines;
mod streams;

use std::sync::Arc;

use rmcp::ServiceExt;
use tokio_util::sync::CancellationToken;

use lines::Lines;

use super::MAX_MESSAGE_BYTES;
use super::face::Face;
use super::handler::{Handler, Running};
use crate::pipeline::Transport;

/// Why serving over standard input and output ended badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StdioError {
    #[error("standard input and output can not be used: {0}")]
    Streams(#[from] std::io::Error),
    #[error("the connection failed: {0}")]
    Failed(String),
}

/// Serves until standard input closes or `shutdown`. Standard output carries nothing but the protocol: from here on
/// what the process prints to it goes to standard error.
pub(crate) async fn serve_stdio(
    face: Arc<dyn Face>,
    shutdown: CancellationToken,
) -> Result<(), StdioError> {
    let (input, output) = streams::take()?;
    serve(face, input, output, shutdown).await
}

async fn serve(
    face: Arc<dyn Face>,
    input: impl tokio::io::AsyncRead + Send + Unpin + 'static,
    output: impl tokio::io::AsyncWrite + Send + Unpin + 'static,
    shutdown: CancellationToken,
) -> Result<(), StdioError> {
    let running = Running::default();
    let handler = Handler::new(face, Transport::Stdio, running);
    let transport = Lines::new(input, output, MAX_MESSAGE_BYTES);
    let ended = transport.ended();
    let service = match handler.serve_with_ct(transport, shutdown).await {
        Ok(service) => service,
        // A host that goes away before it has said anything is no failure.
        Err(_) if ended.is_cancelled() => return Ok(()),
        Err(error) => return Err(StdioError::Failed(error.to_string())),
    };
    service.waiting().await.map_err(|error| StdioError::Failed(error.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests;
