use super::office::{Office, deliverer, target};
use super::receiver::{Receiver, Seen};
use super::{OTHER, SECRET, verifier};
use crate::clock::{Clock, Timestamp};
use crate::webhook::key::Key;
use crate::webhook::{SecretFault, Verifier, VerifyError};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;

/// The example that the libraries of the Standard Webhooks specification test themselves with. Its key is shorter than
/// this crate takes.
#[test]
fn a_signature_is_what_other_libraries_make_and_take() {
    let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let key = Key::of_any_length(&key);
    let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(key.sign(id, at, body).as_deref(), Some(signature));
    assert!(key.signed(id, at, body, signature));
}

/// One message as a receiver got it.
async fn message(secrets: &[&str]) -> Seen {
    let (office, receiver) = (Office::open(), Receiver::start().await);
    let target = secrets[1..].iter().fold(target("ops", &receiver), |t, s| t.secret(*s));
    let deliverer = deliverer([target]);
    office.ask(1).await;
    office.until(&deliverer, || !receiver.seen().is_empty()).await;
    receiver.seen().remove(0)
}

#[tokio::test]
async fn a_message_is_believed_and_a_changed_one_is_not() {
    let seen = message(&[SECRET]).await;
    let verified = seen.verified(&verifier(&[SECRET])).unwrap();
    assert_eq!(verified.announcement.kind, "approval.pending");
    assert_eq!(verified.id, format!("{}_pending", verified.announcement.data.id));

    let believe = |seen: &Seen| seen.verified(&verifier(&[SECRET])).map(drop);
    for at in 0..seen.body.len() {
        let mut changed = seen.clone();
        changed.body[at] ^= 1;
        assert_eq!(believe(&changed), Err(VerifyError::BadSignature), "byte {at}");
    }
    let mut longer = seen.clone();
    longer.body.push(b' ');
    assert_eq!(believe(&longer), Err(VerifyError::BadSignature));
    let with = |name: &'static str, value: &str| {
        let mut changed = seen.clone();
        changed.headers.insert(name, value.parse().unwrap());
        believe(&changed)
    };
    let at: i64 = seen.header("webhook-timestamp").unwrap().parse().unwrap();
    let bad = Err(VerifyError::BadSignature);
    assert_eq!(with("webhook-timestamp", &(at + 1).to_string()), bad);
    assert_eq!(with("webhook-timestamp", &format!("+{at}")), bad);
    assert_eq!(with("webhook-id", "apr_another_pending"), bad);
    let signature = seen.header("webhook-signature").unwrap();
    for forged in ["", "v1,", "v1", "v1,AAAA", "v2,AAAA", &signature[3..], &signature[..20]] {
        assert_eq!(with("webhook-signature", forged), bad, "{forged}");
    }
    // As a receiver gets it from a server that signs with more secrets.
    assert_eq!(with("webhook-signature", &format!("v1,AAAA {signature}")), Ok(()));
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut without = seen.clone();
        without.headers.remove(name);
        assert_eq!(believe(&without), Err(VerifyError::Missing(name)));
    }
    assert_eq!(seen.verified(&verifier(&[OTHER])).map(drop), bad);
}

#[tokio::test]
async fn an_old_message_is_not_believed_though_its_signature_fits() {
    let seen = message(&[SECRET]).await;
    let at: i64 = seen.header("webhook-timestamp").unwrap().parse().unwrap();
    let believed_at = |seconds: i64| {
        let now = Timestamp::from_millis((at + seconds) * 1000);
        verifier(&[SECRET]).verify_at(now, |name| seen.header(name), &seen.body).map(drop)
    };
    for inside in [-300, -1, 0, 1, 300] {
        assert_eq!(believed_at(inside), Ok(()), "{inside}");
    }
    for outside in [-86_400, -301, 301, 86_400] {
        assert_eq!(believed_at(outside), Err(VerifyError::OutOfWindow), "{outside}");
    }
}

#[test]
fn times_that_are_no_seconds_are_refused_though_signed() {
    let secret = SecretString::from(SECRET);
    let key = Key::read(&secret).unwrap();
    let now = Timestamp::from_millis(1_700_000_000_000);
    for at in ["+1700000000", "-1", "", "1e9", "١٧", "99999999999999999999", "0x65"] {
        let signature = key.sign("id", at, b"{}").unwrap();
        let header = |name: &str| match name {
            "webhook-id" => Some("id"),
            "webhook-timestamp" => Some(at),
            _ => Some(signature.as_str()),
        };
        let believed = verifier(&[SECRET]).verify_at(now, header, b"{}");
        assert_eq!(believed, Err(VerifyError::BadTimestamp), "{at}");
    }
}

/// `a.1.b` is both the id `a` with the body `b`, and ids with dots.
#[test]
fn a_dot_does_not_move_what_is_signed() {
    let key = Key::read(&SecretString::from(SECRET)).unwrap();
    let signature = key.sign("a", "1", b"2.{}").unwrap();
    assert!(key.signed("a", "1", b"2.{}", &signature));
    assert!(!key.signed("a.1", "2", b"{}", &signature));
    assert!(!key.signed("a", "1.2", b"{}", &signature));
    assert_eq!(key.sign("a.b", "1", b"{}"), None);
}

#[test]
fn a_signed_body_that_is_no_announcement_is_refused() {
    let key = Key::read(&SecretString::from(SECRET)).unwrap();
    let now = Clock::system().now();
    let at = now.seconds().to_string();
    let of_another_version = r#"{"type":"approval.pending","version":2,"timestamp":"","data":{}}"#;
    for body in ["", "{}", "null", "[1", of_another_version] {
        let signature = key.sign("id", &at, body.as_bytes()).unwrap();
        let header = |name: &str| match name {
            "webhook-id" => Some("id"),
            "webhook-timestamp" => Some(at.as_str()),
            _ => Some(signature.as_str()),
        };
        let believed = verifier(&[SECRET]).verify_at(now, header, body.as_bytes());
        assert_eq!(believed, Err(VerifyError::Unreadable), "{body}");
    }
}

#[tokio::test]
async fn a_secret_is_changed_without_a_message_that_nobody_believes() {
    let both = message(&[SECRET, OTHER]).await;
    assert_eq!(both.header("webhook-signature").unwrap().split(' ').count(), 2);
    for receiver in [&[SECRET][..], &[OTHER], &[SECRET, OTHER], &[OTHER, SECRET]] {
        assert!(both.verified(&verifier(receiver)).is_ok(), "{receiver:?}");
    }
    let new = message(&[SECRET]).await;
    assert!(new.verified(&verifier(&[OTHER, SECRET])).is_ok());
}

#[test]
fn a_secret_that_could_be_guessed_or_read_in_two_ways_is_none() {
    let of = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![1; bytes]));
    let read = |secret: &str| Verifier::new([SecretString::from(secret)]).map(drop);
    assert_eq!((read(&of(32)), read(&of(64))), (Ok(()), Ok(())));
    assert_eq!(read(&of(31)), Err(SecretFault::Short));
    assert_eq!(read(&of(0)), Err(SecretFault::Short));
    assert_eq!(read(&of(65)), Err(SecretFault::Long));
    let bare = &of(32)[6..];
    for text in
        ["", "hunter2", bare, "whsec_hunter2", &of(32).replace('=', ""), &format!("{} ", of(32))]
    {
        assert_eq!(read(text), Err(SecretFault::Form), "{text}");
        let said = read(text).unwrap_err().to_string();
        assert!(text.is_empty() || !said.contains(text), "{said}");
    }
    assert_eq!(Verifier::new([]).map(drop), Err(SecretFault::None));
    let shown = format!("{:?}", verifier(&[SECRET]));
    assert_eq!(shown, "Verifier([Key(..)])");
}
