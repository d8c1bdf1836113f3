//! Where the inbox is, as a browser sees it.

use std::net::SocketAddr;

/// Everything of the inbox is below this path.
pub(crate) const PATH: &str = "/inbox";

/// Scheme, host and port, without a path: an origin (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    origin: String,
    https: bool,
}

/// The text is no address of an inbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotABase {
    #[error(
        "the `url` of the inbox is `https://` and a host name, as `https://desk.example.com`, without a path"
    )]
    Form,
    #[error(
        "the `url` of the inbox has to be `https`: over `http` everybody on the way could read who is signed in; put a \
         proxy with TLS before the server"
    )]
    NotHttps,
}

impl Base {
    /// Reads what an operator set. `http` is for the names of this machine alone.
    pub(crate) fn parse(url: &str) -> Result<Self, NotABase> {
        let lower = url.trim().to_ascii_lowercase();
        let (scheme, rest) = lower.split_once("://").ok_or(NotABase::Form)?;
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let authority: http::uri::Authority = host.parse().map_err(|_| NotABase::Form)?;
        let bad = |c: char| !(c.is_ascii_alphanumeric() || "-.:[]".contains(c));
        if authority.host().is_empty() || host.contains(bad) {
            return Err(NotABase::Form);
        }
        let local = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
        // As browsers write an origin: without the port that goes without saying.
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(usual).unwrap_or(host);
        match scheme {
            "https" => Ok(Self { origin: format!("https://{host}"), https: true }),
            "http" if local => Ok(Self { origin: format!("http://{host}"), https: false }),
            "http" => Err(NotABase::NotHttps),
            _ => Err(NotABase::Form),
        }
    }

    /// A listener of this machine.
    pub(crate) fn of(addr: SocketAddr) -> Self {
        Self { origin: format!("http://{addr}"), https: false }
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port, as a `Host` header names them.
    pub(crate) fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    pub(crate) const fn is_https(&self) -> bool {
        self.https
    }

    /// The inbox's front page.
    pub(crate) fn front(&self) -> String {
        format!("{}{PATH}", self.origin)
    }
}

/// Whether a request for this path is for the inbox.
pub(crate) fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_origin_and_nothing_more() {
        let base = Base::parse("https://Desk.Example.com:8443/").unwrap();
        assert_eq!(base.front(), "https://desk.example.com:8443/inbox");
        assert_eq!(base.authority(), "desk.example.com:8443");
        assert!(!Base::parse("http://127.0.0.1:8080").unwrap().is_https());
        assert_eq!(
            Base::parse("https://desk.example:443").unwrap().origin(),
            "https://desk.example"
        );
        assert_eq!(Base::parse("http://localhost:80").unwrap().origin(), "http://localhost");
        assert_eq!(Base::parse("http://[::1]:80").unwrap().origin(), "http://[::1]");
        for odd in [
            "desk.example.com",
            "https://",
            "https:///x",
            "https://a/b",
            "https://a?b",
            "https://user@a",
            "ftp://a",
            "https://a b",
            "https://a\"><script>",
            "",
        ] {
            assert_eq!(Base::parse(odd), Err(NotABase::Form), "{odd}");
        }
        assert_eq!(Base::parse("http://desk.example.com"), Err(NotABase::NotHttps));
    }

    #[test]
    fn the_inbox_owns_its_path_and_no_longer_word() {
        assert!(owns("/inbox") && owns("/inbox/") && owns("/inbox/requests/x"));
        assert!(!owns("/inboxes") && !owns("/") && !owns("/mcp") && !owns("/x/inbox"));
    }
}
