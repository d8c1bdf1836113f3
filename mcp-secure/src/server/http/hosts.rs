//! Which names this server answers to, and which web pages may talk to it. Checked before anything else, on every path.

use std::net::SocketAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use super::settings::HttpSettings;
use crate::inbox::Base;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names and origins that are let in.
#[derive(Debug)]
pub(super) struct Hosts {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Hosts {
    /// Those that were declared; on loopback its names, and as origins only the server itself.
    pub(super) fn new(settings: &HttpSettings, addr: SocketAddr) -> Self {
        if let Some(public) = &settings.public {
            return Self {
                hosts: public.hosts.iter().map(|h| h.to_ascii_lowercase()).collect(),
                origins: public
                    .origins
                    .iter()
                    .map(|o| with_port(&o.to_ascii_lowercase()))
                    .collect(),
            };
        }
        let origin = |host: &&str| format!("http://{host}:{}", addr.port());
        Self {
            hosts: LOOPBACK.iter().map(ToString::to_string).collect(),
            origins: LOOPBACK.iter().map(origin).collect(),
        }
    }

    /// Those of the inbox: where it has an address of its own, that one, and on this machine the names that a proxy in
    /// front may use; forms come from that very origin.
    pub(super) fn of_inbox(settings: &HttpSettings, addr: SocketAddr, base: Option<&Base>) -> Self {
        let Some(base) = base else {
            return Self::new(&HttpSettings { public: None, ..settings.clone() }, addr);
        };
        let local = addr.ip().is_loopback().then_some(LOOPBACK).into_iter().flatten();
        Self {
            hosts: local.chain([base.authority()]).map(ToOwned::to_owned).collect(),
            origins: vec![with_port(base.origin())],
        }
    }

    pub(super) fn allowed_hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    pub(super) fn allowed_origins(&self) -> Vec<String> {
        self.origins.clone()
    }

    /// Whether the request names this server, and no page of another site sent it.
    pub(super) fn admits(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        let host = only(headers, &header::HOST)?.ok_or("the `Host` header is missing")?;
        let host: Authority = host.parse().map_err(|_| "the `Host` header is not allowed")?;
        let addressed = uri.authority().is_none_or(|authority| self.knows(authority));
        if !addressed || !self.knows(&host) {
            return Err("the `Host` header is not allowed");
        }
        match only(headers, &header::ORIGIN)? {
            None => Ok(()),
            Some(origin) if self.origins.contains(&with_port(&origin.to_ascii_lowercase())) => {
                Ok(())
            }
            Some(_) => Err("the `Origin` header is not allowed"),
        }
    }

    fn knows(&self, authority: &Authority) -> bool {
        let (host, whole) = (authority.host(), authority.as_str());
        // A user part (`good@evil`) is in no list.
        self.hosts.iter().any(|known| {
            known.eq_ignore_ascii_case(whole)
                || (known.eq_ignore_ascii_case(host) && !whole.contains('@'))
        })
    }
}

/// The header's one value. Two values are one too many: who comes after might read the other.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("a header that may come once came twice");
    }
    first.to_str().map(Some).map_err(|_| "a header is not text")
}

/// An origin leaves out the port its scheme implies (RFC 6454 section 4).
fn with_port(origin: &str) -> String {
    let Some((scheme, rest)) = origin.split_once("://") else { return origin.to_owned() };
    let has_port = rest
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    match (has_port, scheme) {
        (false, "http") => format!("{origin}:80"),
        (false, "https") => format!("{origin}:443"),
        _ => origin.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::settings::PublicHttp;

    fn verdict(hosts: &Hosts, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        hosts.admits(&Uri::from_static("/mcp"), &map).is_ok()
    }

    #[test]
    fn b27_a_hostile_origin_with_a_good_host_is_not_let_in() {
        let addr: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let hosts = Hosts::new(&HttpSettings::new(addr), addr);
        let good = ("host", "127.0.0.1:8080");
        assert!(verdict(&hosts, &[good]));
        assert!(verdict(&hosts, &[good, ("origin", "http://localhost:8080")]));
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:9999",
            "https://localhost:8080",
            "",
            "*",
        ] {
            assert!(!verdict(&hosts, &[good, ("origin", origin)]), "{origin}");
        }
        assert!(!verdict(
            &hosts,
            &[good, ("origin", "http://localhost:8080"), ("origin", "http://evil.example")]
        ));
    }

    #[test]
    fn a_name_that_was_rebound_to_this_machine_is_not_let_in() {
        let addr: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let hosts = Hosts::new(&HttpSettings::new(addr), addr);
        for host in [
            "evil.example",
            "localhost.evil.example:8080",
            "127.0.0.1@evil.example",
            "evil@127.0.0.1",
            "a b",
            "",
        ] {
            assert!(!verdict(&hosts, &[("host", host)]), "{host}");
        }
        assert!(!verdict(&hosts, &[]));
        assert!(verdict(&hosts, &[("host", "[::1]:8080")]));
        assert!(verdict(&hosts, &[("host", "LOCALHOST")]));
    }

    #[test]
    fn a_public_server_answers_to_its_declared_names_alone() {
        let addr: SocketAddr = "0.0.0.0:443".parse().unwrap();
        let mut settings = HttpSettings::new(addr);
        settings.public = Some(PublicHttp {
            hosts: vec!["mcp.example.com".into(), "other.example.com:8443".into()],
            origins: vec!["https://app.example.com".into()],
        });
        let hosts = Hosts::new(&settings, addr);
        assert!(verdict(
            &hosts,
            &[("host", "mcp.example.com"), ("origin", "https://app.example.com")]
        ));
        assert!(verdict(
            &hosts,
            &[("host", "mcp.example.com"), ("origin", "https://app.example.com:443")]
        ));
        assert!(verdict(&hosts, &[("host", "other.example.com:8443")]));
        assert!(!verdict(&hosts, &[("host", "other.example.com:1")]));
        assert!(!verdict(&hosts, &[("host", "localhost")]));
    }
}
