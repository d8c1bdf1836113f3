//! TLS to other servers, with the certificates that this system trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// Why no TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTls {
    /// Nobody could be told from anybody.
    #[error(
        "this system trusts no certificate authority; install its certificates, or name one in `SSL_CERT_FILE`"
    )]
    NoAuthority,
    #[error("TLS can not be set up: {0}")]
    Setup(String),
}

/// Trusts whom this system's certificates vouch for. An authority of one's own is named in `SSL_CERT_FILE`.
pub(crate) fn trusting_this_system() -> Result<ClientConfig, NoTls> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(NoTls::NoAuthority);
    }
    trusting(roots)
}

/// Trusts these authorities alone.
pub(crate) fn trusting(roots: RootCertStore) -> Result<ClientConfig, NoTls> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NoTls::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
