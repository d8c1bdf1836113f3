//! What is promised of announcements, against receivers on this machine.

mod delivery;
mod hanging;
mod office;
mod payload;
mod receiver;
mod signature;
mod targets;
mod tls;
mod where_to;

use secrecy::SecretString;

/// Two secrets of 32 bytes.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn verifier(secrets: &[&str]) -> super::Verifier {
    super::Verifier::new(secrets.iter().map(|s| SecretString::from(*s))).unwrap()
}
