//! The chain of one file: which record comes next, and what a failed write leaves behind.

use super::file::{Folder, LogFile};
use super::line::{FORMAT, Said, Stamp, genesis, seal};
use super::options::Receipt;
use super::{Event, Record};
use crate::canon::Digest;
use crate::clock::Timestamp;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;

/// The last durable record of a file, which a following file names.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) writer: Arc<str>,
    pub(super) seq: u64,
    pub(super) hash: Digest,
}

/// What every first record of this process tells.
#[derive(Clone)]
pub(super) struct About {
    pub(super) key_id: String,
    pub(super) durability: &'static str,
}

pub(super) struct Chain {
    file: Box<dyn LogFile>,
    writer: Arc<str>,
    pid: u32,
    /// Bytes and records that are durable.
    bytes: u64,
    records: u64,
    hash: Digest,
    time: Timestamp,
    continues: Option<Head>,
    about: About,
}

/// Records sealed in memory, not yet part of the chain.
struct Group {
    bytes: Vec<u8>,
    records: u64,
    hash: Digest,
    time: Timestamp,
    /// `time` in words. Many records of a group share it.
    text: String,
}

impl Chain {
    /// A new file in `folder`, which continues `after`. Its first record is written with the first group.
    pub(super) fn create(
        folder: &mut dyn Folder,
        now: Timestamp,
        about: About,
        after: Option<Head>,
    ) -> io::Result<Self> {
        let writer: Arc<str> = format!("{:016x}", rand::random::<u64>()).into();
        let file = folder.create(&file_name(now, &writer))?;
        let hash = genesis(&writer);
        Ok(Self {
            file,
            writer,
            pid: std::process::id(),
            bytes: 0,
            records: 0,
            hash,
            time: now,
            continues: after,
            about,
        })
    }

    /// What a following file names.
    pub(super) fn head(&self) -> Option<Head> {
        match self.records.checked_sub(1) {
            Some(seq) => Some(Head { writer: self.writer.clone(), seq, hash: self.hash }),
            None => self.continues.clone(),
        }
    }

    /// Whether nobody else has cut, extended or removed the file.
    pub(super) fn is_intact(&mut self) -> bool {
        self.file.intact(self.bytes)
    }

    /// Writes `records` as one group, durable when this returns. After an error the chain stands where it stood.
    pub(super) fn commit(&mut self, records: &[(Timestamp, &Said)]) -> io::Result<Vec<Receipt>> {
        let mut group = Group {
            bytes: Vec::with_capacity(1024 * (records.len() + 1)),
            records: self.records,
            hash: self.hash,
            time: self.time,
            text: self.time.to_rfc3339(),
        };
        if self.records == 0 {
            let opened = Said::of(self.opened());
            let now = records.first().map_or(self.time, |r| r.0);
            self.add(&mut group, now, &opened)?;
        }
        let mut receipts = Vec::with_capacity(records.len());
        for (time, record) in records {
            receipts.push(self.add(&mut group, *time, record)?);
        }
        self.file.append(&group.bytes)?;
        self.file.sync()?;
        self.bytes += group.bytes.len() as u64;
        self.records = group.records;
        self.hash = group.hash;
        self.time = group.time;
        Ok(receipts)
    }

    /// Takes back what a failed commit left in the file, so that the next one follows the last durable record.
    ///
    /// All bytes after that record are written anew, so pages that a failed sync gave up on are written too.
    pub(super) fn roll_back(&mut self) -> io::Result<()> {
        self.file.truncate(self.bytes)
    }

    fn add(&self, group: &mut Group, time: Timestamp, record: &Said) -> io::Result<Receipt> {
        // Two calls may enter the queue in the other order than they read the clock; a chain never goes back.
        let time = time.max(group.time);
        let seq = group.records;
        if time != group.time {
            group.time = time;
            group.text = time.to_rfc3339();
        }
        let stamp = Stamp {
            writer: &self.writer,
            seq,
            time,
            text: &group.text,
            pid: self.pid,
            prev: group.hash,
        };
        let hash = seal(record, &stamp, &mut group.bytes)
            .ok_or_else(|| io::Error::other("a record cannot be said in canonical JSON"))?;
        group.records += 1;
        group.hash = hash;
        Ok(Receipt { writer: self.writer.clone(), seq, hash })
    }

    fn opened(&self) -> Record {
        let continues = self.continues.as_ref().map_or(
            Value::Null,
            |head| json!({ "writer": &*head.writer, "seq": head.seq, "hash": head.hash.to_hex() }),
        );
        Record::new(Event::Opened).detail(json!({
            "format": FORMAT,
            "version": env!("CARGO_PKG_VERSION"),
            "durability": self.about.durability,
            "key_id": self.about.key_id,
            "host": host(),
            "continues": continues,
        }))
    }
}

/// `20260711T101500Z-<writer>.jsonl`: sorted by name is sorted by age.
fn file_name(now: Timestamp, writer: &str) -> String {
    let text = Timestamp::from_millis(now.seconds().saturating_mul(1000)).to_rfc3339();
    let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{text}-{writer}.jsonl")
}

fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    name.ok().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty())
}

impl From<Head> for Receipt {
    fn from(head: Head) -> Self {
        Self { writer: head.writer, seq: head.seq, hash: head.hash }
    }
}
