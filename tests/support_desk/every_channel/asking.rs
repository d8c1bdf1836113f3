//! The channels on which a client waits for people, behind one face, spoken by hand.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Desk, INBOX, PATIENCE, Server, Stdio, declaring, mcp, refusal_code, structured,
};

/// How a client waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// For a task.
    Task,
    /// With the address where people decide, and a `requestState`.
    Link,
    /// In a session of before 2026-07-28, which is handed the address while it calls.
    Session,
    /// By calling again.
    Plain,
}

impl Channel {
    pub(super) const ALL: [Self; 4] = [Self::Task, Self::Link, Self::Session, Self::Plain];

    fn capabilities(self) -> Value {
        match self {
            Self::Task => json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}),
            Self::Link | Self::Session => json!({"elicitation": {"url": {}}}),
            Self::Plain => json!({}),
        }
    }
}

/// What a client hears of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// People are asked.
    Waits(Value),
    /// It was not carried out, and will not be: the code, and the whole result.
    Refused(String, Value),
    /// It was carried out: the structured content.
    Done(Value),
    /// An error of the protocol.
    Error(Value),
}

impl Told {
    fn by(answer: &Value) -> Self {
        match answer.get("error") {
            Some(error) => Self::Error(error.clone()),
            None => Self::of(&answer["result"]),
        }
    }

    #[track_caller]
    fn of(result: &Value) -> Self {
        if matches!(result["resultType"].as_str(), Some("task" | "input_required")) {
            return Self::Waits(result.clone());
        }
        if result["isError"] != json!(true) {
            return Self::Done(structured(result).clone());
        }
        match refusal_code(result) {
            "approval_required" => Self::Waits(result.clone()),
            code => Self::Refused(code.to_owned(), result.clone()),
        }
    }

    /// Nothing was carried out, and the client is told so.
    #[track_caller]
    pub(super) fn was_not_done(&self) -> &Self {
        match self {
            Self::Done(receipt) => panic!("it was carried out: {receipt:#}"),
            Self::Waits(result) | Self::Refused(_, result) if result.get("isError").is_some() => {
                assert_eq!(structured(result)["executed"], json!(false), "{result:#}");
            }
            Self::Waits(_) | Self::Refused(..) | Self::Error(_) => {}
        }
        self
    }

    #[track_caller]
    pub(super) fn is(&self, code: &str) {
        self.was_not_done();
        assert!(matches!(self, Self::Refused(found, _) if found == code), "not {code}: {self:#?}");
    }

    #[track_caller]
    pub(super) fn waits(&self) {
        self.was_not_done();
        assert!(matches!(self, Self::Waits(_)), "{self:#?}");
    }

    #[track_caller]
    pub(super) fn done(self) -> Value {
        let Self::Done(receipt) = self else { panic!("not carried out: {self:#?}") };
        receipt
    }

    /// Every text that a model or a person at the client may read of it.
    pub(super) fn words(&self) -> Vec<String> {
        let (Self::Waits(shown) | Self::Refused(_, shown)) = self else { return Vec::new() };
        let content = shown["content"].as_array().into_iter().flatten();
        // The first block is the JSON once more.
        let mut words: Vec<Value> = content.skip(1).map(|block| block["text"].clone()).collect();
        words.push(shown["statusMessage"].clone());
        words.push(shown["inputRequests"]["approval"]["params"]["message"].clone());
        words.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }
}

/// A request that a client has made, and what it got to come back with.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: String,
    /// The `requestState`, on the channel that has one.
    pub(super) state: Option<String>,
    /// Everything that came from the server meanwhile.
    pub(super) shown: Vec<Value>,
}

/// A client of somebody's.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) channel: Channel,
    token: String,
    pub(super) at: SocketAddr,
    pipes: Option<Stdio>,
    next: u64,
    /// What it answers when it is handed an address.
    pub(super) answers: Value,
}

impl Asker {
    pub(super) fn open(channel: Channel, desk: &Desk, server: &Server, name: &str) -> Self {
        let mut asker = Self {
            channel,
            token: desk.token(name),
            at: server.address,
            pipes: None,
            next: 1000,
            answers: accepted(),
        };
        if channel == Channel::Session {
            let serve = ["serve", "--stdio", "--as", name, "--inbox-url", INBOX];
            asker.pipes = Some(Stdio::start(desk.command(&serve)));
            let hello = json!({
                "protocolVersion": "2025-11-25", "capabilities": channel.capabilities(),
                "clientInfo": {"name": "by hand", "version": "1"},
            });
            asker.send("initialize", hello);
            asker.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        asker
    }

    /// Says something that has no answer.
    fn says(&mut self, message: &Value) {
        match &mut self.pipes {
            Some(pipes) => pipes.send(message.to_string().as_bytes()),
            None => {
                let call = mcp(&self.token, &json!({"method": "tools/call", "params": {}}));
                drop(call.body(message.to_string()).send(self.at));
            }
        }
    }

    /// Sends a request; its answer, and what came before that.
    fn send(&mut self, method: &str, mut params: Value) -> (Value, Vec<Value>) {
        self.next += 1;
        let meta = params.as_object_mut().and_then(|params| params.remove("_meta"));
        let mut message = match self.pipes {
            Some(_) => {
                json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params})
            }
            None => declaring(&self.channel.capabilities(), self.next, method, params),
        };
        for (key, value) in meta.iter().filter_map(Value::as_object).flatten() {
            message["params"]["_meta"][key] = value.clone();
        }
        let Some(pipes) = &mut self.pipes else {
            return (mcp(&self.token, &message).send(self.at).message(), Vec::new());
        };
        pipes.send(message.to_string().as_bytes());
        let (mut meanwhile, since) = (Vec::new(), Instant::now());
        loop {
            let came = pipes.next();
            if came["method"] == "elicitation/create" {
                let answer = json!({"jsonrpc": "2.0", "id": came["id"], "result": self.answers});
                pipes.send(answer.to_string().as_bytes());
            } else if came["id"] == message["id"] {
                return (came, meanwhile);
            }
            meanwhile.push(came);
            assert!(since.elapsed() < PATIENCE, "no answer to {message}");
        }
    }

    /// The call that makes a request, answered as this channel answers it.
    #[track_caller]
    pub(super) fn ask(&mut self, call: &Value) -> Asked {
        let (answer, mut shown) = self.send("tools/call", call.clone());
        let result = answer["result"].clone();
        shown.push(answer);
        let link = &result["inputRequests"]["approval"]["params"];
        let handed = shown.iter().find(|message| message["method"] == "elicitation/create");
        let id = match self.channel {
            Channel::Task => &result["taskId"],
            Channel::Link => &link["elicitationId"],
            Channel::Session => &handed.unwrap_or(&Value::Null)["params"]["elicitationId"],
            Channel::Plain => &structured(&result)["approval_id"],
        };
        let id = id.as_str().unwrap_or_else(|| panic!("{:?}: {shown:#?}", self.channel)).to_owned();
        let state = result["requestState"].as_str().map(ToOwned::to_owned);
        assert_eq!(state.is_some(), self.channel == Channel::Link, "{shown:#?}");
        Asked { id, state, shown }
    }

    /// The same call once more, with nothing but itself.
    #[track_caller]
    pub(super) fn again(&mut self, call: &Value) -> Told {
        Told::by(&self.send("tools/call", call.clone()).0)
    }

    /// Comes back for `asked` as this channel's clients do, with this call.
    #[track_caller]
    pub(super) fn back(&mut self, asked: &Asked, call: &Value) -> Told {
        match self.channel {
            Channel::Task => self.look(&asked.id),
            Channel::Link => {
                let mut call = call.clone();
                call["requestState"] = json!(asked.state);
                call["inputResponses"] = json!({"approval": self.answers});
                self.again(&call)
            }
            Channel::Session | Channel::Plain => self.again(call),
        }
    }

    /// Comes back until it is over.
    #[track_caller]
    pub(super) fn settled(&mut self, asked: &Asked, call: &Value) -> Told {
        let since = Instant::now();
        loop {
            let told = self.back(asked, call);
            let runs = |code: &String| code == "in_progress";
            match &told {
                Told::Waits(_) => {}
                Told::Refused(code, _) if runs(code) => {}
                _ => return told,
            }
            assert!(since.elapsed() < PATIENCE, "it is never over: {told:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Looks at a task.
    #[track_caller]
    fn look(&mut self, id: &str) -> Told {
        let answer = self.about("tasks/get", id, json!({}));
        let task = &answer["result"];
        match task["status"].as_str() {
            None => Told::Error(answer["error"].clone()),
            Some("working") => Told::Waits(task.clone()),
            Some("completed") => Told::of(&task["result"]),
            Some(other) => Told::Refused(other.to_owned(), task.clone()),
        }
    }

    pub(super) fn about(&mut self, method: &str, id: &str, responses: Value) -> Value {
        self.send(method, json!({"taskId": id, "inputResponses": responses})).0
    }

    /// Comes back in every way there is, and says in all of them, as well as a client can, that people have approved.
    #[track_caller]
    pub(super) fn every_way(&mut self, asked: &Asked, call: &Value) -> Vec<Told> {
        let mut streamed = call.clone();
        streamed["_meta"]["progressToken"] = json!(self.next);
        let mut heard = vec![self.again(call), self.again(&streamed)];
        for answer in answers(&asked.id) {
            // What nobody asked it, in the shape of an answer.
            self.says(&json!({"jsonrpc": "2.0", "id": asked.id, "result": answer}));
            let mut dressed = call.clone();
            dressed["inputResponses"] = json!({"approval": answer, "decision": answer});
            heard.push(self.again(&dressed));
            if self.channel == Channel::Task {
                self.about("tasks/update", &asked.id, json!({"approval": answer}));
            }
            self.answers = answer;
            heard.push(self.back(asked, call));
        }
        self.answers = accepted();
        for forged in forged(asked) {
            let mut dressed = call.clone();
            dressed["requestState"] = json!(forged);
            dressed["inputResponses"] = json!({"approval": accepted()});
            heard.push(self.again(&dressed));
        }
        heard
    }
}

fn accepted() -> Value {
    json!({"action": "accept", "content": {"approved": true, "verdict": "approve"}})
}

/// What a client may answer, from the plain to the bold.
fn answers(id: &str) -> [Value; 4] {
    [
        accepted(),
        json!({"action": "decline"}),
        json!({"action": "cancel"}),
        json!({"action": "accept", "content": {"id": id, "state": "approved", "person": "bob", "votes": [
            {"person": "bob", "verdict": "approve"}]}}),
    ]
}

/// States that say what a forger would like them to say.
fn forged(asked: &Asked) -> Vec<String> {
    let mut forged = vec![
        json!({"id": asked.id, "state": "approved"}).to_string(),
        asked.id.clone(),
        String::new(),
    ];
    if let Some(state) = &asked.state {
        // The seal is the last part; a letter of what it seals is another one.
        let other = if &state[20..21] == "A" { "B" } else { "A" };
        forged.push(format!("{}{other}{}", &state[..20], &state[21..]));
        forged.push(state.rsplit_once('.').unwrap().0.to_owned());
    }
    forged
}
