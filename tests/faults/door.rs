//! A server that people decide at, over the decision API or the inbox's form, and that may be killed while one of them does.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::book::PEOPLE;
use crate::desk::Desk;
use crate::http::{Reply, Request};
use crate::round::Dice;

/// How long a server lives at most after somebody has sent it the vote that it dies of.
const A_VOTE: u64 = 25;

/// What became of a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It counts.
    Counts,
    /// It does not, since somebody was quicker.
    TooLate,
    /// Nobody knows.
    Nothing,
}

/// How a vote goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Api,
    Inbox,
}

impl Way {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "decision API",
            Self::Inbox => "inbox",
        }
    }
}

/// What somebody has to show there. Both are kept in the folder or the store, so they outlive the server.
struct Badge {
    token: String,
    cookie: String,
}

/// The server, which is started when somebody comes and nobody is there.
pub(crate) struct Door {
    address: SocketAddr,
    server: Mutex<Option<Child>>,
    badges: OnceLock<[Badge; 2]>,
}

impl Door {
    pub(crate) fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        Self { address, server: Mutex::default(), badges: OnceLock::new() }
    }

    /// Votes as the one or the other on a request, as it is shown to them. The second is whether the server
    /// was killed in the middle.
    pub(crate) fn vote(
        &self,
        desk: &Desk<'_>,
        way: Way,
        me: usize,
        id: &str,
        denies: bool,
        dice: &mut Dice,
    ) -> (Said, bool) {
        self.open(desk);
        let badge = &self.badges.get_or_init(|| PEOPLE.map(|name| self.badge(desk, name)))[me];
        let verdict = if denies { "deny" } else { "approve" };
        let Some(digest) = self.digest(badge, id) else { return (Said::Nothing, false) };
        let mut killed = false;
        let dies = (dice.between(0, 3) == 0).then(|| dice.between(0, A_VOTE));
        let meanwhile = || {
            if let Some(after) = dies {
                std::thread::sleep(Duration::from_millis(after));
                killed = self.kill();
            }
        };
        let said = match way {
            Way::Api => self.by_api(badge, id, &digest, verdict, meanwhile),
            Way::Inbox => self.by_form(badge, id, &digest, verdict, meanwhile),
        };
        (said, killed)
    }

    /// What the request is shown under, which is not what the store keeps it under.
    fn digest(&self, badge: &Badge, id: &str) -> Option<String> {
        let bearer = format!("authorization: Bearer {}", badge.token);
        let reply = self.get(&format!("/approvals/v1/requests/{id}"), &bearer)?;
        (reply.status == 200).then(|| reply.json()["digest"].as_str().unwrap().to_owned())
    }

    fn by_api(
        &self,
        badge: &Badge,
        id: &str,
        digest: &str,
        verdict: &str,
        meanwhile: impl FnOnce(),
    ) -> Said {
        let body = json!({"digest": digest, "verdict": verdict, "reason": "seen"}).to_string();
        let reply = Request {
            method: "POST",
            path: &format!("/approvals/v1/requests/{id}/decision"),
            headers: &[
                format!("authorization: Bearer {}", badge.token),
                "content-type: application/json".to_owned(),
            ],
            body: &body,
        }
        .send(self.address, meanwhile);
        let Some(reply) = reply else { return Said::Nothing };
        match reply.status {
            200 => Said::Counts,
            409 => {
                let code = reply.json()["error"].clone();
                assert!(code == "already_voted" || code == "not_pending", "{id}: {reply:?}");
                Said::TooLate
            }
            429 | 503 | 504 => Said::Nothing,
            _ => panic!("{id}: {reply:?}"),
        }
    }

    fn by_form(
        &self,
        badge: &Badge,
        id: &str,
        digest: &str,
        verdict: &str,
        meanwhile: impl FnOnce(),
    ) -> Said {
        let cookie = format!("cookie: {}", badge.cookie);
        let page = self.get(&format!("/inbox/requests/{id}"), &cookie);
        let Some(page) = page.filter(|page| page.status != 503) else { return Said::Nothing };
        assert_eq!(page.status, 200, "{id}: {page:?}");
        // It was decided meanwhile, so that there is nothing to press.
        if !page.body.contains(&format!("/requests/{id}/{verdict}\"")) {
            return Said::TooLate;
        }
        assert_eq!(page.field("digest"), Some(digest), "{id}: {page:?}");
        let token = page.field("token").unwrap();
        let reply = Request {
            method: "POST",
            path: &format!("/inbox/requests/{id}/{verdict}"),
            headers: &[
                cookie,
                format!("origin: http://{}", self.address),
                "content-type: application/x-www-form-urlencoded".to_owned(),
            ],
            body: &format!("token={token}&digest={digest}&reason=seen"),
        }
        .send(self.address, meanwhile);
        let Some(reply) = reply else { return Said::Nothing };
        match reply.status {
            303 => {
                let decided = format!("/inbox/requests/{id}/decided");
                assert_eq!(reply.header("location"), Some(&*decided), "{id}: {reply:?}");
                Said::Counts
            }
            409 => Said::TooLate,
            503 => Said::Nothing,
            _ => panic!("{id}: {reply:?}"),
        }
    }

    fn get(&self, path: &str, header: &str) -> Option<Reply> {
        Request { method: "GET", path, headers: &[header.to_owned()], body: "" }
            .send(self.address, || ())
    }

    /// Starts the server unless it is there, and waits until it listens.
    fn open(&self, desk: &Desk<'_>) {
        let mut server = self.server.lock().unwrap();
        if server.is_some() {
            return;
        }
        let mut child = desk.serve_http(self.address);
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert_eq!(child.try_wait().unwrap(), None, "the server ended");
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        *server = Some(child);
    }

    /// `kill -9`. False where somebody else has.
    fn kill(&self) -> bool {
        let Some(mut child) = self.server.lock().unwrap().take() else { return false };
        child.kill().unwrap();
        child.wait().unwrap();
        true
    }

    /// A token that decides over HTTP, and a session of the inbox.
    fn badge(&self, desk: &Desk<'_>, name: &str) -> Badge {
        let said = |words: &[&str]| String::from_utf8(desk.run(words).stdout).unwrap();
        let token = said(&["token", "--as", name, "--for", "approvals"]).trim().to_owned();
        let link = said(&["inbox", "link", "--as", name]);
        let (_, path) = link.trim().split_once("/inbox/").unwrap();
        let reply = Request {
            method: "POST",
            path: &format!("/inbox/{path}"),
            headers: &[
                format!("origin: http://{}", self.address),
                "content-type: application/x-www-form-urlencoded".to_owned(),
            ],
            body: "",
        }
        .send(self.address, || ());
        let reply = reply.expect("nobody kills the server before the first vote");
        let cookie = reply.header("set-cookie").unwrap_or_else(|| panic!("{reply:?}"));
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Badge { token, cookie }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.kill();
    }
}
