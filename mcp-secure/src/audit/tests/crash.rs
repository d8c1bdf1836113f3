//! Processes that end in the middle: this test binary, started again as the child.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const FOLDER: &str = "MCP_SECURE_TEST_AUDIT_FOLDER";

fn child(test: &str) -> Vec<String> {
    let this = std::env::current_exe().unwrap();
    let name = format!("audit::tests::crash::{test}");
    [this.to_str().unwrap(), &name, "--exact", "--ignored", "--nocapture"]
        .map(str::to_owned)
        .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "run by the test that kills it"]
async fn child_that_records_until_it_is_killed() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let audit = open(Path::new(&dir));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let audit = audit.clone();
            tokio::spawn(async move {
                loop {
                    let receipt = audit.durable(full()).await.unwrap();
                    println!("acknowledged {}", receipt.seq);
                }
            })
        })
        .collect();
    std::future::pending::<()>().await;
    drop(tasks);
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let dir = Scratch::new();
    let words = child("child_that_records_until_it_is_killed");
    let mut process = Command::new(&words[0])
        .args(&words[1..])
        .env(FOLDER, &*dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    for line in output.lines() {
        if let Some((_, seq)) = line.unwrap().split_once("acknowledged ") {
            acknowledged.push(seq.parse::<u64>().unwrap());
        }
        if acknowledged.len() == 200 {
            process.kill().unwrap();
            break;
        }
    }
    process.wait().unwrap();
    assert_eq!(acknowledged.len(), 200);

    let report = verify(&dir).unwrap();
    assert!(report.is_intact(), "{:?}", report.problems);
    assert!(!report.writers[0].closed);
    let written: Vec<u64> = entries(&dir).iter().map(|e| e.seq).collect();
    assert!(acknowledged.iter().all(|seq| written.contains(seq)));
}

#[tokio::test]
async fn a_torn_last_line_is_told_apart_from_tampering_at_every_cut() {
    let dir = Scratch::new();
    let audit = open(&dir);
    audit.durable(full()).await.unwrap();
    let file = only_file(&dir);
    let before = std::fs::read(&file).unwrap();
    audit.durable(full()).await.unwrap();
    let after = std::fs::read(&file).unwrap();
    for cut in before.len() + 1..after.len() {
        std::fs::write(&file, &after[..cut]).unwrap();
        let report = verify(&dir).unwrap();
        assert!(report.is_intact(), "{cut}: {:?}", report.problems);
        let torn = &report.torn_tails[0];
        assert_eq!((torn.offset, torn.bytes), (before.len() as u64, (cut - before.len()) as u64));
        assert_eq!(report.records, 2);
        assert_eq!(entries(&dir).len(), 2);
    }
    std::fs::write(&file, [&*before, &[0; 4096]].concat()).unwrap();
    let report = verify(&dir).unwrap();
    assert_eq!((report.problems.len(), report.torn_tails.len()), (0, 1));
}

#[tokio::test]
async fn a_new_process_records_beside_what_a_crash_left() {
    let dir = Scratch::new();
    std::fs::create_dir_all(&*dir).unwrap();
    std::fs::write(dir.join("20260101T000000Z-0123456789abcdef.jsonl"), "").unwrap();
    let audit = open(&dir);
    audit.durable(full()).await.unwrap();
    let report = verify(&dir).unwrap();
    assert!(report.is_intact(), "{:?}", report.problems);
    assert_eq!(report.torn_tails.len(), 1);
    assert_eq!(entries(&dir).len(), 2);
}

#[tokio::test]
#[ignore = "run by the test that limits its file size"]
async fn child_whose_disk_is_full() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let audit = open(Path::new(&dir));
    let mut written = 0;
    while audit.durable(full()).await.is_ok() {
        written += 1;
        assert!(written < 1000, "the limit does not hold");
    }
    assert!(!audit.is_healthy());
    assert!(audit.durable(full()).await.is_err());
    println!("acknowledged {written}");
}

/// A limit on file size makes the system cut a write short, as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_record_leaves_a_whole_chain() {
    let dir = Scratch::new();
    let words = child("child_whose_disk_is_full");
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .args(&words)
        .env(FOLDER, &*dir)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let written: u64 = text
        .lines()
        .find_map(|l| l.split_once("acknowledged "))
        .unwrap_or_else(|| panic!("{text}"))
        .1
        .parse()
        .unwrap();
    assert!(output.status.success());
    assert!(written > 3);
    let report = verify(&dir).unwrap();
    assert!(report.is_intact(), "{:?}", report.problems);
    assert!(report.records > written);
}
