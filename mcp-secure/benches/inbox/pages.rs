//! What people wait for: pages, and decisions by form and by program.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::desk::{Desk, Server};
use crate::took::{Took, took};
use crate::wire::{Reply, Wire};

/// A person's browser, signed in.
pub(crate) struct Browser {
    wire: Wire,
    cookie: String,
    origin: String,
}

impl Browser {
    /// Signs `name` in over a one-time link.
    pub(crate) fn sign_in(desk: &Desk, server: &Server, name: &str) -> Self {
        let origin = format!("http://{}", server.address);
        let link = desk.run(&["inbox", "link", "--as", name, "--inbox-url", &origin]);
        let path = link.strip_prefix(&origin).unwrap().to_owned();
        let mut browser = Self { wire: Wire::to(server.address), cookie: String::new(), origin };
        browser.get(&path);
        let reply = browser.post(&path, "").with(303);
        let cookie = reply.header("set-cookie").unwrap();
        browser.cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
        browser
    }

    pub(crate) fn get(&mut self, path: &str) -> String {
        self.wire.ask("GET", path, &self.cookie, "").with(200).body
    }

    fn post(&mut self, path: &str, form: &str) -> Reply {
        let headers = format!(
            "{}origin: {}\r\nsec-fetch-site: same-origin\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            self.cookie, self.origin
        );
        self.wire.ask("POST", path, &headers, form)
    }

    /// How long a page takes, again and again.
    pub(crate) fn page(&mut self, name: &str, path: &str, times: usize) -> Took {
        let mut all = Vec::new();
        for _ in 0..times {
            let begun = Instant::now();
            let page = self.get(path);
            all.push(begun.elapsed());
            assert!(page.ends_with("</html>") || page.ends_with("</div>"), "a whole page");
        }
        took(name, all)
    }

    /// The addresses of the requests that a list leads to, and of its next page.
    pub(crate) fn list(&mut self, path: &str) -> (Vec<String>, Option<String>) {
        let page = self.get(path);
        let led = |begin: &str| -> Vec<String> {
            page.match_indices(begin)
                .map(|(at, _)| {
                    let rest = &page[at + "href=\"".len()..];
                    rest[..rest.find('"').unwrap()].replace("&amp;", "&")
                })
                .collect()
        };
        let next = led("href=\"").into_iter().find(|link| link.contains("after="));
        (led("href=\"/inbox/requests/"), next)
    }

    /// Reads a request and decides it: the time that the decision itself takes.
    pub(crate) fn decide(&mut self, request: &str, verdict: &str) -> Duration {
        let page = self.get(request);
        let (token, digest) = (hidden(&page, "token"), hidden(&page, "digest"));
        let form = format!("token={token}&digest={digest}&reason=seen+the+order");
        let begun = Instant::now();
        let reply = self.post(&format!("{request}/{verdict}"), &form);
        let took = begun.elapsed();
        reply.with(303);
        took
    }
}

fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let field = format!("name=\"{name}\" value=\"");
    let at = page.find(&field).unwrap_or_else(|| panic!("no `{name}` in {page}")) + field.len();
    page[at..].split('"').next().unwrap()
}

/// A program that decides over HTTP.
pub(crate) struct Decider {
    wire: Wire,
    headers: String,
    last: Instant,
}

/// The API answers twenty requests of one account a second.
const PACE: Duration = Duration::from_millis(60);

impl Decider {
    pub(crate) fn new(desk: &Desk, server: &Server, name: &str) -> Self {
        let token = desk.run(&["token", "--as", name, "--for", "approvals"]);
        let headers =
            format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
        Self { wire: Wire::to(server.address), headers, last: Instant::now() }
    }

    /// The digest that a decision on this request names.
    pub(crate) fn digest(&mut self, id: &str) -> String {
        self.paced();
        let path = format!("/approvals/v1/requests/{id}");
        let shown = self.wire.ask("GET", &path, &self.headers, "").with(200).json();
        shown["digest"].as_str().unwrap().to_owned()
    }

    /// Decides: the time that takes.
    pub(crate) fn decide(&mut self, id: &str, digest: &str, verdict: &str) -> Duration {
        self.paced();
        let body = json!({"digest": digest, "verdict": verdict, "reason": "seen the order"});
        let path = format!("/approvals/v1/requests/{id}/decision");
        let begun = Instant::now();
        let reply = self.wire.ask("POST", &path, &self.headers, &body.to_string());
        let took = begun.elapsed();
        reply.with(200);
        took
    }

    fn paced(&mut self) {
        std::thread::sleep(PACE.saturating_sub(self.last.elapsed()));
        self.last = Instant::now();
    }
}
