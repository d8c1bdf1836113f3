use crate::store::StoreError;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) type Connector = MakeRustlsConnect;

/// Speaks TLS with whom this system's certificates vouch for, under the name in the connection string.
///
/// A certificate authority of one's own is named in `SSL_CERT_FILE`.
pub(super) fn connector() -> Result<Connector, StoreError> {
    let refused = |why: String| StoreError::Setting(format!("TLS to the database: {why}"));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(refused("this system trusts no certificate authority".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| refused(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
