//! The places where people decide, behind one face.

use std::process::Command;

use serde_json::{Value, json};

use crate::browsing::Browser;
use crate::harness::{Desk, Finished, Request, Response, Server, program};

/// Where somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the command line, on the server's machine.
    Here,
    /// On the command line, at a server elsewhere.
    Elsewhere,
    /// By the API.
    Api,
    /// On the pages of the inbox.
    Inbox,
}

/// What somebody decides on a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Decision<'a> {
    /// The request.
    pub(super) id: &'a str,
    /// `approve`, `deny`, or what an attack makes of it.
    pub(super) verdict: &'a str,
    /// The digest that it is said to have been shown under; left out, as it is shown.
    pub(super) digest: Option<&'a str>,
    /// Something more that is sent with it, as a name and what it says.
    pub(super) more: Option<(&'a str, &'a str)>,
}

/// How a place takes it.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// Whether the place says that it counts.
    pub(super) counts: bool,
    /// Everything it says.
    pub(super) says: String,
}

impl Taken {
    fn ran(finished: &Finished) -> Self {
        assert!(matches!(finished.status.code(), Some(0..=2)), "{finished:#?}");
        let says = format!("{}{}", finished.stdout, finished.stderr);
        Self { counts: finished.status.success(), says }
    }

    fn answered(response: Response) -> Self {
        assert!(response.status < 500 || response.status == 503, "{response:#?}");
        Self { counts: response.status < 400, says: response.body }
    }
}

/// The digest that somebody names who was shown none.
const UNSEEN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Place {
    pub(super) const ALL: [Self; 4] = [Self::Here, Self::Elsewhere, Self::Api, Self::Inbox];

    /// Somebody decides.
    pub(super) fn decide(
        self,
        desk: &Desk,
        server: &Server,
        who: &str,
        on: &Decision<'_>,
    ) -> Taken {
        match self {
            Self::Here => {
                let words = [words(on), vec!["--as".to_owned(), who.to_owned()]].concat();
                Taken::ran(&Finished::of(desk.command(&[]).args(words)))
            }
            Self::Elsewhere => {
                Taken::ran(&Finished::of(at(server, &desk.decision_token(who)).args(words(on))))
            }
            Self::Api => {
                let token = desk.decision_token(who);
                let path = format!("requests/{}", on.id);
                let shown: Value =
                    serde_json::from_str(&api(server, &token, "GET", &path, None).body).unwrap();
                let shown = shown["digest"].as_str().unwrap_or(UNSEEN);
                let digest = on.digest.unwrap_or(shown);
                let mut body = json!({"digest": digest, "verdict": on.verdict, "reason": "seen"});
                if let Some((name, says)) = on.more {
                    body[name] = json!(says);
                }
                let path = format!("{path}/decision");
                Taken::answered(api(server, &token, "POST", &path, Some(&body)))
            }
            Self::Inbox => {
                let mut browser = signed_in(desk, server, who);
                let page = page_of(on.id);
                let mut form = Form::of(&browser.get(server.address, &page));
                if form.token.is_empty() {
                    // Of a request that they do not see they know no more than somebody told them.
                    form = Form::of(&browser.get(server.address, "/inbox"));
                    form.digest = UNSEEN.to_owned();
                }
                let digest = on.digest.unwrap_or(&form.digest);
                let mut fields =
                    vec![("token", &*form.token), ("digest", digest), ("reason", "seen")];
                fields.extend(on.more);
                let action = format!("{page}/{}", on.verdict);
                Taken::answered(browser.post(server.address, &action, &fields))
            }
        }
    }

    /// What somebody is shown of a request; nothing where it is not there for them.
    pub(super) fn shows(self, desk: &Desk, server: &Server, who: &str, id: &str) -> Option<String> {
        let show = ["approvals", "show", id, "--format", "table"];
        let taken = match self {
            Self::Here => Taken::ran(&desk.run(&[&show[..], &["--as", who]].concat())),
            Self::Elsewhere => {
                Taken::ran(&Finished::of(at(server, &desk.decision_token(who)).args(show)))
            }
            Self::Api => {
                let token = desk.decision_token(who);
                Taken::answered(api(server, &token, "GET", &format!("requests/{id}"), None))
            }
            Self::Inbox => {
                Taken::answered(signed_in(desk, server, who).get(server.address, &page_of(id)))
            }
        };
        taken.counts.then_some(taken.says)
    }
}

fn words(on: &Decision<'_>) -> Vec<String> {
    let mut words: Vec<String> =
        ["approvals", on.verdict, on.id, "--reason", "seen", "--format", "json"]
            .map(ToOwned::to_owned)
            .to_vec();
    words.extend(on.digest.iter().flat_map(|digest| ["--digest".to_owned(), (*digest).to_owned()]));
    words.extend(on.more.iter().flat_map(|(name, says)| [format!("--{name}"), (*says).to_owned()]));
    words
}

/// The command line at a server elsewhere.
pub(super) fn at(server: &Server, token: &str) -> Command {
    let mut command = Command::new(program());
    command.env_clear().env("MCP_SECURE_SERVER", format!("http://{}", server.address));
    command.env("MCP_SECURE_TOKEN", token);
    command
}

/// One request to the API.
pub(super) fn api(
    server: &Server,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Response {
    let request = Request::new(method, &format!("/approvals/v1/{path}"))
        .header("authorization", &format!("Bearer {token}"))
        .header("content-type", "application/json");
    request.body(body.map(ToString::to_string).unwrap_or_default()).send(server.address)
}

pub(super) fn page_of(id: &str) -> String {
    format!("/inbox/requests/{id}")
}

/// A browser in which somebody has signed in by a one-time link.
pub(super) fn signed_in(desk: &Desk, server: &Server, who: &str) -> Browser {
    let base = format!("http://{}", server.address);
    let link = desk.run(&["inbox", "link", "--as", who, "--inbox-url", &base]);
    let link = link.succeeded().stdout.trim().to_owned();
    let mut browser = Browser::default();
    browser.post(server.address, link.strip_prefix(&base).unwrap(), &[]);
    assert!(browser.is_signed_in(server.address), "{who}");
    browser
}

/// What a page's form sends with a decision; empty where the page has none.
pub(super) struct Form {
    pub(super) token: String,
    pub(super) digest: String,
}

impl Form {
    pub(super) fn of(page: &Response) -> Self {
        let field = |name: &str| {
            let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        let [token, digest] = ["token", "digest"].map(|name| field(name).unwrap_or_default());
        Self { token, digest }
    }
}
