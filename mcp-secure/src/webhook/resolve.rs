//! Looking a name up, and looking at what comes out. The connection goes to the very addresses that were looked at: a name
//! that leads elsewhere a moment later leads nobody anywhere.

use super::address::Reach;
use crate::tool::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// More than any server has. The rest is left out.
const MOST_ADDRESSES: usize = 16;

/// Where names are looked up.
pub(super) trait Names: Send + Sync {
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The way every program of this system looks names up.
pub(super) struct System;

impl Names for System {
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The name leads to an address that the target may not reach.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub(super) struct NotAllowed;

/// Hands out addresses that have been looked at, to the client that connects.
pub(super) struct Guarded {
    pub(super) names: Arc<dyn Names>,
    pub(super) reach: Reach,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (looking, reach) = (self.names.addresses(name.as_str().to_owned()), self.reach);
        Box::pin(async move {
            let found = looking.await?;
            // One that is not allowed spoils them all: a name that leads to both is a mistake or a trick.
            if found.is_empty() || !found.iter().all(|address| reach.allows(*address)) {
                return Err(NotAllowed.into());
            }
            // Port 0 stands for the URL's.
            let found = found.into_iter().take(MOST_ADDRESSES);
            Ok(Box::new(found.map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
