//! Which store, as an operator says it.

use super::{Sqlite, Store, StoreError};
use crate::clock::Clock;
use std::path::Path;
use std::sync::Arc;

/// Where approvals, runs, keys, limits and switches are kept.
///
/// ```
/// use mcp_secure::store::StoreSource;
/// assert!("mysql://somewhere".parse::<StoreSource>().is_err());
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum StoreSource {
    /// A file in the data folder, which every process on the folder shares.
    #[default]
    DataFolder,
    /// A PostgreSQL database, which every replica shares.
    #[cfg(feature = "postgres")]
    Postgres(Box<super::PostgresOptions>),
    /// One of the application's own. All that is promised of doing nothing twice rests on it: hold it against what
    /// [`Store`] says.
    Custom(Arc<dyn Store>),
}

impl std::fmt::Debug for StoreSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DataFolder => f.write_str("DataFolder"),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => f.debug_tuple("Postgres").field(options).finish(),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

impl StoreSource {
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "a server is waited for")
    )]
    pub(crate) async fn open(
        &self,
        file: &Path,
        clock: Clock,
    ) -> Result<Arc<dyn Store>, StoreError> {
        match self {
            Self::DataFolder => Ok(Arc::new(Sqlite::open(file, clock)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => Ok(Arc::new(super::Postgres::open(options).await?)),
            Self::Custom(store) => Ok(Arc::clone(store)),
        }
    }
}

impl std::str::FromStr for StoreSource {
    type Err = StoreError;

    /// Reads `postgres://user@host/database`. What it says is not repeated in errors: it may hold a password.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "postgres")]
            Some("postgres" | "postgresql") => {
                Ok(Self::Postgres(Box::new(super::PostgresOptions::new(text)?)))
            }
            #[cfg(not(feature = "postgres"))]
            Some("postgres" | "postgresql") => Err(StoreError::Setting(
                "this program was built without PostgreSQL; build it with the feature `postgres` of `mcp-secure`"
                    .to_owned(),
            )),
            _ => Err(StoreError::Setting(
                "a store is `postgres://user@host/database`; leave it out for the file in the data folder".to_owned(),
            )),
        }
    }
}
