//! The cookie that a session is held by (RFC 6265).

use axum::http::{HeaderMap, HeaderValue, header};

use super::base::{Base, PATH};
use super::secret::Secret;

/// A cookie of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Who is signed in. It does not come along from another site.
    Session,
    /// A sign-in with an issuer that is under way. It has to come along when the issuer's page sends the browser back.
    SignIn,
}

impl Cookie {
    /// Over `https` its name says what holds of it: only this host, over `https`, can have set it.
    const fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Host-mcp-secure-inbox",
            (Self::Session, false) => "mcp-secure-inbox",
            (Self::SignIn, true) => "__Host-mcp-secure-inbox-sign-in",
            (Self::SignIn, false) => "mcp-secure-inbox-sign-in",
        }
    }

    /// The secret that came along. Two cookies of the name are none: one of them is somebody else's.
    pub(super) fn read(self, base: &Base, headers: &HeaderMap) -> Option<Secret> {
        let name = self.name(base.is_https());
        let mut found = None;
        for value in headers.get_all(header::COOKIE) {
            let pairs =
                value.to_str().ok()?.split(';').filter_map(|pair| pair.trim().split_once('='));
            for (_, value) in pairs.filter(|(key, _)| *key == name) {
                if found.replace(value).is_some() {
                    return None;
                }
            }
        }
        Secret::parse(found?)
    }

    /// Hands a secret out for `seconds`.
    pub(super) fn set(self, base: &Base, secret: &Secret, seconds: u64) -> Option<HeaderValue> {
        self.header(base, &secret.reveal(), seconds)
    }

    /// Takes it back.
    pub(super) fn clear(self, base: &Base) -> Option<HeaderValue> {
        self.header(base, "", 0)
    }

    fn header(self, base: &Base, value: &str, seconds: u64) -> Option<HeaderValue> {
        let name = self.name(base.is_https());
        // The prefix asks for the whole host.
        let (path, secure) = if base.is_https() { ("/", "; Secure") } else { (PATH, "") };
        let site = match self {
            Self::Session => "Strict",
            Self::SignIn => "Lax",
        };
        let text = format!(
            "{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}"
        );
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for cookie in cookies {
            map.append(header::COOKIE, cookie.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_session_is_one_cookie_of_the_very_name() {
        let secret = Secret::fresh().unwrap();
        let text = secret.reveal();
        let local = Base::parse("http://127.0.0.1:1").unwrap();
        let https = Base::parse("https://desk.example.com").unwrap();
        let plain = format!("mcp-secure-inbox={text}");
        let hosted = format!("__Host-mcp-secure-inbox={text}");
        let read = |base: &Base, cookies: &[&str]| Cookie::Session.read(base, &headers(cookies));
        assert_eq!(read(&local, &[&plain]), Some(secret.clone()));
        assert_eq!(read(&local, &[&format!("a=b; {plain}; c=d")]), Some(secret.clone()));
        assert_eq!(read(&https, &[&hosted]), Some(secret));
        assert_eq!(read(&https, &[&plain]), None, "anybody could have set it");
        assert_eq!(read(&local, &[&hosted]), None);
        assert_eq!(read(&local, &[&plain, &plain]), None);
        assert_eq!(read(&local, &[&format!("{plain}; {plain}")]), None);
        assert_eq!(read(&local, &["mcp-secure-inbox=\"x\""]), None);
        assert_eq!(Cookie::SignIn.read(&local, &headers(&[&plain])), None);
    }
}
