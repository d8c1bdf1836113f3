//! A provider that can be told to lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use openidconnect::url::{Url, form_urlencoded};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// What it does, and what it was asked.
pub(super) struct Says {
    /// Claims that go over those of an honest ID token; `null` takes one away.
    pub(super) claims: Value,
    pub(super) metadata: Value,
    pub(super) algorithm: Algorithm,
    pub(super) typ: Option<&'static str>,
    /// Signs with this seed, under this id.
    pub(super) key: (u8, &'static str),
    /// Publishes these.
    pub(super) published: Vec<(u8, &'static str)>,
    pub(super) token_status: StatusCode,
    pub(super) token_body: Option<Value>,
    pub(super) asked: HashMap<&'static str, usize>,
    /// Codes that are not used up, with the nonce and the challenge of their request.
    codes: HashMap<String, (String, String)>,
    pub(super) authorization: Option<String>,
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) issuer: String,
    pub(super) says: Arc<Mutex<Says>>,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let says = Says {
            claims: json!({}),
            metadata: json!({}),
            algorithm: Algorithm::EdDSA,
            typ: Some("JWT"),
            key: (1, "k1"),
            published: vec![(1, "k1")],
            token_status: StatusCode::OK,
            token_body: None,
            asked: HashMap::new(),
            codes: HashMap::new(),
            authorization: None,
        };
        let fake = Self { issuer, says: Arc::new(Mutex::new(says)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub(super) fn with(&self, change: impl FnOnce(&mut Says)) -> &Self {
        change(&mut self.says.lock().unwrap());
        self
    }

    pub(super) fn asked(&self, what: &str) -> usize {
        self.says.lock().unwrap().asked.get(what).copied().unwrap_or_default()
    }

    /// What the provider answers the browser that comes with `url`, as a query.
    pub(super) fn authorize(&self, url: &str) -> String {
        let asked: HashMap<String, String> = Url::parse(url)
            .unwrap()
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut says = self.says.lock().unwrap();
        let code = format!("code-{}", says.codes.len() + 1);
        says.codes.insert(code.clone(), (asked["nonce"].clone(), asked["code_challenge"].clone()));
        let mut answer = form_urlencoded::Serializer::new(String::new());
        answer.append_pair("code", &code).append_pair("state", &asked["state"]);
        answer.append_pair("iss", &self.issuer).finish()
    }
}

fn count(says: &mut Says, what: &'static str) {
    *says.asked.entry(what).or_default() += 1;
}

fn merge(into: &mut Value, over: &Value) {
    let (Some(into), Some(over)) = (into.as_object_mut(), over.as_object()) else { return };
    for (name, value) in over {
        if value.is_null() {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}

async fn metadata(State(fake): State<Fake>) -> Response {
    let mut says = fake.says.lock().unwrap();
    count(&mut says, "metadata");
    let issuer = &fake.issuer;
    let mut told = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "authorization_response_iss_parameter_supported": true,
    });
    merge(&mut told, &says.metadata);
    axum::Json(told).into_response()
}

async fn jwks(State(fake): State<Fake>) -> Response {
    use base64_url as b64;
    let mut says = fake.says.lock().unwrap();
    count(&mut says, "jwks");
    let keys: Vec<Value> = says
        .published
        .iter()
        .map(|(seed, id)| {
            let public = SigningKey::from_bytes(&[*seed; 32]).verifying_key().to_bytes();
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id, "x": b64(&public)})
        })
        .collect();
    axum::Json(json!({"keys": keys})).into_response()
}

fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for at in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}

async fn token(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    let mut says = fake.says.lock().unwrap();
    count(&mut says, "token");
    says.authorization =
        headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let sent: HashMap<String, String> = form_urlencoded::parse(&body)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if let Some(told) = &says.token_body {
        return (says.token_status, axum::Json(told.clone())).into_response();
    }
    let invalid =
        || (StatusCode::BAD_REQUEST, axum::Json(json!({"error": "invalid_grant"}))).into_response();
    let Some((nonce, challenge)) = says.codes.remove(&sent["code"]) else { return invalid() };
    // RFC 7636 section 4.6.
    let digest = <sha2::Sha256 as sha2::Digest>::digest(sent["code_verifier"].as_bytes());
    if base64_url(&digest) != challenge {
        return invalid();
    }
    let now = crate::clock::Clock::system().now().seconds();
    let mut claims = json!({
        "iss": fake.issuer, "sub": "u-1", "aud": "desk", "exp": now + 300, "iat": now, "nonce": nonce,
        "tenant": "acme", "roles": ["support_lead"], "employee": "bob",
    });
    merge(&mut claims, &says.claims);
    let id_token = sign(&says, &claims);
    let told = json!({"access_token": "unused", "token_type": "Bearer", "id_token": id_token});
    (says.token_status, axum::Json(told)).into_response()
}

fn sign(says: &Says, claims: &Value) -> String {
    let claims: Map<String, Value> = claims.as_object().unwrap().clone();
    let mut header = Header::new(says.algorithm);
    header.typ = says.typ.map(ToOwned::to_owned);
    header.kid = Some(says.key.1.to_owned());
    let key = match says.algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(b"the client's secret"),
        _ => {
            let prefix = hex::decode("302e020100300506032b657004220420").unwrap();
            EncodingKey::from_ed_der(&[prefix.as_slice(), &[says.key.0; 32]].concat())
        }
    };
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}
