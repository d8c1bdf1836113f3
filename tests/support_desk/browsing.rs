//! A browser's part over plain HTTP: cookies, forms and redirects, followed by hand.

use std::net::SocketAddr;

use crate::harness::{Request, Response};

#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    value: String,
    path: String,
    pub(crate) strict: bool,
}

/// A browser. Like any, it keeps one jar for all ports of this machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser(pub(crate) Vec<Cookie>);

/// What a link leads to.
pub(crate) fn split(url: &str, at: SocketAddr) -> (SocketAddr, String) {
    let Some(rest) = url.strip_prefix("http://") else { return (at, url.to_owned()) };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (host.parse().unwrap(), format!("/{path}"))
}

impl Browser {
    fn send(&mut self, to: SocketAddr, request: Request, path: &str, foreign: bool) -> Response {
        let path = path.split('?').next().unwrap();
        let sent = |cookie: &&Cookie| path.starts_with(&cookie.path) && !(foreign && cookie.strict);
        let pairs: Vec<String> =
            self.0.iter().filter(sent).map(|c| format!("{}={}", c.name, c.value)).collect();
        let response = request.header("cookie", &pairs.join("; ")).send(to);
        for (_, value) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.keep(value);
        }
        response
    }

    fn keep(&mut self, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let lower = header.to_ascii_lowercase();
        let attribute = |named: &str| {
            lower
                .split(&format!("{named}="))
                .nth(1)
                .map(|rest| rest.split(';').next().unwrap().trim().to_owned())
        };
        let path = header.split("ath=").nth(1).map_or("/", |rest| rest.split(';').next().unwrap());
        self.0.retain(|had| had.name != name || had.path != path);
        let over = attribute("max-age").as_deref() == Some("0")
            || attribute("expires").is_some_and(|at| at.contains("1970"));
        if !over {
            let strict = attribute("samesite").as_deref() == Some("strict");
            let (name, value, path) = (name.to_owned(), value.to_owned(), path.to_owned());
            self.0.push(Cookie { name, value, path, strict });
        }
    }

    pub(crate) fn get(&mut self, to: SocketAddr, path: &str) -> Response {
        self.send(
            to,
            Request::new("GET", path).header("sec-fetch-site", "same-origin"),
            path,
            false,
        )
    }

    /// A navigation that another site has begun.
    pub(crate) fn come(&mut self, to: SocketAddr, path: &str) -> Response {
        let request = Request::new("GET", path)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate");
        self.send(to, request, path, true)
    }

    pub(crate) fn post(&mut self, to: SocketAddr, path: &str, form: &[(&str, &str)]) -> Response {
        let form: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = Request::new("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &format!("http://{to}"))
            .header("sec-fetch-site", "same-origin")
            .body(form.join("&"));
        self.send(to, request, path, false)
    }

    /// Reads a request's page and presses one of its buttons.
    pub(crate) fn decide(&mut self, desk: SocketAddr, id: &str, verdict: &str) -> Response {
        let at = format!("/inbox/requests/{id}");
        let page = self.get(desk, &at);
        let field = |name: &str| {
            let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        let token = field("token").unwrap_or_default();
        let digest = field("digest").unwrap_or_default();
        let form = [("token", &*token), ("digest", &digest), ("reason", "seen")];
        self.post(desk, &format!("{at}/{verdict}"), &form)
    }

    pub(crate) fn is_signed_in(&mut self, desk: SocketAddr) -> bool {
        self.get(desk, "/inbox").status == 200
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}
