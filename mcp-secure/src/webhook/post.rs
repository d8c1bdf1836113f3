//! One attempt: a POST to where the target is, and nowhere else.

use super::address::Reach;
use super::check::Aim;
use super::resolve::{Guarded, Names, NotAllowed};
use crate::catalog::StartFault;
use crate::clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Client, Response, Url, redirect, retry};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Why an attempt failed. It holds nothing that the other side said but the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The name leads where the target may not be.
    Address,
    /// The name leads nowhere, as far as this system knows.
    Name,
    /// The other side can not prove who it is.
    Certificate,
    /// Nobody answers there.
    Connect,
    /// It took too long.
    TimedOut,
    /// An answer that is no 2xx. A redirection is one of these: it is not followed.
    Status(u16),
    /// The connection broke, or what came is no HTTP.
    Broken,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address => f.write_str("its name leads to an address that is not allowed"),
            Self::Name => f.write_str("its name can not be looked up"),
            Self::Certificate => f.write_str("it has no certificate that this system trusts"),
            Self::Connect => f.write_str("nobody answers at its address"),
            Self::TimedOut => f.write_str("it took too long"),
            Self::Status(status) => write!(f, "it answered {status}"),
            Self::Broken => f.write_str("the connection broke"),
        }
    }
}

/// A failed attempt, and how long the other side wants to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) why: Failure,
    pub(super) retry_after: Option<Duration>,
}

/// The way to one target.
pub(super) struct Post {
    client: Client,
    url: Url,
    timeout: Duration,
}

impl Post {
    pub(super) fn new(
        aim: &Aim,
        names: Arc<dyn Names>,
        tls: ClientConfig,
        timeout: Duration,
    ) -> Result<Self, StartFault> {
        let client = Client::builder()
            .dns_resolver(Guarded { names, reach: aim.reach })
            .https_only(aim.reach != Reach::Loopback)
            .redirect(redirect::Policy::none())
            // Another server in between would be connected to in place of the address that was looked at.
            .no_proxy()
            .retry(retry::never())
            .tls_backend_preconfigured(tls)
            .http1_only()
            .referer(false)
            // Each message goes over a connection of its own, to an address that was looked at for it.
            .pool_max_idle_per_host(0)
            .connect_timeout(timeout)
            .timeout(timeout)
            .user_agent(concat!("mcp-secure/", env!("CARGO_PKG_VERSION")))
            .build();
        match client {
            Ok(client) => Ok(Self { client, url: aim.url.clone(), timeout }),
            Err(error) => Err(StartFault::server(format!(
                "webhook `{}`: its client can not be made: {}",
                aim.name,
                error.without_url()
            ))),
        }
    }

    /// Sends one message. Of the answer only the status and `Retry-After` are looked at, and its body is never read.
    pub(super) async fn send(
        &self,
        headers: HeaderMap,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let request = self.client.post(self.url.clone()).headers(headers).body(body);
        // Once more around it all: what the client does not count into its own limit counts here.
        let answer = match tokio::time::timeout(self.timeout, request.send()).await {
            Ok(answer) => {
                answer.map_err(|error| Failed { why: cause(&error), retry_after: None })?
            }
            Err(_) => return Err(Failed { why: Failure::TimedOut, retry_after: None }),
        };
        if answer.status().is_success() {
            return Ok(());
        }
        Err(Failed {
            why: Failure::Status(answer.status().as_u16()),
            retry_after: retry_after(&answer, now),
        })
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3).
fn retry_after(answer: &Response, now: Timestamp) -> Option<Duration> {
    let said = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = said.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(said, &Rfc2822).ok()?;
    u64::try_from(date.unix_timestamp().saturating_sub(now.seconds())).ok().map(Duration::from_secs)
}

/// What an error is, without its text: that may hold the URL.
fn cause(error: &reqwest::Error) -> Failure {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = next {
        if one.is::<NotAllowed>() {
            return Failure::Address;
        }
        if one.is::<rustls::Error>() {
            return Failure::Certificate;
        }
        // An error of input and output does not count what it holds among its sources.
        let held = one.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => one.source(),
        };
    }
    match () {
        () if error.is_timeout() => Failure::TimedOut,
        () if error.is_dns() => Failure::Name,
        () if error.is_connect() => Failure::Connect,
        () => Failure::Broken,
    }
}

/// The headers of a message, where every value can be one.
pub(super) fn headers<const N: usize>(values: [(&'static str, &str); N]) -> Option<HeaderMap> {
    let pair =
        |(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?));
    values.into_iter().map(pair).collect()
}
