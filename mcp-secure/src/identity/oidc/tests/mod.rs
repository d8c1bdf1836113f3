mod fake;

use std::time::Duration;

use axum::http::StatusCode;
use fake::{Fake, Says};
use jsonwebtoken::Algorithm;
use openidconnect::url::form_urlencoded;
use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::identity::{Authenticated, Method, PersonMapping};

const BACK: &str = "http://127.0.0.1:8080/inbox/oidc/callback";

fn settings(fake: &Fake) -> Oidc {
    let person = PersonMapping::Claim("employee".into());
    Oidc::new(fake.issuer.clone(), "desk").claims(Claims { person, ..Claims::default() })
}

fn desk(fake: &Fake) -> OidcSignIn {
    OidcSignIn::new(settings(fake), Clock::system()).unwrap()
}

async fn sign_in(fake: &Fake, desk: &OidcSignIn) -> Result<Authenticated, SignInRefused> {
    let (url, kept) = desk.begin(BACK).await?;
    desk.finish(&fake.authorize(&url), kept).await
}

/// What becomes of a sign-in at a provider that was changed so.
async fn told(change: impl FnOnce(&mut Says)) -> Result<Authenticated, SignInRefused> {
    let fake = Fake::start().await;
    fake.with(change);
    sign_in(&fake, &desk(&fake)).await
}

async fn claims(over: Value) -> Result<Authenticated, SignInRefused> {
    told(|says| says.claims = over).await
}

#[tokio::test]
async fn a_person_signs_in_and_is_who_the_provider_says() {
    let fake = Fake::start().await;
    let desk = OidcSignIn::new(settings(&fake).secret("s3cret"), Clock::system()).unwrap();
    let who = sign_in(&fake, &desk).await.unwrap();
    assert_eq!(who.issuer, fake.issuer);
    assert_eq!((who.subject.as_str(), who.person.as_deref()), ("u-1", Some("bob")));
    assert_eq!((who.tenant.as_str(), who.client.as_str()), ("acme", "inbox"));
    assert!(who.roles.contains("support_lead"));
    assert_eq!(who.method, Method::Interactive);
    // `desk:s3cret`.
    let authorization = fake.says.lock().unwrap().authorization.clone();
    assert_eq!(authorization.as_deref(), Some("Basic ZGVzazpzM2NyZXQ="));
}

#[tokio::test]
async fn what_is_kept_and_what_is_sent_share_no_secret() {
    let fake = Fake::start().await;
    let (url, kept) = desk(&fake).begin(BACK).await.unwrap();
    let verifier = kept["verifier"].as_str().unwrap();
    assert!(verifier.len() >= 43 && !url.contains(verifier), "{url}");
    assert!(url.contains("scope=openid") && url.contains("redirect_uri=http%3A%2F%2F127.0.0.1"));
    let (other, _) = desk(&fake).begin(BACK).await.unwrap();
    assert_ne!(url, other);
}

#[tokio::test]
async fn an_id_token_that_does_not_hold_signs_nobody_in() {
    for over in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"iss": "http://127.0.0.1:1"}),
        json!({"aud": "another"}),
        json!({"aud": ["desk", "another"], "azp": "desk"}),
        json!({"azp": "another"}),
        json!({"azp": 7}),
        json!({"exp": 1}),
        json!({"exp": null}),
        json!({"iat": 1}),
        json!({"iat": 9_999_999_999_i64}),
    ] {
        assert_eq!(claims(over.clone()).await.unwrap_err(), SignInRefused::Token, "{over}");
    }
    claims(json!({"azp": "desk"})).await.unwrap();
    claims(json!({"aud": ["desk"]})).await.unwrap();
}

#[tokio::test]
async fn a_signature_by_anything_but_a_published_key_is_none() {
    // Another key under a known id; a shared secret; a kind of token that is no ID token.
    let refused = told(|says| says.key = (2, "k1")).await;
    assert_eq!(refused.unwrap_err(), SignInRefused::Token);
    let fake = Fake::start().await;
    fake.with(|says| says.algorithm = Algorithm::HS256);
    let desk = settings(&fake).secret("the client's secret");
    let desk = OidcSignIn::new(desk, Clock::system()).unwrap();
    assert_eq!(sign_in(&fake, &desk).await.unwrap_err(), SignInRefused::Token);
    let refused = told(|says| says.typ = Some("at+jwt")).await;
    assert_eq!(refused.unwrap_err(), SignInRefused::Token);
}

#[tokio::test]
async fn b38_only_a_person_signs_in() {
    for over in
        [json!({"employee": null}), json!({"employee": " "}), json!({"act": {"sub": "bot"}})]
    {
        assert_eq!(claims(over.clone()).await.unwrap_err(), SignInRefused::NoPerson, "{over}");
    }
    for (over, claim) in [
        (json!({"employee": 7}), "person"),
        (json!({"tenant": null}), "tenant"),
        (json!({"roles": {"a": 1}}), "roles"),
    ] {
        let refused = claims(over.clone()).await.unwrap_err();
        assert_eq!(refused, SignInRefused::Claim(claim), "{over}");
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_verified_makes_nobody_a_person() {
    let mapped = |fake: &Fake| {
        let person = PersonMapping::Claim("email".into());
        let claims = Claims { person, ..Claims::default() };
        OidcSignIn::new(settings(fake).claims(claims), Clock::system()).unwrap()
    };
    for (verified, refused) in
        [(json!(true), false), (json!(false), true), (json!("true"), true), (json!(null), true)]
    {
        let fake = Fake::start().await;
        fake.with(|says| {
            says.claims = json!({"email": "bob@acme.example", "email_verified": verified});
        });
        let signed_in = sign_in(&fake, &mapped(&fake)).await;
        // A word in place of a truth value is no ID token at all.
        let why = if verified.is_string() {
            SignInRefused::Token
        } else {
            SignInRefused::Claim("email_verified")
        };
        match signed_in {
            Ok(who) => assert!(!refused && who.person.as_deref() == Some("bob@acme.example")),
            Err(said) => {
                assert!(refused && [why, SignInRefused::Token].contains(&said), "{verified}");
            }
        }
    }
}

#[tokio::test]
async fn b37_a_way_back_counts_once_and_for_the_one_who_went() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    let (url, kept) = desk.begin(BACK).await.unwrap();
    let (_, others) = desk.begin(BACK).await.unwrap();
    let query = fake.authorize(&url);
    let refused = |query: String, kept: Value| {
        let desk = &desk;
        async move { desk.finish(&query, kept).await.unwrap_err() }
    };
    // Somebody else's browser is given this way back, or this one is given somebody else's.
    assert_eq!(refused(query.clone(), others.clone()).await, SignInRefused::NotBegun);
    let mut forged = kept.clone();
    forged["state"] = json!("another");
    assert_eq!(refused(query.clone(), forged).await, SignInRefused::NotBegun);
    assert_eq!(refused("code=code-1".to_owned(), kept.clone()).await, SignInRefused::NotBegun);
    assert_eq!(fake.asked("token"), 0, "a code was shown before it was known whose it is");
    // Another's code under the right state is caught by PKCE, at the provider.
    let (others_url, _) = desk.begin(BACK).await.unwrap();
    let stolen = fake.authorize(&others_url);
    let code = stolen.split('&').next().unwrap();
    let injected = query.replacen("code=code-1", code, 1);
    assert_eq!(refused(injected, kept.clone()).await, SignInRefused::Code);
    // And the code itself counts once.
    desk.finish(&query, kept.clone()).await.unwrap();
    assert_eq!(refused(query, kept).await, SignInRefused::Code);
}

#[tokio::test]
async fn an_answer_of_another_provider_is_not_taken() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    for (from, to) in [("&iss=", "&iss=http%3A%2F%2Fevil&was="), ("&iss=", "&was=")] {
        let (url, kept) = desk.begin(BACK).await.unwrap();
        let query = fake.authorize(&url).replace(from, to);
        assert_eq!(desk.finish(&query, kept).await.unwrap_err(), SignInRefused::OtherIssuer);
    }
    assert_eq!(fake.asked("token"), 0);
    // One that never names itself may leave it out, and may not name another.
    fake.with(|says| {
        says.metadata = json!({"authorization_response_iss_parameter_supported": null});
    });
    let desk = self::desk(&fake);
    let (url, kept) = desk.begin(BACK).await.unwrap();
    let query = fake.authorize(&url);
    let other = query.replace("&iss=", "&iss=x");
    let refused = desk.finish(&other, kept.clone()).await.unwrap_err();
    assert_eq!(refused, SignInRefused::OtherIssuer);
    desk.finish(&query.replace("&iss=", "&was="), kept).await.unwrap();
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_by_its_code_alone() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    for (said, told) in [
        ("access_denied", "access_denied"),
        ("%3Cscript%3E", "unknown_error"),
        ("", "unknown_error"),
    ] {
        let (url, kept) = desk.begin(BACK).await.unwrap();
        let state = Url::parse(&url).unwrap();
        let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let query = format!(
            "error={said}&error_description=%3Cb%3E&state={state}&iss={}",
            form_urlencoded::byte_serialize(fake.issuer.as_bytes()).collect::<String>()
        );
        let refused = desk.finish(&query, kept).await.unwrap_err();
        assert_eq!(refused, SignInRefused::Denied(told.to_owned()));
    }
}

#[tokio::test]
async fn a_parameter_that_comes_twice_is_no_answer() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    for more in ["&state=x", "&code=x", "&iss=x", "&error=a&error=b"] {
        let (url, kept) = desk.begin(BACK).await.unwrap();
        let query = fake.authorize(&url) + more;
        assert_eq!(
            desk.finish(&query, kept).await.unwrap_err(),
            SignInRefused::Malformed,
            "{more}"
        );
    }
    let (_, kept) = desk.begin(BACK).await.unwrap();
    let long = format!("state={}", "x".repeat(5000));
    assert_eq!(desk.finish(&long, kept).await.unwrap_err(), SignInRefused::Malformed);
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_nobody_out_for_longer_than_it_is_down() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let desk =
        OidcSignIn::new(Oidc::new(format!("http://{port}"), "desk"), Clock::system()).unwrap();
    let refused = desk.begin(BACK).await.unwrap_err();
    assert!(refused == SignInRefused::Unavailable && refused.passes());
    assert_eq!(desk.look().await.unwrap_err(), SignInRefused::Unavailable);
    // What it says can not be used; a moment later it can.
    let fake = Fake::start().await;
    fake.with(|says| says.metadata = json!({"issuer": "http://127.0.0.1:1"}));
    let desk = self::desk(&fake);
    for _ in 0..5 {
        assert_eq!(desk.look().await.unwrap_err(), SignInRefused::Unavailable);
    }
    assert_eq!(fake.asked("metadata"), 1, "each press of a button reached the provider");
    fake.with(|says| says.metadata = json!({}));
    tokio::time::sleep(Duration::from_millis(2100)).await;
    sign_in(&fake, &desk).await.unwrap();
    sign_in(&fake, &desk).await.unwrap();
    assert_eq!((fake.asked("metadata"), fake.asked("jwks")), (2, 1));
}

#[tokio::test]
async fn a_token_endpoint_that_fails_signs_nobody_in() {
    for (status, body, refused) in [
        (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant"}), SignInRefused::Code),
        (StatusCode::INTERNAL_SERVER_ERROR, json!("oops"), SignInRefused::Token),
        (
            StatusCode::OK,
            json!({"access_token": "a", "token_type": "Bearer"}),
            SignInRefused::Token,
        ),
        (
            StatusCode::OK,
            json!({"access_token": "a", "token_type": "Bearer", "id_token": "a.b.c"}),
            SignInRefused::Token,
        ),
    ] {
        let said = told(|says| (says.token_status, says.token_body) = (status, Some(body))).await;
        assert_eq!(said.unwrap_err(), refused);
    }
    let refused = told(|says| {
        says.token_status = StatusCode::UNAUTHORIZED;
        says.token_body = Some(json!({"error": "invalid_client"}));
    });
    assert!(matches!(refused.await.unwrap_err(), SignInRefused::Setup(_)));
}

#[tokio::test]
async fn new_keys_are_fetched_when_a_token_names_one() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    sign_in(&fake, &desk).await.unwrap();
    fake.with(|says| (says.key, says.published) = ((2, "k2"), vec![(2, "k2")]));
    sign_in(&fake, &desk).await.unwrap();
    assert_eq!(fake.asked("jwks"), 2);
    // The old one vouches for nobody any more.
    fake.with(|says| says.key = (1, "k1"));
    assert_eq!(sign_in(&fake, &desk).await.unwrap_err(), SignInRefused::Token);
}

#[tokio::test]
async fn a_proof_that_is_too_old_is_none() {
    let fake = Fake::start().await;
    let now = Clock::system().now().seconds();
    let desk = OidcSignIn::new(settings(&fake).max_age(Duration::from_secs(600)), Clock::system());
    let desk = desk.unwrap();
    let (url, _) = desk.begin(BACK).await.unwrap();
    assert!(url.contains("max_age=600"), "{url}");
    for (auth_time, refused) in [(json!(now), false), (json!(now - 700), true), (json!(null), true)]
    {
        fake.with(|says| says.claims = json!({"auth_time": auth_time}));
        let said = sign_in(&fake, &desk).await;
        assert_eq!(said.err(), refused.then_some(SignInRefused::TooOld), "{auth_time}");
    }
}

#[tokio::test]
async fn accounts_that_nobody_can_compare_take_a_claim() {
    let fake = Fake::start().await;
    fake.with(|says| says.metadata = json!({"subject_types_supported": ["pairwise"]}));
    sign_in(&fake, &desk(&fake)).await.unwrap();
    let by_account = settings(&fake).claims(Claims::default());
    let by_account = OidcSignIn::new(by_account, Clock::system()).unwrap();
    assert!(matches!(by_account.begin(BACK).await.unwrap_err(), SignInRefused::Setup(_)));
}

#[tokio::test]
async fn endpoints_beyond_this_machine_are_not_asked_by_http() {
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let refused = told(|says| says.metadata = json!({name: "http://192.0.2.1/x"})).await;
        assert_eq!(refused.unwrap_err(), SignInRefused::Unavailable, "{name}");
    }
}

#[test]
fn what_can_not_be_a_provider_is_told_before_anybody_is_asked() {
    let faults = |issuer: &str, client: &str| Oidc::new(issuer, client).faults();
    assert!(faults("https://login.example.com/realms/acme", "desk").is_empty());
    assert!(faults("http://127.0.0.1:3000", "desk").is_empty());
    assert!(faults("http://login.example.com", "desk")[0].contains("has to be asked by https"));
    assert!(faults("login", "desk")[0].contains("is no address"));
    assert!(faults("https://login.example.com/?a=b", "desk")[0].contains("has no user, query"));
    assert!(faults("https://a:b@login.example.com/", "desk")[0].contains("has no user, query"));
    assert_eq!(faults("login", "").len(), 2);
    let scopes = Oidc::new("https://login.example.com", "desk").scopes(["profile", "a b", ""]);
    assert_eq!(scopes.faults().len(), 2);
    let refused = OidcSignIn::new(Oidc::new("http://login.example.com", "desk"), Clock::system());
    assert!(refused.is_err());
}

#[test]
fn no_secret_is_printed() {
    let oidc = Oidc::new("https://login.example.com", "desk").secret("hunter2");
    assert!(!format!("{oidc:?}").contains("hunter2"));
}
