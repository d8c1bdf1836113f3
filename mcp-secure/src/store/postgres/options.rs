use crate::store::StoreError;
use std::net::IpAddr;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Where the database is and how to speak to it.
///
/// Takes a URL or `key=value` pairs as `libpq` does. Its `Debug` shows no password.
///
/// ```
/// use mcp_secure::store::PostgresOptions;
/// let options = PostgresOptions::new("postgres://tools:secret@db.example/tools?sslmode=require")?;
/// assert!(!format!("{options:?}").contains("secret"));
/// # Ok::<(), mcp_secure::store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: Config,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    plaintext: bool,
    #[cfg(test)]
    pub(in crate::store) clock: Option<crate::clock::Clock>,
}

impl PostgresOptions {
    /// Reads a connection string. One that is none is [`StoreError::Setting`], without a word of what it said: it may
    /// hold a password.
    pub fn new(connection: &str) -> Result<Self, StoreError> {
        let mut config: Config = connection
            .parse()
            .map_err(|error| StoreError::Setting(no_connection(&error).to_owned()))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("mcp-secure");
        }
        Ok(Self {
            config,
            connections: 8,
            timeout: Duration::from_secs(10),
            plaintext: false,
            #[cfg(test)]
            clock: None,
        })
    }

    /// How many connections this process holds at most; 8 unless said. At least 2.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(2);
        self
    }

    /// How long one operation may take before it is an error; 10 seconds unless said. Each statement has half of it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(100));
        self
    }

    /// Allows a connection to another machine without TLS: whoever listens in between reads and writes everything.
    #[must_use]
    pub fn plaintext_over_the_network(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// Refuses what would send everything in the open, and says whether TLS is spoken.
    pub(super) fn tls(&self) -> Result<bool, StoreError> {
        let addresses = self.config.get_hostaddrs();
        let hosts = self.config.get_hosts();
        let local = if addresses.is_empty() {
            hosts.iter().all(is_local)
        } else {
            addresses.iter().all(IpAddr::is_loopback)
        };
        match self.config.get_ssl_mode() {
            SslMode::Require => Ok(true),
            // `prefer` falls back to none if somebody in between says so.
            _ if local || self.plaintext => Ok(false),
            _ => Err(StoreError::Setting(
                "the database is on another machine and TLS is not required; add `sslmode=require` to the connection string"
                    .to_owned(),
            )),
        }
    }
}

/// What is wrong with a connection string. What other clients understand and this one does not is told apart by the driver's
/// own words, which are compared as a whole and never shown: they may hold a part of a password.
fn no_connection(error: &tokio_postgres::Error) -> &'static str {
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match said.as_str() {
        "invalid value for option `sslmode`" => {
            "`sslmode` is `disable`, `prefer` or `require`; write `sslmode=require`, which always verifies the certificate and \
             its name"
        }
        "unknown option `sslrootcert`" => {
            "a connection string names no certificate authority here; leave `sslrootcert` out and name its file in \
             `SSL_CERT_FILE`"
        }
        _ => "the connection string is none; write `postgres://user@host/database`",
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .field("user", &self.config.get_user())
            .field("connections", &self.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
