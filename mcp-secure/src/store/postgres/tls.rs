use crate::store::StoreError;
use crate::tls;
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) type Connector = MakeRustlsConnect;

/// Speaks TLS with whom this system's certificates vouch for, under the name in the connection string.
///
/// A certificate authority of one's own is named in `SSL_CERT_FILE`.
pub(super) fn connector() -> Result<Connector, StoreError> {
    let config = tls::trusting_this_system()
        .map_err(|why| StoreError::Setting(format!("TLS to the database: {why}")))?;
    Ok(MakeRustlsConnect::new(config))
}
