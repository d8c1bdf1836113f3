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
        self.send(&request(u64::from(bill), "tools/call", call(tool, bill), false))
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &Value) -> Result<(), Gone> {
        let stdin = self.stdin.as_mut().ok_or(Gone)?;
        stdin.write_all(format!("{message}\n").as_bytes()).map_err(|_| Gone)
    }

    /// The next message, if there is one within `patience`.
    pub(crate) fn message(&mut self, patience: Duration) -> Result<Option<Value>, Gone> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(serde_json::from_str(&line).ok()),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Gone),
        }
    }

    /// The next answer, if there is one within `patience`.
    pub(crate) fn answer(&mut self, patience: Duration) -> Result<Option<(u32, Answer)>, Gone> {
        let Some(message) = self.message(patience)? else { return Ok(None) };
        let Some(bill) = message["id"].as_u64() else { return Ok(None) };
        let result = message.get("result").unwrap_or_else(|| panic!("no result: {message:#}"));
        let answer = Answer::of(result);
        if let Answer::Done { .. } = answer {
            assert_eq!(result["structuredContent"]["bill"], json!(bill), "{message:#}");
        }
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
        self.end();
        let mut last = Vec::new();
        while let Ok(answer) = self.answer(Duration::from_secs(10)) {
            last.extend(answer);
        }
        last
    }

    /// The same, message by message.
    pub(crate) fn kill_and_read(mut self) -> Vec<Value> {
        self.end();
        let mut last = Vec::new();
        while let Ok(message) = self.message(Duration::from_secs(10)) {
            last.extend(message);
        }
        last
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        drop(self.stdin.take());
    }
}

/// A request as a client of 2026-07-28 makes it, one that waits for tasks or not.
pub(crate) fn request(id: u64, method: &str, params: Value, tasks: bool) -> Value {
    let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let capabilities =
        if tasks { json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}) } else { json!({}) };
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "faults", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    message
}

/// What `tools/call` is told about a bill.
pub(crate) fn call(tool: &str, bill: u32) -> Value {
    json!({"name": tool, "arguments": {"bill": bill}})
}

impl Answer {
    /// How a tool's result reads.
    pub(crate) fn of(result: &Value) -> Self {
        let structured = &result["structuredContent"];
        if result["isError"] == json!(true) {
            let text = |name: &str| structured[name].as_str().unwrap_or_default().to_owned();
            assert!(structured["code"].is_string(), "no structured refusal: {result:#}");
            assert!(structured["request_id"].is_string(), "no request id: {result:#}");
            let executed = structured["executed"].clone();
            let approval = structured["approval_id"].as_str().map(ToOwned::to_owned);
            Self::Refused { code: text("code"), executed, reason: text("reason"), approval }
        } else {
            let marked = |(name, value): (&String, &Value)| {
                name.ends_with("/replayed") && *value == json!(true)
            };
            let replayed = result["_meta"].as_object().is_some_and(|m| m.iter().any(marked));
            Self::Done { replayed }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
