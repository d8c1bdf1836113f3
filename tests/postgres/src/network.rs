//! How a server is reached over the network.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A port of loopback, and what is shown there.
pub(crate) struct Network {
    port: u16,
    tls: Option<Papers>,
}

/// As PEM: the server's certificate and key, and the certificate of who vouches for it.
struct Papers {
    certificate: String,
    key: String,
    authority: String,
}

impl Network {
    pub(crate) fn plain() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { port: free.local_addr().unwrap().port(), tls: None }
    }

    pub(crate) fn with_tls(name: &str) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let papers = Papers {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            authority: own.pem(),
        };
        Self { tls: Some(papers), ..Self::plain() }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Writes down who is let in, and by TLS alone where there is any.
    pub(crate) fn set_up(&self, folder: &Path) {
        let data = folder.join("data");
        let kind = if self.tls.is_some() { "hostssl" } else { "host" };
        let who = format!("local all all trust\n{kind} all all 127.0.0.1/32 trust\n");
        std::fs::write(data.join("pg_hba.conf"), who).unwrap();
        let Some(papers) = &self.tls else { return };
        std::fs::write(folder.join("server.crt"), &papers.certificate).unwrap();
        std::fs::write(authority(folder), &papers.authority).unwrap();
        // A server takes no key that others can read, or that is not its own.
        let key = folder.join("server.key");
        std::fs::write(&key, &papers.key).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = super::account() {
            chown(&key, Some(uid), Some(gid)).unwrap();
        }
    }

    /// What the server is told.
    pub(crate) fn words(&self, folder: &Path) -> String {
        let mut words = format!("-c listen_addresses=127.0.0.1 -c port={}", self.port);
        if self.tls.is_some() {
            let folder = folder.display();
            words.push_str(&format!(
                " -c ssl=on -c ssl_cert_file='{folder}/server.crt' -c ssl_key_file='{folder}/server.key'"
            ));
        }
        words
    }
}

/// Where the authority's certificate is.
pub(crate) fn authority(folder: &Path) -> PathBuf {
    folder.join("authority.crt")
}
