//! Serving the process that started this one, over standard input and output.

mod calls;
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

/// Standard input and output, taken for the protocol alone.
pub(crate) struct Stdio {
    input: streams::Input,
    output: streams::Output,
}

impl Stdio {
    /// Takes them. From here on what the process prints to standard output goes to standard error, so this comes before
    /// any code of the application's.
    pub(crate) fn take() -> Result<Self, StdioError> {
        let (input, output) = streams::take()?;
        Ok(Self { input, output })
    }

    /// Serves until standard input closes or `shutdown`.
    pub(crate) async fn serve(
        self,
        face: Arc<dyn Face>,
        shutdown: CancellationToken,
    ) -> Result<(), StdioError> {
        serve(face, self.input, self.output, shutdown).await
    }
}

async fn serve(
    face: Arc<dyn Face>,
    input: impl tokio::io::AsyncRead + Send + Unpin + 'static,
    output: impl tokio::io::AsyncWrite + Send + Unpin + 'static,
    shutdown: CancellationToken,
) -> Result<(), StdioError> {
    let running = Running::default();
    let handler = Handler::new(face, Transport::Stdio, running);
    let transport = Lines::new(handler.clone(), input, output, MAX_MESSAGE_BYTES);
    let ended = transport.ended();
    let service = match handler.serve_with_ct(transport, shutdown.clone()).await {
        Ok(service) => service,
        // A host that goes away before it has said anything is no failure, nor is being told to stop by then.
        Err(_) if ended.is_cancelled() || shutdown.is_cancelled() => return Ok(()),
        Err(error) => return Err(StdioError::Failed(error.to_string())),
    };
    service.waiting().await.map_err(|error| StdioError::Failed(error.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests;
