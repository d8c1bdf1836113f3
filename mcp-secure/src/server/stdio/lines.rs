//! One JSON-RPC message a line, bounded, and with an answer to every line that is none.
//!
//! rmcp's own transport drops what it can not read without a word, and takes up to 16 MiB a line.

use std::io;

use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, GetMeta, ProtocolVersion, RequestId,
    ServerJsonRpcMessage,
};
use rmcp::service::RoleServer;
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use crate::server::handler::Handler;
use crate::server::plain::PlainCall;

/// Messages that may wait for the host to read them. Beyond that nothing more is taken in.
const QUEUE: usize = 128;
/// How much is written at once.
const BATCH_BYTES: usize = 64 * 1024;

pub(super) struct Lines<R> {
    calls: Calls,
    input: BufReader<R>,
    line: Vec<u8>,
    /// The line is whole, and nobody has looked at it yet.
    whole: bool,
    limit: usize,
    /// The rest of a line that is too long is still to come.
    skipping: bool,
    /// An answer to a line that was no message, until there is room for it.
    answer: Option<ErrorData>,
    answer_id: Option<RequestId>,
    /// A request has begun a session. Before that rmcp ends the connection over anything but a request.
    begun: bool,
    output: Option<mpsc::Sender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    ended: CancellationToken,
}

enum Read {
    Line,
    TooLong,
    End,
}

impl<R: AsyncRead + Send + Unpin> Lines<R> {
    pub(super) fn new(
        handler: Handler,
        input: R,
        output: impl AsyncWrite + Send + Unpin + 'static,
        limit: usize,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self {
            calls: Calls::new(handler),
            input: BufReader::with_capacity(16 * 1024, input),
            line: Vec::new(),
            whole: false,
            limit,
            skipping: false,
            answer: None,
            answer_id: None,
            begun: false,
            output: Some(sender),
            writer: Some(tokio::spawn(write_all(output, receiver))),
            ended: CancellationToken::new(),
        }
    }

    /// Cancelled once the input has closed.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Reads on to the end of a line. May be dropped at any await: what was read stays in `self`.
    async fn read_line(&mut self) -> io::Result<Read> {
        loop {
            let available = self.input.fill_buf().await?;
            if available.is_empty() {
                return Ok(Read::End);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at.saturating_add(1));
            let fits = self.line.len().saturating_add(taken) <= self.limit.saturating_add(1);
            if !self.skipping && fits {
                self.line.extend_from_slice(available.get(..taken).unwrap_or_default());
            } else {
                self.skipping = true;
                self.line.clear();
            }
            self.input.consume(taken);
            if newline.is_some() {
                return Ok(if std::mem::take(&mut self.skipping) {
                    Read::TooLong
                } else {
                    Read::Line
                });
            }
        }
    }

    /// Queues an answer that waits, once there is room. May be dropped: the answer then still waits.
    async fn settle(&mut self) -> Option<()> {
        if self.answer.is_some() {
            let place = self.output.as_ref()?.reserve().await.ok()?;
            if let Some(error) = self.answer.take() {
                let message = ServerJsonRpcMessage::error(error, self.answer_id.take());
                place.send(to_line(&message).ok()?);
            }
        }
        Some(())
    }

    /// Whether rmcp can take the message where the connection stands.
    fn takes(&mut self, message: &mut ClientJsonRpcMessage) -> bool {
        if self.begun {
            return true;
        }
        let ClientJsonRpcMessage::Request(request) = message else { return false };
        self.begun = match &request.request {
            ClientRequest::InitializeRequest(_) => true,
            ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
            other => {
                other.get_meta().missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
            }
        };
        true
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let output = self.output.clone();
        async move {
            let line = to_line(&item)?;
            let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
            output.ok_or_else(closed)?.send(line).await.map_err(|_| closed())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            self.settle().await?;
            let read = if self.whole { Ok(Read::Line) } else { self.read_line().await };
            match read {
                Ok(Read::Line) => self.whole = true,
                Ok(Read::TooLong) => {
                    let says = format!("a message is at most {} bytes long", self.limit);
                    self.answer = Some(ErrorData::invalid_request(says, None));
                    continue;
                }
                Ok(Read::End) | Err(_) => {
                    self.ended.cancel();
                    return None;
                }
            }
            // With too much under way no further call is begun, and so none is read; what is no call is.
            if self.calls.are_full() && PlainCall::read(&self.line).is_some() {
                self.calls.room().await;
            }
            self.whole = false;
            if self.output.as_ref().is_some_and(|output| self.calls.begin(&self.line, output)) {
                self.line.clear();
                continue;
            }
            let parsed = parse(&self.line);
            self.line.clear();
            match parsed {
                Parsed::Message(mut message) => {
                    if self.calls.heed(&message) && self.takes(&mut message) {
                        return Some(*message);
                    }
                }
                Parsed::Nothing => {}
                Parsed::Bad(error, id) => {
                    self.answer = Some(error);
                    self.answer_id = id;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.calls.finish().await;
        self.output = None;
        if let Some(writer) = self.writer.take() {
            // What is queued gets out if the host still reads; a host that does not is not waited for.
            drop(tokio::time::timeout(std::time::Duration::from_secs(2), writer).await);
        }
        Ok(())
    }
}

enum Parsed {
    Message(Box<ClientJsonRpcMessage>),
    Nothing,
    Bad(ErrorData, Option<RequestId>),
}

/// Reads one line. The parser's own words are not passed on: they may repeat values.
fn parse(line: &[u8]) -> Parsed {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Parsed::Nothing;
    }
    if let Ok(message) = serde_json::from_slice(line) {
        return Parsed::Message(Box::new(message));
    }
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return Parsed::Bad(ErrorData::parse_error("the line is not JSON", None), None);
    };
    let id = value.get("id");
    if id.is_none() && value.get("method").is_some() {
        // A notification gets no answer, whatever is wrong with it (JSON-RPC 2.0 section 4.1).
        return Parsed::Nothing;
    }
    let says = if value.is_array() {
        "batches are not part of this protocol; send one message a line"
    } else {
        "the line is not a JSON-RPC 2.0 message"
    };
    let id = id.and_then(|id| serde_json::from_value(id.clone()).ok());
    Parsed::Bad(ErrorData::invalid_request(says, None), id)
}

pub(super) fn to_line(message: &ServerJsonRpcMessage) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes what is queued, several messages at once where several wait.
async fn write_all(mut output: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut batch) = queue.recv().await {
        while batch.len() < BATCH_BYTES
            && let Ok(more) = queue.try_recv()
        {
            batch.extend_from_slice(&more);
        }
        if output.write_all(&batch).await.is_err() || output.flush().await.is_err() {
            // Nobody reads any more; who sends finds the queue closed.
            return;
        }
    }
}
