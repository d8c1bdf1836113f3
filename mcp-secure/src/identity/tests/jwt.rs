use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm as Jwt, EncodingKey, Header};
use serde_json::{Value, json};

use crate::clock::{Clock, Timestamp};
use crate::identity::{
    AuthError, Authenticated, Authenticator as _, Claims, Credentials, Issuer, IssuerError,
    JwtAuthenticator, KeyError, KeySource, Method, PersonMapping, Revocations,
    RevocationsUnavailable, StaticKeys, TokenId, VerifyKey,
};

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://issuer.example";

fn key(seed: u8) -> (EncodingKey, VerifyKey, [u8; 32]) {
    let seed = [seed; 32];
    let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let prefix = hex::decode("302e020100300506032b657004220420").unwrap();
    let der = [prefix.as_slice(), &seed].concat();
    (EncodingKey::from_ed_der(&der), VerifyKey::ed25519("k1", &public), public)
}

fn header(alg: Jwt) -> Header {
    let mut header = Header::new(alg);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some("k1".to_owned());
    header
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u1", "aud": "desk", "exp": NOW + 600, "iat": NOW, "jti": "t1",
        "client_id": "desktop", "tenant": "acme", "roles": ["support"], "scope": "mcp read",
    })
}

fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value == "(absent)" {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn sign(claims: &Value) -> String {
    jsonwebtoken::encode(&header(Jwt::EdDSA), claims, &key(1).0).unwrap()
}

fn issuer() -> Issuer {
    Issuer::new(ISSUER, "desk", Arc::new(StaticKeys::new([key(1).1]).unwrap())).unwrap()
}

fn clock() -> Clock {
    Clock::fixed(Timestamp::from_millis(NOW * 1000))
}

fn authenticate(token: &str) -> Result<Authenticated, AuthError> {
    let verifier = JwtAuthenticator::new([issuer()], clock()).unwrap();
    verifier.authenticate(&Credentials::Bearer(token))
}

fn refused(token: &str) -> AuthError {
    authenticate(token).unwrap_err()
}

#[test]
fn a_good_token_is_the_principal_its_claims_say() {
    let who = authenticate(&sign(&claims())).unwrap();
    assert_eq!((who.issuer.as_str(), who.subject.as_str()), (ISSUER, "u1"));
    assert_eq!((who.tenant.as_str(), who.client.as_str()), ("acme", "desktop"));
    assert_eq!(who.person.as_deref(), Some("https://issuer.example|u1"));
    assert_eq!(who.scopes.len(), 2);
    assert_eq!(who.method, Method::Bearer);
}

#[test]
fn an_expired_token_is_refused_and_so_is_one_without_expiry() {
    assert_eq!(refused(&sign(&with(&json!({"exp": NOW - 30})))), AuthError::Expired);
    assert!(authenticate(&sign(&with(&json!({"exp": NOW - 29})))).is_ok(), "clocks may differ");
    let endless = sign(&with(&json!({"exp": "(absent)"})));
    assert_eq!(refused(&endless), AuthError::BadClaim("exp"));
    assert_eq!(refused(&sign(&with(&json!({"exp": "soon"})))), AuthError::BadClaim("exp"));
    assert_eq!(refused(&sign(&with(&json!({"exp": -1.5})))), AuthError::BadClaim("exp"));
}

#[test]
fn who_is_authenticated_is_so_until_the_token_would_be_refused() {
    let verifier = JwtAuthenticator::new([issuer()], clock()).unwrap();
    let token = sign(&with(&json!({"exp": NOW + 7})));
    // From the cache as well.
    for _ in 0..2 {
        let began = std::time::Instant::now();
        let who = verifier.authenticate(&Credentials::Bearer(&token)).unwrap();
        let left = who.until().unwrap().duration_since(began).as_secs_f64();
        assert!((36.9..38.0).contains(&left), "{left}");
    }
    let within = issuer();
    let later = clock();
    later.advance_millis(20_000);
    let verifier = JwtAuthenticator::new([within], later).unwrap();
    let began = std::time::Instant::now();
    let who = verifier.authenticate(&Credentials::Bearer(&token)).unwrap();
    let left = who.until().unwrap().duration_since(began).as_secs_f64();
    assert!((16.9..18.0).contains(&left), "{left}");
}

#[test]
fn a_token_from_the_future_is_refused() {
    assert_eq!(refused(&sign(&with(&json!({"nbf": NOW + 31})))), AuthError::NotYetValid);
    assert_eq!(refused(&sign(&with(&json!({"iat": NOW + 31})))), AuthError::NotYetValid);
    assert!(authenticate(&sign(&with(&json!({"nbf": NOW + 30})))).is_ok());
}

#[test]
fn a_forged_signature_is_refused() {
    let mallory = jsonwebtoken::encode(&header(Jwt::EdDSA), &claims(), &key(2).0).unwrap();
    assert_eq!(refused(&mallory), AuthError::BadSignature);
    let (good, other) = (sign(&claims()), sign(&with(&json!({"tenant": "globex"}))));
    let (start, _) = good.rsplit_once('.').unwrap();
    let (_, end) = other.rsplit_once('.').unwrap();
    assert_eq!(refused(&format!("{start}.{end}")), AuthError::BadSignature);
    assert_eq!(refused(&format!("{start}.")), AuthError::BadSignature);
}

#[test]
fn a_token_for_another_audience_is_refused() {
    for aud in
        [json!("other"), json!(["other"]), json!([]), json!(7), json!("(absent)"), json!("Desk")]
    {
        assert_eq!(refused(&sign(&with(&json!({"aud": aud})))), AuthError::WrongAudience);
    }
    assert!(authenticate(&sign(&with(&json!({"aud": ["other", "desk"]})))).is_ok());
}

#[test]
fn a_token_of_another_issuer_is_refused() {
    for iss in [json!("https://evil.example"), json!([ISSUER]), json!("(absent)")] {
        assert_eq!(refused(&sign(&with(&json!({"iss": iss})))), AuthError::UnknownIssuer);
    }
}

#[test]
fn one_issuer_cannot_speak_for_another() {
    let other =
        Issuer::new("https://two.example", "desk", Arc::new(StaticKeys::new([key(2).1]).unwrap()));
    let verifier = JwtAuthenticator::new([issuer(), other.unwrap()], clock()).unwrap();
    let token = jsonwebtoken::encode(&header(Jwt::EdDSA), &claims(), &key(2).0).unwrap();
    let refused = verifier.authenticate(&Credentials::Bearer(&token)).unwrap_err();
    assert_eq!(refused, AuthError::BadSignature);
}

#[test]
fn alg_none_is_refused() {
    let good = sign(&claims());
    let claims = good.split('.').nth(1).unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    assert_eq!(refused(&format!("{none}.{claims}.")), AuthError::Malformed);
    let signature = good.rsplit('.').next().unwrap();
    assert_eq!(refused(&format!("{none}.{claims}.{signature}")), AuthError::Malformed);
}

#[test]
fn hs256_with_the_public_key_as_secret_is_refused() {
    let public = key(1).2;
    for secret in [public.to_vec(), hex::encode(public).into_bytes()] {
        let key = EncodingKey::from_secret(&secret);
        let token = jsonwebtoken::encode(&header(Jwt::HS256), &claims(), &key).unwrap();
        assert_eq!(refused(&token), AuthError::WrongAlgorithm);
    }
}

#[test]
fn a_key_in_the_header_is_never_used() {
    let mut header = header(Jwt::EdDSA);
    header.jku = Some("https://evil.example/keys".to_owned());
    let token = jsonwebtoken::encode(&header, &claims(), &key(2).0).unwrap();
    assert_eq!(refused(&token), AuthError::BadSignature);
    header.kid = Some("k2".to_owned());
    let token = jsonwebtoken::encode(&header, &claims(), &key(2).0).unwrap();
    assert_eq!(refused(&token), AuthError::UnknownKey);
}

#[test]
fn a_critical_extension_is_refused() {
    let mut header = header(Jwt::EdDSA);
    header.crit = Some(vec!["b64".to_owned()]);
    let token = jsonwebtoken::encode(&header, &claims(), &key(1).0).unwrap();
    assert_eq!(refused(&token), AuthError::Malformed);
}

#[test]
fn an_id_token_is_no_access_token() {
    let mut header = header(Jwt::EdDSA);
    for typ in [Some("JWT"), Some("id+jwt"), Some(""), None] {
        header.typ = typ.map(str::to_owned);
        let token = jsonwebtoken::encode(&header, &claims(), &key(1).0).unwrap();
        assert_eq!(refused(&token), AuthError::WrongType);
    }
    header.typ = Some("application/AT+JWT".to_owned());
    assert!(authenticate(&jsonwebtoken::encode(&header, &claims(), &key(1).0).unwrap()).is_ok());
}

#[test]
fn a_token_without_tenant_subject_or_client_is_refused() {
    for (claim, name) in [("tenant", "tenant"), ("sub", "sub"), ("client_id", "client_id")] {
        for bad in
            [json!("(absent)"), json!(""), json!(7), json!(["acme"]), json!("a\u{0}b"), json!(null)]
        {
            let token = sign(&with(&json!({claim: bad})));
            let error = refused(&token);
            let unreadable = bad.is_array() && error == AuthError::Malformed;
            assert!(unreadable || error == AuthError::BadClaim(name), "{claim} {bad}: {error}");
        }
    }
}

#[test]
fn claims_of_an_unexpected_type_refuse_rather_than_vanish() {
    for (claim, bad) in [
        ("roles", json!({"admin": true})),
        ("roles", json!(["a", 1])),
        ("act", json!("bob")),
        ("act", json!({})),
    ] {
        let token = sign(&with(&json!({claim: bad})));
        assert!(matches!(refused(&token), AuthError::BadClaim(_)), "{claim} {bad}");
    }
    let mut deep = json!({"sub": "end"});
    for _ in 0..9 {
        deep = json!({"sub": "x", "act": deep});
    }
    assert_eq!(refused(&sign(&with(&json!({"act": deep})))), AuthError::BadClaim("act"));
}

#[test]
fn actors_are_read_outermost_first() {
    let act = json!({"sub": "agent", "act": {"sub": "gateway", "iss": "https://gw.example"}});
    let who = authenticate(&sign(&with(&json!({"act": act})))).unwrap();
    assert_eq!(who.actors, ["https://issuer.example|agent", "https://gw.example|gateway"]);
}

#[test]
fn b38_identity_is_never_what_the_caller_says() {
    // A client that acts for itself is nobody, whatever else it claims.
    let who = authenticate(&sign(&with(&json!({"sub": "desktop", "person": "ceo"})))).unwrap();
    assert_eq!(who.person, None);
    let local = JwtAuthenticator::new([issuer()], clock()).unwrap();
    assert_eq!(local.authenticate(&Credentials::Local).unwrap_err(), AuthError::Missing);
}

#[test]
fn b38_a_program_is_nobody_however_its_provider_says_so() {
    for (says, person) in [
        (json!({"sub": "desktop@clients", "gty": "client-credentials"}), None),
        (json!({"sub": "desktop@clients"}), None),
        (json!({"sub": "5d1f", "gty": "client-credentials"}), None),
        (json!({"sub": "5d1f", "idtyp": "app"}), None),
        (json!({"sub": "5d1f", "preferred_username": "service-account-desktop"}), None),
        (json!({"sub": "5d1f", "idtyp": "user", "preferred_username": "bob"}), Some("5d1f")),
        (json!({"sub": "other@clients"}), Some("other@clients")),
        (json!({"sub": "5d1f", "oid": "5d1f", "tid": "t"}), None),
        (json!({"sub": "5d1f", "oid": "77a0", "tid": "t"}), Some("5d1f")),
        (json!({"sub": "5d1f", "oid": "5d1f"}), Some("5d1f")),
    ] {
        let who = authenticate(&sign(&with(&says))).unwrap();
        let want = person.map(|name| format!("https://issuer.example|{name}"));
        assert_eq!(who.person, want, "{says}");
    }
}

#[test]
fn claims_are_found_where_the_issuer_keeps_them() {
    let mapping = Claims {
        tenant: "https://acme.example/tenant".into(),
        roles: "/realm_access/roles".into(),
        client: vec!["appid".into()],
        person: PersonMapping::Claim("employee".into()),
        ..Claims::default()
    };
    let verifier = JwtAuthenticator::new([issuer().claims(mapping)], clock()).unwrap();
    let mut token = with(&json!({
        "https://acme.example/tenant": "globex", "appid": "app",
        "realm_access": {"roles": ["lead"]}, "employee": "e7",
    }));
    let who = verifier.authenticate(&Credentials::Bearer(&sign(&token))).unwrap();
    assert_eq!((who.tenant.as_str(), who.client.as_str()), ("globex", "app"));
    assert_eq!((who.person.as_deref(), who.roles.contains("lead")), (Some("e7"), true));
    token.as_object_mut().unwrap().remove("employee");
    let who = verifier.authenticate(&Credentials::Bearer(&sign(&token))).unwrap();
    assert_eq!(who.person, None, "an unmapped account is nobody");
}

#[test]
fn a_cached_token_expires_all_the_same() {
    let clock = clock();
    let verifier = JwtAuthenticator::new([issuer()], clock.clone()).unwrap();
    let token = sign(&claims());
    let first = verifier.authenticate(&Credentials::Bearer(&token)).unwrap();
    let second = verifier.authenticate(&Credentials::Bearer(&token)).unwrap();
    assert!(Arc::ptr_eq(&first.shared(), &second.shared()), "the second came from the cache");
    clock.advance_millis(630_000);
    let late = verifier.authenticate(&Credentials::Bearer(&token));
    assert_eq!(late.unwrap_err(), AuthError::Expired);
}

struct Rotating {
    generation: AtomicU64,
    withdrawn: AtomicBool,
}

impl KeySource for Rotating {
    fn find(&self, _: Option<&str>) -> Option<Arc<VerifyKey>> {
        (!self.withdrawn.load(Ordering::SeqCst)).then(|| Arc::new(key(1).1))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

#[test]
fn a_withdrawn_key_ends_the_tokens_it_signed_in_the_cache_too() {
    let keys =
        Arc::new(Rotating { generation: AtomicU64::new(1), withdrawn: AtomicBool::new(false) });
    let issuer = Issuer::new(ISSUER, "desk", Arc::clone(&keys) as Arc<dyn KeySource>).unwrap();
    let verifier = JwtAuthenticator::new([issuer], clock()).unwrap();
    let token = sign(&claims());
    assert!(verifier.authenticate(&Credentials::Bearer(&token)).is_ok());
    keys.withdrawn.store(true, Ordering::SeqCst);
    keys.generation.store(2, Ordering::SeqCst);
    let after = verifier.authenticate(&Credentials::Bearer(&token));
    assert_eq!(after.unwrap_err(), AuthError::UnknownKey);
}

struct List(std::sync::Mutex<Result<bool, RevocationsUnavailable>>);

impl Revocations for List {
    fn is_revoked(&self, token: &TokenId<'_>) -> Result<bool, RevocationsUnavailable> {
        assert_eq!((token.issuer, token.subject, token.id), (ISSUER, "u1", Some("t1")));
        *self.0.lock().unwrap()
    }
}

#[test]
fn b28_a_revocation_list_that_is_down_lets_no_token_through() {
    let list = Arc::new(List(std::sync::Mutex::new(Ok(false))));
    let verifier = JwtAuthenticator::new([issuer()], clock())
        .unwrap()
        .revocations(Arc::clone(&list) as Arc<dyn Revocations>);
    let token = sign(&claims());
    let mut answers = Vec::new();
    for answer in [Ok(false), Ok(true), Err(RevocationsUnavailable), Ok(false)] {
        *list.0.lock().unwrap() = answer;
        answers.push(verifier.authenticate(&Credentials::Bearer(&token)).map(|_| ()));
    }
    let want = [Ok(()), Err(AuthError::Revoked), Err(AuthError::Unavailable), Ok(())];
    assert_eq!(answers, want);
}

#[test]
fn a_flood_of_tokens_cannot_grow_the_cache() {
    let cache = crate::identity::cache::Cache::new(8);
    let who = authenticate(&sign(&claims())).unwrap();
    for n in 0..100_u8 {
        let entry = crate::identity::cache::Entry {
            who: who.clone(),
            dead_at: 0,
            issuer: 0,
            generation: 0,
            token_id: None,
            issued_at: None,
        };
        cache.put(crate::canon::Digest::of_bytes(&[n]), Arc::new(entry));
        assert!(cache.len() <= 8);
        assert!(cache.get(&crate::canon::Digest::of_bytes(&[n])).is_some());
    }
}

#[test]
fn unreadable_and_oversized_tokens_are_refused() {
    let good = sign(&claims());
    for bad in ["", ".", "..", "a.b.c", "x", &good[1..], &format!("{good}.x"), &format!("{good}é")]
    {
        assert!(authenticate(bad).is_err(), "{bad}");
    }
    let large = sign(&with(&json!({"pad": "x".repeat(8192)})));
    assert_eq!(refused(&large), AuthError::TooLarge);
}

#[test]
fn no_error_and_no_debug_output_shows_the_token() {
    let token = sign(&with(&json!({"aud": "other"})));
    let part = &token[10..30];
    let error = refused(&token);
    let credentials = Credentials::Bearer(&token);
    for text in [error.to_string(), error.challenge(None), format!("{error:?} {credentials:?}")] {
        assert!(!text.contains(part), "{text}");
    }
}

#[test]
fn the_authorization_header_is_read_strictly() {
    for (header, want) in [
        (None, AuthError::Missing),
        (Some(""), AuthError::Missing),
        (Some("Basic YTpi"), AuthError::Missing),
        (Some("Bearer"), AuthError::Malformed),
        (Some("Bearer a b"), AuthError::Malformed),
        (Some("Bearer a,Bearer b"), AuthError::Malformed),
    ] {
        assert_eq!(Credentials::from_authorization(header).unwrap_err(), want, "{header:?}");
    }
}

#[test]
fn a_challenge_cannot_be_broken_out_of() {
    let challenge = AuthError::BadSignature.challenge(Some("https://a/\"\r\nX: y"));
    assert_eq!(challenge, "Bearer error=\"invalid_token\"");
    let challenge = AuthError::Missing.challenge(Some("https://a/.well-known/x"));
    assert_eq!(challenge, "Bearer resource_metadata=\"https://a/.well-known/x\"");
}

#[test]
fn issuers_whose_accounts_could_be_confused_are_refused() {
    let keys = || Arc::new(StaticKeys::default());
    assert!(matches!(Issuer::new("a|b", "x", keys()), Err(IssuerError::BadName(_))));
    assert!(matches!(Issuer::new("", "x", keys()), Err(IssuerError::BadName(_))));
    assert!(matches!(Issuer::new("a", "", keys()), Err(IssuerError::NoAudience(_))));
    let twice = JwtAuthenticator::new([issuer(), issuer()], clock());
    assert!(matches!(twice, Err(IssuerError::Twice(_))));
}

#[test]
fn a_key_set_with_secrets_private_or_weak_keys_is_refused() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let set = |key: Value| StaticKeys::from_jwks(&json!({"keys": [key]}));
    let ok = set(json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x, "use": "sig"}));
    assert!(ok.unwrap().find(Some("a")).is_some());
    let aside = set(json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x, "use": "enc"}));
    assert!(aside.unwrap().find(Some("a")).is_none());
    for (key, want) in [
        (json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}), KeyError::Private("a".to_owned())),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x, "d": x}),
            KeyError::Private("a".to_owned()),
        ),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AAAA"}),
            KeyError::Unsupported("a".to_owned()),
        ),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x, "alg": "HS256"}),
            KeyError::Unsupported("a".to_owned()),
        ),
        (
            json!({"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}),
            KeyError::TooShort("a".to_owned()),
        ),
        (
            json!({"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "alg": "HS256"}),
            KeyError::Unsupported("a".to_owned()),
        ),
    ] {
        assert_eq!(set(key.clone()).unwrap_err(), want, "{key}");
    }
}

#[test]
fn an_address_that_is_said_to_be_unverified_refuses_the_token() {
    for name in ["email", "/email"] {
        let person = PersonMapping::Claim(name.into());
        let issuer = issuer().claims(Claims { person, ..Claims::default() });
        let verifier = JwtAuthenticator::new([issuer], clock()).unwrap();
        let said = |verified: Value| {
            let token =
                sign(&with(&json!({"email": "bob@acme.example", "email_verified": verified})));
            verifier.authenticate(&Credentials::Bearer(&token))
        };
        for verified in [json!("(absent)"), json!(true)] {
            assert_eq!(said(verified).unwrap().person.as_deref(), Some("bob@acme.example"));
        }
        for verified in [json!(false), json!("true"), json!(null)] {
            assert_eq!(said(verified).unwrap_err(), AuthError::BadClaim("email_verified"));
        }
    }
}

#[test]
fn b30_whoever_decides_brings_an_address_that_is_verified() {
    let person = PersonMapping::Claim("email".into());
    let issuer = issuer().claims(Claims { person, ..Claims::default() }).only_this_audience();
    let verifier = JwtAuthenticator::new([issuer], clock()).unwrap();
    let said = |verified: Value| {
        let token = sign(&with(&json!({"email": "bob@acme.example", "email_verified": verified})));
        verifier.authenticate(&Credentials::Bearer(&token))
    };
    assert_eq!(said(json!(true)).unwrap().person.as_deref(), Some("bob@acme.example"));
    for verified in [json!("(absent)"), json!(false), json!(null)] {
        assert_eq!(said(verified).unwrap_err(), AuthError::BadClaim("email_verified"));
    }
}

#[test]
fn b30_a_program_is_nobody_who_decides_whatever_a_claim_calls_it() {
    let person = PersonMapping::Claim("oid".into());
    let issuer = || issuer().claims(Claims { person: person.clone(), ..Claims::default() });
    let verifier = |issuer: Issuer| JwtAuthenticator::new([issuer], clock()).unwrap();
    let (asks, decides) = (verifier(issuer()), verifier(issuer().only_this_audience()));
    for (says, person) in [
        (json!({"sub": "s1", "oid": "bob", "tid": "t"}), Some("bob")),
        (json!({"sub": "s1", "oid": "s1", "tid": "t"}), None),
        (json!({"sub": "s1", "oid": "app", "idtyp": "app"}), None),
        (json!({"sub": "s1", "oid": "app", "gty": "client-credentials"}), None),
        (json!({"sub": "desktop", "oid": "app"}), None),
    ] {
        let token = sign(&with(&says));
        let who = |verifier: &JwtAuthenticator| {
            verifier.authenticate(&Credentials::Bearer(&token)).unwrap().person.clone()
        };
        assert_eq!(who(&decides).as_deref(), person, "{says}");
        // What an agent is called does no harm: nobody decides by it.
        assert_eq!(who(&asks).as_deref(), says["oid"].as_str(), "{says}");
    }
}

#[test]
fn b37_a_token_for_two_services_is_none_where_one_is_asked_for() {
    let verifier = |issuer: Issuer| JwtAuthenticator::new([issuer], clock()).unwrap();
    let (any, only) = (verifier(issuer()), verifier(issuer().only_this_audience()));
    for (audience, by_any, by_only) in [
        (json!("desk"), true, true),
        (json!(["desk"]), true, true),
        (json!(["desk", "mcp"]), true, false),
        (json!(["desk", "desk"]), true, false),
        (json!(["mcp"]), false, false),
        (json!([]), false, false),
        (json!("(absent)"), false, false),
        (json!({"desk": 1}), false, false),
    ] {
        let token = sign(&with(&json!({"aud": audience})));
        let token = Credentials::Bearer(&token);
        assert_eq!(any.authenticate(&token).is_ok(), by_any, "{audience}");
        assert_eq!(only.authenticate(&token).is_ok(), by_only, "{audience}");
    }
}
