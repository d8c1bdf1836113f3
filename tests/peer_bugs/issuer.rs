//! Where an issuer of real people is set, nobody is named on this machine, and the issuer made for development is nobody.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use mcp_secure::clock::Clock;
use mcp_secure::identity::{DataDir, DataDirKind, LocalIssuer, Person};
use mcp_secure_tests::programs::example;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Finished, Response, Server, call, mcp};

const KEY_ID: &str = "key-1";

/// The program of `issuer_app.rs`, built if it is not up to date.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example("issuer-app"))
}

/// The issuer that the server trusts.
struct Login(SigningKey);

impl Login {
    fn new() -> Self {
        Self(SigningKey::from_bytes(&[7; 32]))
    }

    fn key_set(&self) -> Value {
        let x = base64url(self.0.verifying_key().as_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": KEY_ID, "x": x}]})
    }

    /// A token of alice, who signed in.
    fn token(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": "https://login.example.com", "sub": "alice", "aud": "issuer-app", "tenant": "acme",
            "roles": ["clerk"], "client_id": "an-agent", "iat": now, "exp": now + 600,
        });
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(KEY_ID.to_owned());
        // RFC 8410 section 7: what precedes the 32 bytes of a private key.
        let mut key = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        key.extend(self.0.to_bytes());
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&key)).unwrap()
    }
}

/// RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            let letter = (bits >> (18 - 6 * at)) & 63;
            text.push(char::from(LETTERS[usize::try_from(letter).unwrap()]));
        }
    }
    text
}

struct Site {
    folder: TempDir,
    login: Login,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), login: Login::new() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.env_remove("MCP_SECURE_DATA").env_remove("MCP_SECURE_STORE");
        command.env("ISSUER_KEYS", self.login.key_set().to_string());
        command.arg("--data").arg(self.data()).args(arguments);
        command
    }

    /// The key of the local issuer, made in the days when this folder was served without another.
    fn local_token(&self) -> String {
        let data = DataDir::open_or_create(self.data(), DataDirKind::Sandbox).unwrap();
        let local = LocalIssuer::open(&data, "issuer-app").unwrap();
        let alice = Person::new("alice", "acme").roles(["clerk"]);
        local.issue(&alice, Duration::from_secs(600), Clock::system().now()).unwrap()
    }

    fn has_local_key(&self) -> bool {
        self.data().join("local-issuer.key").exists()
    }
}

fn ask(server: &Server, token: &str) -> Response {
    mcp(token, &call(1, "who_am_i", json!({}))).send(server.address)
}

#[test]
fn b38_with_an_issuer_of_real_people_nobody_is_named_on_the_command_line() {
    let site = Site::new();
    DataDir::open_or_create(site.data(), DataDirKind::Sandbox).unwrap();
    let id = format!("apr_{}", "0".repeat(32));
    for arguments in [
        &["token", "--as", "alice"][..],
        &["serve", "--stdio", "--as", "alice"],
        &["serve", "--stdio"],
        &["approvals", "approve", &id, "--as", "alice"],
        &["approvals", "list", "--as", "alice"],
        &["switch", "off", "everything", "--as", "alice"],
    ] {
        let refused = Finished::of(&mut site.command(arguments));
        refused.exited_with(1);
        assert!(refused.stderr.contains("an issuer of real people is set"), "{refused:#?}");
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
    assert!(!site.has_local_key(), "a key that could sign tokens was made");
}

#[test]
fn b38_with_an_issuer_of_real_people_its_tokens_count_and_those_of_the_local_issuer_do_not() {
    let site = Site::new();
    let server = Server::start(|address| site.command(&["serve", "--http", address]));
    assert!(!site.has_local_key(), "a key that could sign tokens was made");
    let served = ask(&server, &site.login.token());
    assert_eq!(served.status, 200, "{served:#?}");
    let text = &served.result()["content"][0]["text"];
    assert_eq!(text, "alice at https://login.example.com");
    for token in [site.local_token(), "nonsense".to_owned(), String::new()] {
        assert_eq!(ask(&server, &token).status, 401, "{token}");
    }
    drop(server);
    // The key lies there now, as it would where the folder was a sandbox without an issuer once.
    assert!(site.has_local_key());
    let server = Server::start(|address| site.command(&["serve", "--http", address]));
    assert_eq!(ask(&server, &site.local_token()).status, 401, "the local issuer came back");
    assert_eq!(ask(&server, &site.login.token()).status, 200);
}
