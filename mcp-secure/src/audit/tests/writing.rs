use super::*;

#[tokio::test]
async fn every_field_of_a_record_reads_back_as_it_was_written() {
    let dir = Scratch::new();
    let audit = open(&dir);
    let receipt = audit.durable(full()).await.unwrap();
    let entry = entries(&dir).pop().unwrap();
    assert_eq!(entry.record, full());
    assert_eq!((entry.seq, entry.hash), (receipt.seq, receipt.hash));
    assert_eq!(entry.writer, &*receipt.writer);
    assert_eq!(entry.pid, std::process::id());
    assert_eq!(entry.time, entry.time_ms.to_rfc3339());
}

#[tokio::test]
async fn a_durable_record_is_in_the_file_when_it_is_acknowledged() {
    let dir = Scratch::new();
    let audit = open(&dir);
    for n in 1..=5 {
        audit.durable(Record::new(Event::Intent)).await.unwrap();
        assert_eq!(verify(&dir).unwrap().records, n + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_tasks_record_at_once_and_every_record_is_there_once() {
    let dir = Scratch::new();
    let audit = open(&dir);
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let audit = audit.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    let record = Record::new(Event::Read).request_id(format!("{task}-{n}"));
                    if n % 2 == 0 {
                        audit.durable(record).await.unwrap();
                    } else {
                        audit.queued(record).unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    audit.close().await.unwrap();

    let report = verify(&dir).unwrap();
    assert!(report.is_intact(), "{:?}", report.problems);
    let mut ids: Vec<_> = entries(&dir).into_iter().filter_map(|e| e.record.request_id).collect();
    let written = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((written, ids.len()), (64 * 20, 64 * 20));
}

#[tokio::test]
async fn records_that_wait_together_share_a_sync() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    *faults.lock().unwrap() = Faults { hang: true, ..Faults::default() };
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let audit = audit.clone();
            tokio::spawn(async move { audit.durable(Record::new(Event::Intent)).await })
        })
        .collect();
    // On this one thread, every task runs up to its wait before the disk goes on.
    tokio::task::yield_now().await;
    faults.lock().unwrap().hang = false;
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(verify(&dir).unwrap().records, 65);
    let syncs = faults.lock().unwrap().syncs;
    assert!((1..=2).contains(&syncs), "{syncs}");
}

#[tokio::test]
async fn the_first_record_names_format_key_and_durability_and_the_last_one_closes() {
    let dir = Scratch::new();
    let options = Options { durability: Durability::Relaxed, ..quick() };
    let audit = Audit::open_with(&dir, key(), Clock::system(), options).unwrap();
    audit.durable(Record::new(Event::Startup)).await.unwrap();
    audit.close().await.unwrap();
    assert_eq!(events(&dir), [Event::Opened, Event::Startup, Event::Closed]);
    let detail = entries(&dir).remove(0).record.detail.unwrap();
    assert_eq!(detail["durability"], "relaxed");
    assert_eq!(detail["key_id"], "k1");
    assert_eq!(detail["format"], 1);
    assert!(verify(&dir).unwrap().writers[0].closed);
}

#[tokio::test]
async fn a_closed_audit_takes_nothing_more() {
    let dir = Scratch::new();
    let audit = open(&dir);
    let room = audit.reserve_outcome().unwrap();
    audit.close().await.unwrap();
    until("the writer ended", || !audit.is_healthy());
    assert!(audit.queued(Record::new(Event::Read)).is_err());
    assert!(audit.durable(Record::new(Event::Read)).await.is_err());
    assert_eq!(room.queued(Record::new(Event::Outcome)), Err(AuditError::Closed));
    assert_eq!(audit.close().await, Err(AuditError::Closed));
    assert_eq!(events(&dir), [Event::Opened, Event::Closed]);
}

#[tokio::test]
async fn dropping_the_last_handle_still_writes_what_was_queued() {
    let dir = Scratch::new();
    let audit = open(&dir);
    audit.queued(Record::new(Event::Read)).unwrap();
    drop(audit);
    until("the file is closed", || verify(&dir).unwrap().writers[0].closed);
    assert_eq!(events(&dir), [Event::Opened, Event::Read, Event::Closed]);
}

#[tokio::test]
async fn flush_returns_after_everything_queued_before_it() {
    let dir = Scratch::new();
    let audit = open(&dir);
    for _ in 0..100 {
        audit.queued(Record::new(Event::Read)).unwrap();
    }
    audit.flush().await.unwrap();
    assert_eq!(verify(&dir).unwrap().records, 101);
}

#[tokio::test]
async fn two_writers_share_a_folder_and_both_chains_verify() {
    let dir = Scratch::new();
    let (one, two) = (open(&dir), open(&dir));
    for _ in 0..10 {
        one.durable(Record::new(Event::Read)).await.unwrap();
        two.durable(Record::new(Event::Read)).await.unwrap();
    }
    let report = verify(&dir).unwrap();
    assert!(report.is_intact(), "{:?}", report.problems);
    let records: Vec<_> = report.writers.iter().map(|w| w.records).collect();
    assert_eq!(records, [11, 11]);
    assert_ne!(report.writers[0].writer, report.writers[1].writer);
}

#[tokio::test]
async fn a_number_json_readers_disagree_on_does_not_lose_the_record() {
    let dir = Scratch::new();
    let audit = open(&dir);
    let mut record = full().detail(json!({ "big": u64::MAX, "list": [1e300, 0.5] }));
    record.outcome.as_mut().unwrap().latency_us = Some(u64::MAX);
    audit.durable(record).await.unwrap();
    let entry = entries(&dir).pop().unwrap();
    let detail = entry.record.detail.unwrap();
    assert_eq!(detail["big"], "18446744073709551615");
    assert_eq!(detail["list"][1], 0.5);
    assert_eq!(entry.record.outcome.unwrap().latency_us, Some(9_007_199_254_740_991));
}

#[tokio::test]
async fn an_oversized_record_keeps_all_but_its_bulk() {
    let dir = Scratch::new();
    let audit = open(&dir);
    audit.durable(full().arguments(json!({ "text": "x".repeat(1 << 20) }))).await.unwrap();
    let record = entries(&dir).pop().unwrap().record;
    assert_eq!(record.arguments.unwrap()["omitted"], true);
    assert_eq!(record.arguments_digest, full().arguments_digest);
    assert_eq!(record.tool, full().tool);
}

#[tokio::test]
async fn hostile_text_stays_inside_its_line() {
    let dir = Scratch::new();
    let audit = open(&dir);
    let hostile = "a\nb\r\u{2028}\u{0}\",\"hash\":\"00\"}\n{\"event\":\"outcome\"}";
    audit.durable(Record::new(Event::Refusal).tool(hostile)).await.unwrap();
    assert!(verify(&dir).unwrap().is_intact());
    let read = entries(&dir);
    assert_eq!(read.len(), 2);
    assert_eq!(read[1].record.tool.as_deref(), Some(hostile));
}

#[test]
fn time_in_a_chain_never_goes_back_when_records_overtake_each_other() {
    use crate::audit::chain::{About, Chain};
    let dir = Scratch::new();
    let mut disk = Disk::open(&dir, true).unwrap();
    let at = Timestamp::from_millis;
    let about = About { key_id: "k1".into(), durability: "strict" };
    let mut chain = Chain::create(&mut disk, at(5000), about, None).unwrap();
    let record = crate::audit::line::Said::of(Record::new(Event::Read));
    chain.commit(&[(at(5000), &record), (at(7000), &record), (at(6500), &record)]).unwrap();
    chain.commit(&[(at(6900), &record), (at(8000), &record)]).unwrap();
    let times: Vec<_> = entries(&dir).iter().map(|e| e.time_ms.millis()).collect();
    assert_eq!(times, [5000, 5000, 7000, 7000, 7000, 8000]);
    assert_eq!(verify(&dir).unwrap().problems, []);
}

#[cfg(unix)]
#[tokio::test]
async fn folder_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Scratch::new();
    let _audit = open(&dir.join("a/b"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.join("a/b")), 0o700);
    assert_eq!(mode(&only_file(&dir.join("a/b"))), 0o600);
}

#[tokio::test]
async fn a_backlog_of_several_groups_is_written_whole_and_in_order() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    faults.lock().unwrap().hang = true;
    for n in 0..5000 {
        audit.queued(Record::new(Event::Read).request_id(n.to_string())).unwrap();
    }
    faults.lock().unwrap().hang = false;
    audit.close().await.unwrap();
    let ids = entries(&dir).into_iter().filter_map(|e| e.record.request_id);
    assert!(ids.eq((0..5000).map(|n| n.to_string())));
    assert!(verify(&dir).unwrap().writers[0].closed);
}

#[test]
fn both_ways_to_a_canonical_body_agree_byte_for_byte() {
    use crate::audit::direct::Encoded;
    use crate::audit::line::{Stamp, by_value, genesis};
    let stamp = Stamp {
        writer: "0123456789abcdef",
        seq: 7,
        time: Timestamp::from_millis(1_800_000_000_120),
        text: &Timestamp::from_millis(1_800_000_000_120).to_rfc3339(),
        pid: 42,
        prev: genesis("w"),
    };
    let every_character: String = (0..0x3000).filter_map(char::from_u32).collect();
    let plain = json!({ "b": [1, -9_007_199_254_740_991_i64, null, true], "a": { "z": "", "Y": every_character } });
    for record in [full(), full().arguments(plain.clone()).detail(plain), Record::new(Event::Read)]
    {
        let mut direct = Vec::new();
        Encoded::of(&record).unwrap().body(&stamp, &mut direct).unwrap();
        assert!(direct.len() <= Encoded::of(&record).unwrap().body_len());
        assert_eq!(
            String::from_utf8(direct),
            String::from_utf8(by_value(&record, &stamp).unwrap())
        );
    }
    for other in [json!(0.5), json!(10.0), json!([u64::MAX]), json!({ "\u{e9}": 1 })] {
        let record = Record::new(Event::Read).detail(other.clone());
        assert_eq!(Encoded::of(&record), None, "{other}");
    }
}
