use super::SECRET;
use crate::prelude::Server;
use crate::webhook::{Target, Webhooks};

fn faults_of(target: Target) -> Vec<String> {
    Webhooks::new().to(target).faults().iter().map(ToString::to_string).collect()
}

fn at(url: &str) -> Target {
    Target::new("ops", url).secret(SECRET)
}

#[track_caller]
fn one_fault(target: Target, says: &str) {
    let faults = faults_of(target);
    let one = <[String; 1]>::try_from(faults).unwrap_or_else(|all| panic!("{says}: {all:?}"));
    assert!(one[0].starts_with("webhook `ops`: ") && one[0].contains(says), "{says}: {}", one[0]);
}

#[test]
fn a_target_without_faults_is_taken() {
    for url in [
        "https://hooks.example.com",
        "https://hooks.example.com:8443/a/b?token=x",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
    ] {
        assert_eq!(faults_of(at(url)), Vec::<String>::new(), "{url}");
    }
    for url in ["http://127.0.0.1:9000/", "http://[::1]:9000/", "http://localhost:9000/x"] {
        assert_eq!(faults_of(at(url).allow_http_on_loopback()), Vec::<String>::new(), "{url}");
    }
    for url in
        ["https://10.0.0.1/", "https://127.0.0.1/", "https://[fd00::1]/", "https://100.64.1.1/"]
    {
        assert_eq!(faults_of(at(url).allow_private_addresses()), Vec::<String>::new(), "{url}");
    }
}

#[test]
fn an_address_that_is_not_public_is_refused_however_it_is_spelt() {
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://%31%32%37.0.0.1/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::]/",
        "https://0/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0xa9fea9fe/",
        "https://2852039166/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://192.0.2.1/",
    ] {
        one_fault(at(url), "its URL has an address that is not public");
    }
    for url in [
        "https://169.254.169.254/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://224.0.0.1/",
    ] {
        one_fault(at(url).allow_private_addresses(), "an address that no server has");
    }
}

#[test]
fn what_is_not_encrypted_leaves_this_machine_nowhere() {
    one_fault(at("http://hooks.example.com/"), "use `https`");
    one_fault(at("http://127.0.0.1/"), "allow_http_on_loopback");
    one_fault(at("http://127.0.0.1/").allow_private_addresses(), "allow_http_on_loopback");
    for url in [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "http://1.1.1.1/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://[::ffff:10.0.0.1]/",
    ] {
        let plain = at(url).allow_http_on_loopback();
        one_fault(plain.clone(), "does not lead to this machine");
        one_fault(plain.allow_private_addresses(), "does not lead to this machine");
    }
}

#[test]
fn a_url_that_says_more_than_where_is_refused() {
    one_fault(at("https://user@hooks.example.com/"), "a user or a password");
    one_fault(at("https://user:hunter2@hooks.example.com/"), "a user or a password");
    one_fault(at("https://:hunter2@hooks.example.com/"), "a user or a password");
    one_fault(at("https://hooks.example.com/#part"), "a fragment");
    one_fault(at("https://hooks.example.com/#"), "a fragment");
    one_fault(at("https://hooks.example.com:0/"), "port 0");
    for url in [
        "https://",
        "https://%",
        "https://a:b:c/",
        "https://a.0x7f.1/",
        "https://a:99999/",
        "https://xn--/",
    ] {
        one_fault(at(url), "its URL is none");
    }
    for url in [
        "",
        "hooks.example.com",
        "//hooks.example.com",
        "https:///hooks.example.com/",
        "https:hooks.example.com",
        "HTTPS://hooks.example.com",
        "file:///etc/passwd",
        "ftp://hooks.example.com/",
        "unix:/run/x",
        "data:,x",
        "gopher://1.1.1.1/",
    ] {
        one_fault(at(url), "has to begin with `https://`");
    }
    for url in [
        "https://hooks.example.com/\n",
        " https://hooks.example.com/",
        "https://hooks.exam\tple.com/",
        "https:\\\\hooks.example.com/",
        "https://hooks.example.com\\@1.1.1.1/",
        "https://hooks.example.com/\0",
    ] {
        one_fault(at(url), "white space");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_nothing_of_a_secret() {
    let webhooks = Webhooks::new()
        .to(Target::new("ops", "http://user:hunter2@hooks.example.com/hunter2"))
        .to(Target::new("ops", "https://u:hunter2@10.0.0.1/hunter2#x")
            .secret("hunter2")
            .secret("whsec_aHVudGVyMg=="))
        .to(Target::new("a name\u{202e}", "hunter2").secret(SECRET));
    let server = Server::builder(|_| Ok::<(), String>(())).webhooks(webhooks.clone());
    let said: Vec<String> = server.check().unwrap_err().iter().map(ToString::to_string).collect();
    for expected in [
        "webhook `ops`: there is no secret",
        "webhook `ops`: its URL is `http`",
        "webhook `ops`: there are two of this name",
        "webhook `ops`: a secret is `whsec_`",
        "webhook `ops`: the secret has fewer than 32 bytes",
        "webhook `ops`: its URL has a user or a password",
        "webhook `ops`: its URL has a fragment",
        "webhook `ops`: its URL has an address that is not public",
        "webhook `a name\\u{202e}`: a name is 1 to 64 characters",
        "webhook `a name\\u{202e}`: its URL has to begin with",
        "nothing is served",
    ] {
        assert!(said.iter().any(|one| one.starts_with(expected)), "{expected}: {said:#?}");
    }
    let shown = format!("{said:?} {webhooks:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("aHVudGVyMg") && !shown.contains("10.0.0.1"),
        "{shown}"
    );
}

#[test]
fn there_are_not_any_number_of_targets_or_secrets() {
    let many = (0..17).fold(Webhooks::new(), |webhooks, n| {
        webhooks.to(Target::new(format!("t{n}"), "https://hooks.example.com/").secret(SECRET))
    });
    assert!(many.faults()[0].to_string().contains("17 webhooks"));
    let target = (0..4).fold(at("https://hooks.example.com/"), |target, _| target.secret(SECRET));
    one_fault(target, "4 secrets is the most");
}

#[test]
fn without_targets_nothing_is_announced_and_nothing_runs() {
    assert!(!Webhooks::new().announces());
    assert!(crate::webhook::Deliverer::open(&Webhooks::new()).unwrap().is_none());
}
