//! How often sign-ins with an issuer begin from one address.
//!
//! Each of them keeps a ticket in the store and asks the issuer, for somebody who has proved nothing yet. The limit of all
//! requests of an address is far too wide for that, and the one of strangers refuses nobody.

use std::net::IpAddr;
use std::time::Duration;

use crate::limit::{Local, Quota};

/// People who decide are few, and each signs in once in some hours.
const EACH: Quota = Quota::per_second(1).burst(20);
/// Of a loopback address: behind it may be a proxy for everybody, so that a tight limit would let one keep all others out.
const PROXY: Quota = Quota::per_second(20).burst(200);

/// What is left to each address.
pub(super) struct Pace {
    each: Local<IpAddr>,
    proxy: Local<IpAddr>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { each: Local::new(EACH), proxy: Local::new(PROXY) }
    }
}

impl Pace {
    /// Takes one sign-in of the address, or says how long it has to wait.
    pub(super) fn take(&self, from: IpAddr) -> Result<(), Duration> {
        if from.is_loopback() { self.proxy.take(&from) } else { self.each.take(&from) }
    }
}
