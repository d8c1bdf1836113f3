//! How long an agent waits for its result once people have decided, in each way that a client can wait.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::desk::{Desk, Server, declaring, message};
use crate::pages::Decider;
use crate::took::{Took, took};
use crate::wire::Wire;

/// How a client waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A task, which it looks at as often as it is told to.
    Task,
    /// The same call again, as often as it is told to.
    Again,
    /// The same with what it was handed once together with the address of the request.
    Link,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Task, Self::Again, Self::Link];

    fn capabilities(self) -> Value {
        match self {
            Self::Task => json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}),
            Self::Again => json!({}),
            Self::Link => json!({"elicitation": {"url": {}}}),
        }
    }

    const fn first_customer(self) -> u64 {
        match self {
            Self::Task => 1021,
            Self::Again => 1026,
            Self::Link => 1035,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Task => "result of a task after the decision",
            Self::Again => "result of the call made again",
            Self::Link => "result of the call with its state",
        }
    }
}

/// An agent, which has a request at a time.
struct Agent {
    way: Way,
    wire: Wire,
    token: String,
    number: u64,
    /// How long it waits before it looks again.
    wait: Duration,
    call: Value,
    /// What it brings back.
    state: Option<Value>,
    id: String,
}

impl Agent {
    /// Asks for something that people decide on, and says what the request is called.
    fn ask(&mut self) -> String {
        // There and back again, with customers of this way's own who are active at first.
        let customer = format!("cus_{}", self.way.first_customer() + self.number % 5);
        let status = if (self.number / 5).is_multiple_of(2) { "paused" } else { "active" };
        let reason = format!("round {} of {:?}", self.number, self.way);
        self.call = json!({"name": "request_customer_status_change", "arguments": {
            "customer_id": customer, "proposed_status": status, "reason": reason}});
        self.state = None;
        self.number += 1;
        let result = self.send();
        self.id = match self.way {
            Way::Task => {
                assert_eq!(result["resultType"], "task", "{result:#}");
                self.wait = told(&result["pollIntervalMs"]);
                result["taskId"].as_str().unwrap().to_owned()
            }
            Way::Again => self.waits(&result),
            Way::Link => {
                assert_eq!(result["resultType"], "input_required", "{result:#}");
                self.state = Some(result["requestState"].clone());
                // What the person at the client says decides nothing; the call is made again at once.
                let again = self.send();
                self.waits(&again)
            }
        };
        self.id.clone()
    }

    fn waits(&mut self, result: &Value) -> String {
        let told_of = &result["structuredContent"];
        assert_eq!(told_of["code"], "approval_required", "{result:#}");
        self.wait = told(&told_of["retry_after_ms"]);
        told_of["approval_id"].as_str().unwrap().to_owned()
    }

    fn send(&mut self) -> Value {
        let capabilities = self.way.capabilities();
        let mut params = self.call.clone();
        if let Some(state) = &self.state {
            params["requestState"] = state.clone();
            params["inputResponses"] = json!({"approval": {"action": "accept"}});
        }
        self.wire.mcp(&self.token, &declaring(&capabilities, "tools/call", params))
    }

    /// Waits as it is told to until there is a result; when that was.
    fn result(&mut self) -> Instant {
        loop {
            std::thread::sleep(self.wait);
            let result = if self.way == Way::Task {
                let about = json!({"taskId": self.id});
                let message = declaring(&self.way.capabilities(), "tasks/get", about);
                let task = self.wire.mcp(&self.token, &message);
                self.wait = told(&task["pollIntervalMs"]);
                if task["status"] == "working" {
                    continue;
                }
                assert_eq!(task["status"], "completed", "{task:#}");
                task["result"].clone()
            } else {
                self.send()
            };
            let seen = Instant::now();
            if result["structuredContent"]["change_id"].is_string() {
                return seen;
            }
            self.waits(&result);
        }
    }
}

/// The time a client is told to wait.
fn told(millis: &Value) -> Duration {
    Duration::from_millis(millis.as_u64().expect("the client is told when to look again"))
}

/// From the answer to the decision until the agent has its result.
pub(crate) fn measure(desk: &Desk, server: &Server, way: Way, rounds: u64) -> Took {
    let mut agent = Agent {
        way,
        wire: Wire::to(server.address),
        token: desk.run(&["token", "--as", "alice"]),
        number: 0,
        wait: Duration::ZERO,
        call: message(&way.capabilities(), "", &json!({})),
        state: None,
        id: String::new(),
    };
    let mut decider = Decider::new(desk, server, "bob");
    let (asked, to_decide) = channel::<String>();
    let (over, when) = channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for (round, id) in to_decide.iter().enumerate() {
                let digest = decider.digest(&id);
                // At any moment between two looks of the agent.
                std::thread::sleep(Duration::from_millis((round as u64 * 37) % 500));
                decider.decide(&id, &digest, "approve");
                over.send(Instant::now()).unwrap();
            }
        });
        let all = (0..rounds).map(|_| {
            asked.send(agent.ask()).unwrap();
            let seen = agent.result();
            seen.saturating_duration_since(when.recv().unwrap())
        });
        let all = all.collect();
        drop(asked);
        took(way.name(), all)
    })
}
