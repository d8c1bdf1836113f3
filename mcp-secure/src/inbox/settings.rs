use std::net::SocketAddr;
use std::time::Duration;

use super::base::{Base, NotABase};
#[cfg(feature = "oidc")]
use crate::identity::Oidc;

/// The web page on which people decide, as an application sets it up.
///
/// It is on by default wherever the server speaks HTTP, at `/inbox` of the same address. For real people it takes an
/// `OpenID` provider at which they sign in (`sign_in`, feature `oidc`) and, behind a proxy, the [`url`](Self::url) that they
/// type. Faults in it are told when the server starts, and by its `check` command.
///
/// ```
/// use std::time::Duration;
/// use mcp_secure::inbox::Inbox;
///
/// let inbox = Inbox::new()
///     .url("https://desk.example.com")
///     .idle(Duration::from_secs(15 * 60))
///     .longest(Duration::from_secs(4 * 3600));
/// # drop(inbox);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Inbox {
    pub(crate) on: bool,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) url: Option<String>,
    pub(crate) idle: Duration,
    pub(crate) longest: Duration,
    pub(crate) link: Duration,
    #[cfg(feature = "oidc")]
    pub(crate) provider: Option<Oidc>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            on: true,
            listen: None,
            url: None,
            idle: Duration::from_secs(30 * 60),
            longest: Duration::from_secs(8 * 3600),
            link: Duration::from_secs(10 * 60),
            #[cfg(feature = "oidc")]
            provider: None,
        }
    }
}

impl Inbox {
    /// The inbox as it is unless said otherwise.
    pub fn new() -> Self {
        Self::default()
    }

    /// No inbox. Requests are then decided on the command line and over the decision API.
    pub fn off(mut self) -> Self {
        self.on = false;
        self
    }

    /// Serves it on an address of its own, and nothing else there but `/healthz`. An address that other machines reach takes an
    /// [`url`](Self::url) with `https`.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = Some(addr);
        self
    }

    /// What people type to reach it, without a path: `https://desk.example.com`. The inbox is then at
    /// `https://desk.example.com/inbox`. Unless said it is the address of the listener, which has to be one of this machine.
    /// The server speaks no TLS itself: a proxy in front does, and hands over the `Host` it was asked for.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// How long somebody stays signed in without doing anything: 30 minutes unless said, at least one. A page that only
    /// refreshes itself does nothing.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long somebody stays signed in whatever they do: 8 hours unless said, at most 24.
    pub fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// How long a one-time link can be used: 10 minutes unless said, at most an hour.
    pub fn link(mut self, link: Duration) -> Self {
        self.link = link;
        self
    }

    /// Has people sign in at this `OpenID` provider, instead of by one-time links. Where its issuer is not the one of the
    /// agents' tokens, both have to name the person by a claim: the server does not start otherwise.
    #[cfg(feature = "oidc")]
    pub fn sign_in(mut self, provider: Oidc) -> Self {
        self.provider = Some(provider);
        self
    }

    /// The base URL that was set.
    pub(crate) fn base(&self) -> Option<Result<Base, NotABase>> {
        self.url.as_deref().map(Base::parse)
    }

    /// Everything that is wrong with it.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(Err(why)) = self.base() {
            faults.push(why.to_string());
        }
        #[cfg(feature = "oidc")]
        faults.extend(self.provider.iter().flat_map(Oidc::faults));
        let minute = Duration::from_secs(60);
        if self.idle < minute || self.idle > self.longest {
            faults.push(
                "`idle` of the inbox is a minute at least, and no more than its `longest`"
                    .to_owned(),
            );
        }
        if self.longest > minute * 60 * 24 {
            faults.push("`longest` of the inbox is 24 hours at most".to_owned());
        }
        if self.link < Duration::from_secs(1) || self.link > minute * 60 {
            faults.push("`link` of the inbox is a second at least and an hour at most".to_owned());
        }
        if let Some(addr) = self.listen.filter(|addr| !addr.ip().is_loopback())
            && !matches!(self.base(), Some(Ok(base)) if base.is_https())
        {
            faults.push(format!(
                "the inbox on `{addr}` can be reached from other machines; set its `url` to the `https` address that \
                 people type, or listen on `127.0.0.1`"
            ));
        }
        faults
    }
}

/// A length of time as the store takes it, in milliseconds.
pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_wrongly_is_all_told() {
        assert!(Inbox::new().faults().is_empty());
        assert!(Inbox::new().url("https://desk.example.com").faults().is_empty());
        let wrong = Inbox::new()
            .url("http://desk.example.com")
            .idle(Duration::from_secs(1))
            .longest(Duration::from_secs(25 * 3600))
            .link(Duration::ZERO)
            .listen("0.0.0.0:8443".parse().unwrap());
        assert_eq!(wrong.faults().len(), 5, "{:?}", wrong.faults());
        let idle = Inbox::new().idle(Duration::from_secs(9 * 3600));
        assert_eq!(idle.faults().len(), 1);
    }
}
