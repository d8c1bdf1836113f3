//! What is looked at before anything is served. All causes are told at once.

use super::address::Reach;
use super::key::{Key, SecretFault};
use super::{Target, Webhooks};
use crate::catalog::StartFault;
use reqwest::Url;
use secrecy::ExposeSecret as _;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Each may be waited for, so there can not be any number of them.
const MOST_TARGETS: usize = 16;
/// More than anybody rotates through at once; each adds a signature to every message.
const MOST_SECRETS: usize = 4;

/// A target without faults.
pub(super) struct Aim {
    pub(super) name: String,
    pub(super) url: Url,
    pub(super) reach: Reach,
    pub(super) keys: Vec<Key>,
    pub(super) tenants: Vec<String>,
}

impl Aim {
    /// Whether what is sent there is not encrypted.
    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }
}

impl Webhooks {
    /// Everything that is wrong with the targets.
    pub(crate) fn faults(&self) -> Vec<StartFault> {
        self.aims().err().unwrap_or_default()
    }

    pub(super) fn aims(&self) -> Result<Vec<Aim>, Vec<StartFault>> {
        let (mut aims, mut faults) = (Vec::new(), Vec::new());
        let mut names = BTreeSet::new();
        for target in &self.targets {
            if !names.insert(&target.name) {
                faults.push(fault(target, "there are two of this name; give each its own"));
            }
            match target.aim() {
                Ok(aim) => aims.push(aim),
                Err(found) => faults.extend(found.iter().map(|why| fault(target, why))),
            }
        }
        if self.targets.len() > MOST_TARGETS {
            faults.push(StartFault::server(format!(
                "there are {} webhooks, and {MOST_TARGETS} is the most; send to one that hands on",
                self.targets.len()
            )));
        }
        if faults.is_empty() { Ok(aims) } else { Err(faults) }
    }
}

fn fault(target: &Target, why: &str) -> StartFault {
    StartFault::server(format!("webhook `{}`: {why}", target.name.escape_debug()))
}

impl Target {
    fn aim(&self) -> Result<Aim, Vec<String>> {
        let mut faults = Vec::new();
        if !is_name(&self.name) {
            faults
                .push("a name is 1 to 64 characters of letters, digits, `_`, `-`, `.`".to_owned());
        }
        let (keys, bad): (Vec<_>, Vec<_>) =
            self.secrets.iter().map(Key::read).partition(Result::is_ok);
        faults.extend(bad.into_iter().filter_map(Result::err).map(|why| why.to_string()));
        if self.secrets.is_empty() {
            faults.push(SecretFault::None.to_string());
        }
        if self.secrets.len() > MOST_SECRETS {
            faults.push(format!("{MOST_SECRETS} secrets is the most; take old ones away"));
        }
        match self.place() {
            Ok((url, reach)) if faults.is_empty() => {
                let keys = keys.into_iter().filter_map(Result::ok).collect();
                let (name, tenants) = (self.name.clone(), self.tenants.clone());
                Ok(Aim { name, url, reach, keys, tenants })
            }
            Ok(_) => Err(faults),
            Err(found) => {
                faults.extend(found);
                Err(faults)
            }
        }
    }

    /// Where it is, or everything that is wrong with that. The URL is not repeated: it may hold a password.
    fn place(&self) -> Result<(Url, Reach), Vec<String>> {
        let one = |why: &str| vec![why.to_owned()];
        // The parser leaves out and puts right what a person overlooks. Here it reads what whoever reads the URL does.
        let text = self.url.expose_secret();
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(one("there is white space or a backslash in its URL; take it out"));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.starts_with('/')) {
            return Err(one("its URL has to begin with `https://` and a name"));
        }
        let url = Url::parse(text)
            .map_err(|_| one("its URL is none; write `https://hooks.example.com/path`"))?;
        let mut faults = Vec::new();
        let reach = match url.scheme() {
            "https" if self.private => Reach::Private,
            "https" => Reach::Public,
            "http" if self.plain => Reach::Loopback,
            _ => {
                return Err(one(
                    "its URL is `http`, which anybody on the way reads and changes; use `https`, or \
                     `allow_http_on_loopback` for a program on this machine",
                ));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            faults.push(
                "its URL has a user or a password; messages are signed, take it out".to_owned(),
            );
        }
        if url.fragment().is_some() {
            faults
                .push("its URL has a fragment (`#`), which is never sent; take it out".to_owned());
        }
        if url.port() == Some(0) {
            faults.push("its URL has port 0, where nobody listens".to_owned());
        }
        match url.host_str().map(|host| (host, literal(host))) {
            Some((_, Some(address))) if !reach.allows(address) => faults.push(refused(reach)),
            Some((host, None)) if reach == Reach::Loopback && !is_localhost(host) => {
                faults.push(refused(reach));
            }
            Some(_) => {}
            None => faults.push("its URL names no host".to_owned()),
        }
        if faults.is_empty() { Ok((url, reach)) } else { Err(faults) }
    }
}

fn refused(reach: Reach) -> String {
    match reach {
        Reach::Public => {
            "its URL has an address that is not public; use `allow_private_addresses` if it is a private one or one of \
             this machine"
        }
        Reach::Private => "its URL has an address that no server has; use the server's own",
        Reach::Loopback => "its URL is `http` and does not lead to this machine; use `https`",
    }
    .to_owned()
}

/// The address that a host of a URL is, however it was spelt: the parser has read `0x7f.1` and `2130706433` by now.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_localhost(host: &str) -> bool {
    host.trim_end_matches('.') == "localhost"
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}
