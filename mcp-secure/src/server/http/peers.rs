//! Stage 0: how much of one address is looked at, before it is known who calls.

use std::net::IpAddr;
use std::time::Duration;

use super::settings::HttpSettings;
use crate::identity::AuthError;
use crate::limit::{Flood, Local};
use crate::pipeline::Transport;
use crate::server::face::Face;

/// The address at the other end of a connection; of IPv6 the first 64 bits, which are all that a site is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

impl Peer {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let site = v6.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(site.into())
            }
            other => other,
        })
    }
}

pub(super) struct Peers {
    requests: Option<Local<IpAddr>>,
    strangers: Local<IpAddr>,
    flood: Flood<IpAddr>,
    settings: HttpSettings,
}

impl Peers {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        Self {
            requests: settings.requests_per_peer.map(Local::new),
            strangers: Local::new(settings.strangers_per_peer),
            flood: Flood::default(),
            settings: settings.clone(),
        }
    }

    /// Takes one request of the address, or says how long it has to wait.
    pub(super) fn admit(&self, peer: Peer) -> Result<(), Duration> {
        match &self.requests {
            Some(requests) if !self.settings.spares(peer) => requests.take(&peer.0),
            _ => Ok(()),
        }
    }

    /// Counts a request that proved nothing. Who calls validly is not held up by those who do not.
    pub(super) fn stranger(&self, peer: Peer) -> Result<(), Duration> {
        self.strangers.take(&peer.0)
    }

    /// Takes down that somebody proved nothing. One who keeps at it is counted rather than recorded.
    pub(super) fn proved_nothing(&self, face: &dyn Face, why: AuthError, peer: Peer) {
        if self.stranger(peer).is_err() {
            self.counted(face, peer);
        } else {
            face.unauthenticated(why, Transport::Http);
        }
    }

    /// Takes down that somebody was turned away, once for many.
    pub(super) fn counted(&self, face: &dyn Face, peer: Peer) {
        if let Some(before) = self.to_record(peer) {
            face.turned_away(&peer.0.to_string(), before);
        }
    }

    /// How many refusals went unrecorded before this one, if this one is to be recorded.
    pub(super) fn to_record(&self, peer: Peer) -> Option<u64> {
        self.flood.admit(peer.0)
    }
}
