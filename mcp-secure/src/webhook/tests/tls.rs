use super::SECRET;
use super::receiver::Receiver;
use super::where_to::{Rebinding, send};
use crate::webhook::post::{Failure, Post};
use crate::webhook::{Target, Webhooks};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::{LazyConfigAcceptor, rustls::server::Acceptor};

/// A receiver with a certificate for `name`, and the authority that vouches for it. It tells which name was asked for.
async fn receiver(name: &str) -> (Receiver, RootCertStore, Arc<Mutex<Vec<Option<String>>>>) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority_certificate.der().clone()).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = Receiver::new(listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (this, names) = (receiver.clone(), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(hello) = LazyConfigAcceptor::new(Acceptor::default(), stream).await else {
                continue;
            };
            names.lock().unwrap().push(hello.client_hello().server_name().map(str::to_owned));
            let Ok(stream) = hello.into_stream(Arc::clone(&config)).await else { continue };
            tokio::spawn(this.clone().serve(stream));
        }
    });
    (receiver, roots, asked)
}

fn post_to(receiver: &Receiver, roots: RootCertStore) -> Post {
    let url = format!("https://hooks.example.com:{}/hook", receiver.addr.port());
    let target = Target::new("ops", url).secret(SECRET).allow_private_addresses();
    let aim = Webhooks::new().to(target).aims().ok().unwrap().remove(0);
    let names = Rebinding::answering(&[&["127.0.0.1"]]);
    Post::new(&aim, names, crate::tls::trusting(roots).unwrap(), Duration::from_secs(2)).unwrap()
}

#[tokio::test]
async fn the_connection_goes_to_the_address_and_the_name_stays_the_name() {
    let (receiver, roots, asked) = receiver("hooks.example.com").await;
    assert_eq!(send(&post_to(&receiver, roots)).await, Ok(()));
    assert_eq!(*asked.lock().unwrap(), [Some("hooks.example.com".to_owned())]);
    let host = format!("hooks.example.com:{}", receiver.addr.port());
    assert_eq!(receiver.seen()[0].header("host"), Some(host.as_str()));
}

#[tokio::test]
async fn whoever_can_not_prove_the_name_is_told_nothing() {
    let (other_name, roots, _) = receiver("other.example.com").await;
    let failed = send(&post_to(&other_name, roots)).await.unwrap_err();
    assert_eq!(failed.why, Failure::Certificate);
    let (other_authority, _, _) = receiver("hooks.example.com").await;
    let (_, roots, _) = receiver("hooks.example.com").await;
    let failed = send(&post_to(&other_authority, roots)).await.unwrap_err();
    assert_eq!(failed.why, Failure::Certificate);
    assert!(other_name.seen().is_empty() && other_authority.seen().is_empty());
    // One that speaks no TLS at all.
    let plain = Receiver::start().await;
    let failed = send(&post_to(&plain, RootCertStore::empty())).await.unwrap_err();
    assert!(matches!(failed.why, Failure::Certificate | Failure::Connect), "{failed:?}");
    assert!(plain.seen().is_empty());
}
