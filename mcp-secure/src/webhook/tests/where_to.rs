//! That a message goes to the address that was looked at, and to no other.

use super::SECRET;
use super::receiver::{Receiver, Reply};
use crate::clock::Clock;
use crate::tool::BoxFuture;
use crate::webhook::post::{Failed, Failure, Post};
use crate::webhook::resolve::{Names, System};
use crate::webhook::{Target, Webhooks};
use http::HeaderMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers of a name server that the attacker has: one after the other, the last for ever.
pub(super) struct Rebinding(Mutex<Vec<Vec<IpAddr>>>);

impl Rebinding {
    pub(super) fn answering(answers: &[&[&str]]) -> Arc<dyn Names> {
        let read = |answer: &&[&str]| answer.iter().map(|one| one.parse().unwrap()).collect();
        let mut answers: Vec<Vec<IpAddr>> = answers.iter().map(read).collect();
        answers.reverse();
        Arc::new(Self(Mutex::new(answers)))
    }
}

impl Names for Rebinding {
    fn addresses(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

pub(super) fn post_to(target: Target, names: &Arc<dyn Names>) -> Post {
    let aims = Webhooks::new().to(target).aims();
    let aim = aims.map_err(|faults| format!("{faults:?}")).unwrap().remove(0);
    let tls = crate::tls::trusting(rustls::RootCertStore::empty()).unwrap();
    Post::new(&aim, Arc::clone(names), tls, Duration::from_secs(1)).unwrap()
}

pub(super) async fn send(post: &Post) -> Result<(), Failed> {
    post.send(HeaderMap::new(), b"{}".to_vec(), Clock::system().now()).await
}

async fn why(post: &Post) -> Failure {
    send(post).await.unwrap_err().why
}

fn at(url: &str) -> Target {
    Target::new("ops", url).secret(SECRET)
}

/// Plain HTTP is taken so that what would arrive can be seen to arrive.
fn plain(receiver: &Receiver) -> Target {
    at(&format!("http://localhost:{}/hook", receiver.addr.port())).allow_http_on_loopback()
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_connected_to() {
    let receiver = Receiver::start().await;
    let url = format!("https://hooks.example.com:{}/", receiver.addr.port());
    for answer in [
        &["127.0.0.1"][..],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["10.0.0.1"],
        &["169.254.169.254"],
        &["64:ff9b::7f00:1"],
        &["0.0.0.0"],
        // One that is allowed makes the other no better, whichever is tried first.
        &["1.1.1.1", "127.0.0.1"],
        &["127.0.0.1", "1.1.1.1"],
        &[],
    ] {
        assert_eq!(
            why(&post_to(at(&url), &Rebinding::answering(&[answer]))).await,
            Failure::Address,
            "{answer:?}"
        );
    }
    for answer in
        [&["169.254.169.254"][..], &["0.0.0.0"], &["fe80::1"], &["10.0.0.1", "169.254.169.254"]]
    {
        let private = at(&url).allow_private_addresses();
        assert_eq!(
            why(&post_to(private, &Rebinding::answering(&[answer]))).await,
            Failure::Address,
            "{answer:?}"
        );
    }
    assert!(receiver.seen().is_empty());
}

/// By the system's own names, with nothing of the test's in between.
#[tokio::test]
async fn a_name_of_this_machine_is_no_way_around() {
    let receiver = Receiver::start().await;
    let names: Arc<dyn Names> = Arc::new(System);
    for host in ["localhost", "LOCALHOST", "lo\u{ad}calhost", "%6cocalhost"] {
        let url = format!("https://{host}:{}/", receiver.addr.port());
        assert_eq!(why(&post_to(at(&url), &names)).await, Failure::Address, "{host}");
    }
    // Not every system knows this one.
    let dotted = format!("https://localhost.:{}/", receiver.addr.port());
    let failure = why(&post_to(at(&dotted), &names)).await;
    assert!(matches!(failure, Failure::Address | Failure::Name), "{failure:?}");
    assert!(receiver.seen().is_empty());
    let nowhere = post_to(at("https://hooks.invalid/"), &names);
    assert_eq!(why(&nowhere).await, Failure::Name);
    assert_eq!(
        send(&post_to(plain(&receiver), &names)).await,
        Ok(()),
        "where it is allowed it is there"
    );
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_leads_nobody_elsewhere() {
    let receiver = Receiver::start().await;
    // Good when it is looked at, bad from then on: were it looked up twice, the second answer would be connected to.
    let names = Rebinding::answering(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let post = post_to(plain(&receiver), &names);
    assert_eq!(send(&post).await, Ok(()), "what was looked at is what is connected to");
    assert_eq!(why(&post).await, Failure::Address, "and the next attempt looks again");
    let names = Rebinding::answering(&[&["10.0.0.1"], &["127.0.0.1"]]);
    let post = post_to(plain(&receiver), &names);
    assert_eq!(why(&post).await, Failure::Address);
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn plain_http_goes_to_this_machine_alone_whatever_the_name_says() {
    let receiver = Receiver::start().await;
    for answer in [&["1.1.1.1"][..], &["10.0.0.1"], &["127.0.0.1", "1.1.1.1"]] {
        let post = post_to(plain(&receiver), &Rebinding::answering(&[answer]));
        assert_eq!(why(&post).await, Failure::Address, "{answer:?}");
        let private = plain(&receiver).allow_private_addresses();
        let post = post_to(private, &Rebinding::answering(&[answer]));
        assert_eq!(why(&post).await, Failure::Address, "{answer:?}");
    }
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn a_redirection_is_a_failure_and_never_followed() {
    let (receiver, inside) = (Receiver::start().await, Receiver::start().await);
    let names: Arc<dyn Names> = Arc::new(System);
    let post = post_to(plain(&receiver), &names);
    for status in [301, 302, 303, 307, 308] {
        for place in [inside.url(), format!("//{}/", inside.addr), "/hook2".to_owned()] {
            receiver.always(Reply::With(status, "location", place));
            assert_eq!(why(&post).await, Failure::Status(status));
        }
    }
    receiver.always(Reply::With(200, "refresh", format!("0; url={}", inside.url())));
    assert_eq!(send(&post).await, Ok(()));
    assert!(inside.seen().is_empty());
    assert_eq!(receiver.seen().len(), 16);
}

#[tokio::test]
async fn who_asks_to_be_left_alone_is_heard() {
    let receiver = Receiver::start().await;
    let names: Arc<dyn Names> = Arc::new(System);
    let post = post_to(plain(&receiver), &names);
    for (said, heard) in [
        ("120", Some(120)),
        ("0", Some(0)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("99999999999999999999999", None),
    ] {
        receiver.always(Reply::With(503, "retry-after", said.to_owned()));
        let failed = send(&post).await.unwrap_err();
        assert_eq!(failed.retry_after.map(|time| time.as_secs()), heard, "{said}");
    }
    let later = time::OffsetDateTime::now_utc() + Duration::from_secs(90);
    let date = later.format(&time::format_description::well_known::Rfc2822).unwrap();
    receiver.always(Reply::With(503, "retry-after", date.replace("+0000", "GMT")));
    let heard = send(&post).await.unwrap_err().retry_after.unwrap();
    assert!((85..=91).contains(&heard.as_secs()), "{heard:?}");
}

#[test]
fn a_failure_says_nothing_of_where_or_what() {
    let all = [
        Failure::Address,
        Failure::Name,
        Failure::Certificate,
        Failure::Connect,
        Failure::TimedOut,
        Failure::Status(500),
        Failure::Broken,
    ];
    for failure in all {
        let said = failure.to_string();
        assert!(!said.contains("http") && !said.contains("example"), "{said}");
    }
}
