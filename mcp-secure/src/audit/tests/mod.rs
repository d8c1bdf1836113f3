//! What the audit promises, each as a test.

mod crash;
mod faults;
mod reading;
mod redaction;
mod room;
mod tampering;
mod writing;

use super::file::{Disk, Folder, LogFile};
use super::*;
use crate::clock::{Clock, Timestamp};
use crate::identity::Method;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A folder that goes when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("mcp-secure-audit-{:016x}", rand::random::<u64>());
        Self(std::env::temp_dir().join(name))
    }
}

impl std::ops::Deref for Scratch {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A writer that was just dropped may still be closing its file.
        for _ in 0..20 {
            let _ = std::fs::remove_dir_all(&self.0);
            std::thread::sleep(Duration::from_millis(1));
            if !self.0.exists() {
                break;
            }
        }
    }
}

fn key() -> AuditKey {
    AuditKey::new("k1", &[7; 32])
}

fn quick() -> Options {
    Options {
        confirm_within: Duration::from_secs(5),
        retry_after: Duration::from_millis(5),
        ..Options::default()
    }
}

fn open(dir: &Path) -> Audit {
    Audit::open_with(dir, key(), Clock::system(), quick()).unwrap()
}

fn who(subject: &str, tenant: &str) -> Who {
    Who {
        issuer: "https://issuer.test".into(),
        subject: subject.into(),
        person: Some(format!("{subject}@people")),
        tenant: tenant.into(),
        client: "desk".into(),
        method: Method::Bearer,
        actors: vec!["agent".into()],
    }
}

/// A record with every field filled.
fn full() -> Record {
    let outcome = OutcomeNote::new(Executed::Yes, "ok")
        .result_digest(crate::canon::Digest::of_bytes(b"result"))
        .latency(Duration::from_micros(1250))
        .error("none");
    Record::new(Event::Outcome)
        .request_id("req_1")
        .principal(who("alice", "acme"))
        .tool("request_refund")
        .fingerprint("sha256:00ff")
        .arguments(json!({ "order_id": "ord_5001", "amount_cents": 1200 }))
        .arguments_digest(crate::canon::Digest::of_bytes(b"arguments"))
        .resource("Order::ord_5001")
        .policy(PolicyNote {
            decision: Ruling::Allow,
            ids: vec!["support.refund".into()],
            version: "7".into(),
        })
        .approval(ApprovalNote {
            id: "apr_1".into(),
            state: "approved".into(),
            deciders: vec!["bob@people".into()],
        })
        .run_id("run_1")
        .outcome(outcome)
        .client_info("inspector 2.12")
        .transport("http")
        .trace_id("4bf92f3577b34da6a3ce929d0e0e4736")
        .detail(json!({ "note": "all of it" }))
}

fn log_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

fn only_file(dir: &Path) -> PathBuf {
    let files = log_files(dir);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn entries(dir: &Path) -> Vec<Entry> {
    query(dir, &Filter::default()).unwrap().map(Result::unwrap).collect()
}

fn events(dir: &Path) -> Vec<Event> {
    entries(dir).iter().map(|e| e.record.event).collect()
}

/// Waits for what another thread is about to do.
fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a test makes go wrong.
#[derive(Default, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each step that can fail")]
struct Faults {
    create: bool,
    /// Fail a write after so many bytes of it.
    append_after: Option<usize>,
    sync: bool,
    truncate: bool,
    hang: bool,
    /// Counts what was synced.
    syncs: u32,
}

/// A real folder whose steps fail when told to.
struct Faulty {
    disk: Disk,
    faults: Arc<Mutex<Faults>>,
}

struct FaultyFile {
    file: Box<dyn LogFile>,
    faults: Arc<Mutex<Faults>>,
}

fn full_disk() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space left on device")
}

impl Folder for Faulty {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn LogFile>> {
        if self.faults.lock().unwrap().create {
            return Err(full_disk());
        }
        let file = self.disk.create(name)?;
        Ok(Box::new(FaultyFile { file, faults: self.faults.clone() }))
    }
}

impl LogFile for FaultyFile {
    fn intact(&mut self, len: u64) -> bool {
        self.file.intact(len)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        while self.faults.lock().unwrap().hang {
            std::thread::sleep(Duration::from_millis(2));
        }
        let after = self.faults.lock().unwrap().append_after;
        match after {
            Some(n) => {
                self.file.append(&bytes[..n.min(bytes.len())])?;
                Err(full_disk())
            }
            None => self.file.append(bytes),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.lock().unwrap().syncs += 1;
        if self.faults.lock().unwrap().sync {
            return Err(io::Error::other("input/output error"));
        }
        self.file.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.faults.lock().unwrap().truncate {
            return Err(io::Error::other("stale file handle"));
        }
        self.file.truncate(len)
    }
}

fn open_faulty(dir: &Path, options: Options) -> (Audit, Arc<Mutex<Faults>>) {
    let faults = Arc::new(Mutex::new(Faults::default()));
    let disk = Disk::open(dir, true).unwrap();
    let folder = Box::new(Faulty { disk, faults: faults.clone() });
    (Audit::start(folder, key(), Clock::system(), options).unwrap(), faults)
}
