//! Promises of this folder, each named after what it holds.

mod jwt;
mod sandbox;

use std::path::{Path, PathBuf};

use super::{Authenticated, INBOX_CLIENT, Method, Principal};

/// A person who signed in with a browser.
pub(crate) fn interactive(issuer: &str, person: &str) -> Principal {
    Principal {
        issuer: issuer.to_owned(),
        subject: format!("{person}-0042"),
        person: Some(person.to_owned()),
        tenant: "acme".to_owned(),
        client: INBOX_CLIENT.to_owned(),
        actors: Vec::new(),
        roles: ["head".to_owned()].into(),
        scopes: [].into(),
        method: Method::Interactive,
    }
}

/// Somebody whom a test vouches for.
pub(crate) fn vouched(principal: Principal) -> Authenticated {
    Authenticated::vouch(principal)
}

/// A folder that goes away with the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("mcp-secure-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
