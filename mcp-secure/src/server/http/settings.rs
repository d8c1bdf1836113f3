use std::net::SocketAddr;
use std::time::Duration;

use super::peers::Peer;
use crate::limit::Quota;
use crate::server::MAX_MESSAGE_BYTES;

/// How to serve over HTTP. The defaults are for one machine.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) addr: SocketAddr,
    /// Where the inbox has a listener of its own.
    pub(crate) inbox: Option<SocketAddr>,
    /// Set to serve beyond this machine.
    pub(crate) public: Option<PublicHttp>,
    /// Whether tokens come from an issuer of real people, not from the local one.
    pub(crate) real_issuer: bool,
    /// Where the protected-resource metadata is (RFC 9728), told in challenges.
    pub(crate) resource_metadata: Option<String>,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_connections: usize,
    /// How long a client may take for its request's headers, and between two requests.
    pub(crate) header_timeout: Duration,
    /// How long a client may take for its request's body.
    pub(crate) body_timeout: Duration,
    /// Sessions of legacy protocol versions, all together.
    pub(crate) max_sessions: usize,
    /// Sessions of legacy protocol versions that one principal may hold.
    pub(crate) max_sessions_each: usize,
    /// Whether a client of before 2026-07-28 gets a session. Without, each of its requests stands alone, so that any
    /// replica answers it.
    pub(crate) sessions: bool,
    /// How many requests of one address are looked at, whoever it proves to be. A loopback address has no limit: behind it
    /// is this machine, or a proxy for everybody.
    pub(crate) requests_per_peer: Option<Quota>,
    /// How many connections one address may hold open. A loopback address has no limit, as with requests.
    pub(crate) connections_per_peer: Option<u32>,
    /// Holds loopback addresses to both, which only a test wants.
    pub(crate) loopback_is_limited: bool,
    /// How many requests of one address may prove nothing and be recorded one by one; beyond it they are counted.
    pub(crate) strangers_per_peer: Quota,
    /// How long calls under way may take once the server is told to stop.
    pub(crate) drain: Duration,
}

/// What a server beyond this machine is called from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PublicHttp {
    /// Host names, with a port if only that port counts.
    pub(crate) hosts: Vec<String>,
    /// Origins of web pages that may call (`https://app.example.com`). Usually none.
    pub(crate) origins: Vec<String>,
}

impl HttpSettings {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            inbox: None,
            public: None,
            real_issuer: false,
            resource_metadata: None,
            max_body_bytes: MAX_MESSAGE_BYTES,
            max_connections: 1024,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(15),
            max_sessions: 1024,
            max_sessions_each: 64,
            sessions: true,
            requests_per_peer: Some(Quota::per_second(500).burst(2000)),
            connections_per_peer: Some(256),
            loopback_is_limited: false,
            strangers_per_peer: Quota::per_second(1).burst(60),
            drain: Duration::from_secs(10),
        }
    }

    /// Whether the limits of one address are not for this one.
    pub(super) fn spares(&self, peer: Peer) -> bool {
        peer.0.is_loopback() && !self.loopback_is_limited
    }

    /// A server that others can reach needs an issuer of real people, and somebody who said so.
    pub(super) fn check(&self) -> Result<(), HttpError> {
        if self.addr.ip().is_loopback() && self.public.is_none() {
            return Ok(());
        }
        let Some(public) = &self.public else {
            return Err(HttpError::NotPublic { addr: self.addr });
        };
        if !self.real_issuer {
            return Err(HttpError::LocalIssuer { addr: self.addr });
        }
        if public.hosts.is_empty() {
            return Err(HttpError::NoHosts);
        }
        Ok(())
    }
}

/// Why there is no HTTP server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(
        "`{addr}` can be reached from other machines; serve on `127.0.0.1`, or declare the server public with the host names it is called by"
    )]
    NotPublic { addr: SocketAddr },
    #[error(
        "a public server on `{addr}` needs an issuer of real people; tokens of the local issuer are for development on one machine"
    )]
    LocalIssuer { addr: SocketAddr },
    #[error("a public server needs the host names it is called by; name at least one")]
    NoHosts,
    #[error("can not listen on `{addr}`: {source}; name a free address, or port 0 for any")]
    Bind { addr: SocketAddr, source: std::io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_others_can_reach_is_refused_unless_declared_with_a_real_issuer() {
        let mut settings = HttpSettings::new("0.0.0.0:0".parse().unwrap());
        assert!(matches!(settings.check(), Err(HttpError::NotPublic { .. })));
        settings.public =
            Some(PublicHttp { hosts: vec!["mcp.example.com".into()], origins: vec![] });
        assert!(matches!(settings.check(), Err(HttpError::LocalIssuer { .. })));
        settings.real_issuer = true;
        assert!(settings.check().is_ok());
        settings.public = Some(PublicHttp::default());
        assert!(matches!(settings.check(), Err(HttpError::NoHosts)));
    }

    #[test]
    fn loopback_needs_nothing() {
        assert!(HttpSettings::new("127.0.0.1:0".parse().unwrap()).check().is_ok());
        assert!(HttpSettings::new("[::1]:0".parse().unwrap()).check().is_ok());
    }
}
