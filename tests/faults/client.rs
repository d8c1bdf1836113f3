//! A stdio client that survives its server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// How a call was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was carried out; replayed where that was before.
    Done { replayed: bool },
    /// A structured refusal.
    Refused { code: String, executed: Value, reason: String, approval: Option<String> },
}

/// Whether a lead has to approve a bill. People are slow, so most are small.
pub(crate) const fn is_large(bill: u32) -> bool {
    bill % 10 == 5
}

/// A server process and the pipe to it.
pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// The server is gone.
#[derive(Debug)]
pub(crate) struct Gone;

impl Client {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            // A killed server may leave half a line, which is no answer.
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, lines }
    }

    /// Asks for a bill to be paid, a large one by way of a person.
    pub(crate) fn pay(&mut self, bill: u32) -> Result<(), Gone> {
        self.call(if is_large(bill) { "pay_large_bill" } else { "pay_bill" }, bill)
    }

    /// Asks this tool about a bill, and waits for nothing.
    pub(crate) fn call(&mut self, tool: &str, bill: u32) -> Result<(), Gone> {
        let message = json!({
            "jsonrpc": "2.0", "id": bill, "method": "tools/call",
            "params": {"name": tool, "arguments": {"bill": bill}, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "faults", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }},
        });
        let stdin = self.stdin.as_mut().ok_or(Gone)?;
        stdin.write_all(format!("{message}\n").as_bytes()).map_err(|_| Gone)
    }

    /// The next answer, if there is one within `patience`.
    pub(crate) fn answer(&mut self, patience: Duration) -> Result<Option<(u32, Answer)>, Gone> {
        let line = match self.lines.recv_timeout(patience) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => return Err(Gone),
        };
        let Ok(message) = serde_json::from_str::<Value>(&line) else { return Ok(None) };
        let Some(bill) = message["id"].as_u64() else { return Ok(None) };
        let result = message.get("result").unwrap_or_else(|| panic!("no result: {message:#}"));
        let structured = &result["structuredContent"];
        let answer = if result["isError"] == json!(true) {
            let text = |name: &str| structured[name].as_str().unwrap_or_default().to_owned();
            assert!(structured["code"].is_string(), "no structured refusal: {message:#}");
            assert!(structured["request_id"].is_string(), "no request id: {message:#}");
            let executed = structured["executed"].clone();
            let approval = structured["approval_id"].as_str().map(ToOwned::to_owned);
            Answer::Refused { code: text("code"), executed, reason: text("reason"), approval }
        } else {
            assert_eq!(structured["bill"], json!(bill), "{message:#}");
            let marked = |(name, value): (&String, &Value)| {
                name.ends_with("/replayed") && *value == json!(true)
            };
            let replayed = result["_meta"].as_object().is_some_and(|m| m.iter().any(marked));
            Answer::Done { replayed }
        };
        Ok(Some((u32::try_from(bill).unwrap(), answer)))
    }

    /// Asks until the answer to this bill is there.
    pub(crate) fn ask(&mut self, bill: u32) -> Answer {
        self.pay(bill).expect("a server that takes calls");
        self.wait_for(bill)
    }

    /// Asks this tool about a bill that nobody else asks about, until the answer is there.
    pub(crate) fn ask_of(&mut self, tool: &str, bill: u32) -> Answer {
        self.call(tool, bill).expect("a server that takes calls");
        self.wait_for(bill)
    }

    fn wait_for(&mut self, bill: u32) -> Answer {
        loop {
            match self.answer(Duration::from_secs(60)).expect("a server that answers") {
                Some((of, answer)) if of == bill => return answer,
                Some(_) => {}
                None => panic!("no answer to bill {bill} within a minute"),
            }
        }
    }

    /// `kill -9`. What it had answered before still counts.
    pub(crate) fn kill(mut self) -> Vec<(u32, Answer)> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        drop(self.stdin.take());
        let mut last = Vec::new();
        while let Ok(answer) = self.answer(Duration::from_secs(10)) {
            last.extend(answer);
        }
        last
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
