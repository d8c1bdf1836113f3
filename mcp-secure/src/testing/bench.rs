//! The stages of a local client's call, for the benches.

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::LocalClient;
use crate::pipeline::{Channel, Incoming, Stages, Target, Transport};
use crate::tool::Output;

impl LocalClient {
    /// Takes one read-only call as far as its body, and `output` from there on, with the clock between the stages.
    #[doc(hidden)]
    pub async fn stages(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        output: Value,
    ) -> Result<Stages, String> {
        let incoming = Incoming {
            caller: self.caller.clone(),
            target: Target::Tool(tool.to_owned()),
            arguments,
            own_meta: Map::new(),
            channel: Channel::Result,
            resumes: None,
            transport: Transport::Local,
            client_info: None,
            trace: None,
            cancelled: CancellationToken::new(),
            progress: None,
        };
        let output = Output { structured: Some(output), blocks: Vec::new() };
        let stages = self.gate.stages(incoming, output).await;
        stages.map_err(|refusal| format!("{}: {}", refusal.code.as_str(), refusal.reason))
    }
}
