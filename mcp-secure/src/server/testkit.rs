//! A pipeline that tells what reached it, for tests of the transports.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::face::{Answering, AnsweringTask, Catalogue, Face, Shown, TaskWish};
use crate::approval::ApprovalId;
use crate::context::Progress;
use crate::identity::{
    AuthError, Authenticated, Authenticator, Credentials, Directory, People, Person, Sandbox,
};
use crate::pipeline::{
    Answer, Code, Incoming, NoTask, Refusal, ServerInfo, Target, TaskAsked, Transport,
};
use crate::tool::Output;
use crate::tool::spec::{Access, AnnotationSpec, Kind, LimitSpec, Risk, SourceSpec, ToolSpec};

const fn spec(name: &'static str, kind: Kind) -> ToolSpec {
    ToolSpec {
        kind,
        name,
        title: Some("A title"),
        description: "What it is for.",
        risk: Risk::Low,
        access: Access::Permission("test.call"),
        resource: None,
        approval: None,
        annotations: AnnotationSpec {
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: false,
        },
        dry_run: None,
        idempotency: None,
        rollback: None,
        irreversible: false,
        rate_limits: &[],
        limits: LimitSpec::DEFAULT,
        owner: Some("tests"),
        version: None,
        broad: None,
        inputs: &[],
        source: SourceSpec { package: "mcp-secure", file: "testkit.rs", line: 1 },
        house: &[],
    }
}

static ECHO: ToolSpec = spec("echo", Kind::Tool);
static SLOW: ToolSpec = spec("slow", Kind::Tool);
static DENIED: ToolSpec = spec("denied", Kind::Tool);
static SECRET: ToolSpec = spec("secret_tool", Kind::Tool);
static REVIEW: ToolSpec = spec("review", Kind::Prompt);
static ARTICLE: ToolSpec =
    spec("article", Kind::Resource { uri: "kb://articles/{slug}", mime_type: "text/markdown" });

/// What a call brought, for a test to look at.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) subject: String,
    pub(super) target: Target,
    pub(super) own_meta: Vec<String>,
    pub(super) client_info: Option<String>,
    pub(super) trace: Option<String>,
    pub(super) cancelled: tokio_util::sync::CancellationToken,
}

/// Takes `token-NAME` for a token of that person, `token-NAME~500` for one that ends in so many milliseconds, and the pipes
/// for `local`.
pub(super) struct Names {
    people: Directory,
    pub(super) local: Mutex<Option<String>>,
}

impl Authenticator for Names {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Authenticated, AuthError> {
        let local = self.local.lock().unwrap().clone();
        let (name, client) = match credentials {
            Credentials::Bearer(token) => (
                token.strip_prefix("token-").ok_or(AuthError::BadSignature)?.to_owned(),
                "http-client",
            ),
            Credentials::Local => (local.ok_or(AuthError::Missing)?, "stdio-host"),
        };
        let (name, life) = match name.split_once('~') {
            Some((name, millis)) => (name.to_owned(), millis.parse().ok()),
            None => (name, None),
        };
        let who = self
            .people
            .assert(&name, client, Sandbox::in_process())
            .map_err(|_| AuthError::UnknownIssuer)?;
        Ok(match life {
            Some(millis) => who.ending(Instant::now() + Duration::from_millis(millis)),
            None => who,
        })
    }
}

pub(super) struct Stub {
    info: ServerInfo,
    pub(super) names: Names,
    pub(super) seen: Mutex<Vec<Seen>>,
    pub(super) refused: Mutex<Vec<(AuthError, Transport)>>,
    pub(super) turned_away: Mutex<Vec<(String, u64)>>,
    pub(super) changes: tokio::sync::watch::Sender<u64>,
}

impl Stub {
    pub(super) fn new() -> Arc<Self> {
        let people = People::new()
            .with(Person::new("alice", "acme").roles(["support"]))
            .with(Person::new("mallory", "acme"))
            .with(Person::new("dave", "globex").roles(["support"]))
            .build()
            .unwrap();
        Arc::new(Self {
            info: ServerInfo {
                name: "stub".into(),
                version: "1.2.3".into(),
                owner: None,
                instructions: Some("Be careful.".into()),
            },
            names: Names { people, local: Mutex::new(Some("alice".into())) },
            seen: Mutex::default(),
            refused: Mutex::default(),
            turned_away: Mutex::default(),
            changes: tokio::sync::watch::Sender::new(0),
        })
    }

    pub(super) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

fn done(value: Value) -> Answer {
    Answer::Done {
        request_id: "req_1".into(),
        output: Output { structured: Some(value), blocks: vec![] },
    }
}

impl Face for Stub {
    fn call(self: Arc<Self>, incoming: Incoming) -> Answering {
        let subject = incoming.caller.subject.clone();
        self.seen.lock().unwrap().push(Seen {
            subject: subject.clone(),
            target: incoming.target.clone(),
            own_meta: incoming.own_meta.keys().cloned().collect(),
            client_info: incoming.client_info.clone(),
            trace: incoming.trace.clone(),
            cancelled: incoming.cancelled.clone(),
        });
        Box::pin(async move {
            match &incoming.target {
                Target::Tool(name) if name == "echo" => {
                    done(json!({"caller": subject, "arguments": incoming.arguments}))
                }
                Target::Tool(name) if name == "slow" => {
                    if let Some(progress) = &incoming.progress {
                        for step in 1..=2 {
                            let report =
                                Progress { done: f64::from(step), total: Some(2.0), message: None };
                            progress.send(report).unwrap();
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(300)) => done(json!({"slow": true})),
                        () = incoming.cancelled.cancelled() => done(json!({"cancelled": true})),
                    }
                }
                Target::Tool(name) if name == "denied" => Answer::Refused {
                    request_id: "req_1".into(),
                    refusal: Box::new(Refusal::new(
                        Code::PermissionDenied,
                        "policy does not permit this",
                    )),
                },
                Target::Prompt(name) if name == "review" => done(json!("Review it.")),
                Target::Resource(uri) if uri == "kb://articles/refunds" => done(json!("# Refunds")),
                _ => Answer::Unknown,
            }
        })
    }

    fn task(self: Arc<Self>, _: TaskAsked, _: TaskWish) -> AnsweringTask {
        Box::pin(std::future::ready(Err(NoTask::Unknown)))
    }

    fn asks_people(&self, _: Option<&str>) -> bool {
        false
    }

    fn has_inbox(&self) -> bool {
        false
    }

    fn until_decided(
        self: Arc<Self>,
        _: ApprovalId,
        until: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(tokio::time::sleep(until))
    }

    fn may_list(&self, _: &Authenticated) -> Result<(), (Arc<str>, Box<crate::pipeline::Refusal>)> {
        Ok(())
    }

    fn shown(&self, caller: &Authenticated, which: Catalogue) -> Vec<Shown> {
        if caller.roles.is_empty() {
            return vec![];
        }
        let specs: &[&'static ToolSpec] = match which {
            // Out of order, and one for the other tenant alone.
            Catalogue::Tools if caller.tenant == "globex" => &[&SECRET, &ECHO],
            Catalogue::Tools => &[&SLOW, &ECHO, &DENIED],
            Catalogue::Resources => &[&ARTICLE],
            Catalogue::Prompts => &[&REVIEW],
        };
        let schema = json!({"type": "object", "properties": {"text": {"type": "string", "description": "What."}},
            "required": ["text"]});
        let schema: Arc<Map<String, Value>> = Arc::new(schema.as_object().unwrap().clone());
        specs
            .iter()
            .map(|spec| Shown {
                spec,
                input_schema: Arc::clone(&schema),
                output_schema: None,
                preview_schema: None,
            })
            .collect()
    }

    fn declares(&self, _: Catalogue) -> bool {
        true
    }

    fn turned_away(&self, peer: &str, before: u64) {
        self.turned_away.lock().unwrap().push((peer.to_owned(), before));
    }

    fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn info(&self) -> &ServerInfo {
        &self.info
    }

    fn authenticator(&self) -> &dyn Authenticator {
        &self.names
    }

    fn unauthenticated(&self, why: AuthError, transport: Transport) {
        self.refused.lock().unwrap().push((why, transport));
    }
}
