use super::*;
use crate::audit::line::Said;
use serde_json::Value;

/// A folder with one file of five full records between the opening and the closing one, and its lines.
async fn recorded() -> (Scratch, Vec<String>) {
    let dir = Scratch::new();
    let audit = open(&dir);
    for _ in 0..5 {
        audit.durable(full()).await.unwrap();
    }
    audit.close().await.unwrap();
    assert_eq!(verify(&dir).unwrap().problems, []);
    let text = std::fs::read_to_string(only_file(&dir)).unwrap();
    (dir, text.lines().map(str::to_owned).collect())
}

fn put(dir: &Path, lines: &[String]) -> VerifyReport {
    std::fs::write(only_file(dir), lines.join("\n") + "\n").unwrap();
    verify(dir).unwrap()
}

/// Every leaf of a JSON value, as a pointer.
fn leaves(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| leaves(v, &format!("{at}/{k}"), out)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{at}/{i}"), out));
        }
        _ => out.push(at.to_owned()),
    }
}

fn changed(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_suffix('0') {
            Some(rest) => json!(format!("{rest}1")),
            None => json!(format!("{}0", &text[..text.len() - 1])),
        },
        Value::Number(n) => json!(n.as_u64().unwrap() + 1),
        other => panic!("no leaf of that kind: {other}"),
    }
}

#[tokio::test]
async fn a_change_to_any_field_is_detected_and_the_record_named() {
    let (dir, lines) = recorded().await;
    let record: Value = serde_json::from_str(&lines[3]).unwrap();
    let mut fields = Vec::new();
    leaves(&record, "", &mut fields);
    assert!(fields.len() > 30, "{fields:?}");
    for field in fields {
        let mut edited = record.clone();
        let leaf = edited.pointer_mut(&field).unwrap();
        *leaf = changed(leaf);
        // In canonical form with the hash last, as a careful forger would write it.
        let mut lines = lines.clone();
        let hash = edited.as_object_mut().unwrap().remove("hash").unwrap();
        let body = String::from_utf8(crate::canon::canonical(&edited).unwrap()).unwrap();
        lines[3] = format!("{},\"hash\":{hash}}}", body.strip_suffix('}').unwrap());
        let report = put(&dir, &lines);
        assert!(!report.is_intact(), "`{field}` is not attested");
        assert_eq!(report.problems[0].line, 4, "{field}: {:?}", report.problems);
    }
}

#[tokio::test]
async fn an_added_or_removed_field_is_detected() {
    let (dir, lines) = recorded().await;
    for (from, to) in [
        (",\"tool\":", ",\"tested\":true,\"tool\":"),
        (",\"tool\":\"request_refund\"", ""),
        (",\"tool\":", ", \"tool\":"),
    ] {
        let mut lines = lines.clone();
        lines[2] = lines[2].replacen(from, to, 1);
        let report = put(&dir, &lines);
        assert_eq!((report.problems[0].line, report.problems[0].seq), (3, Some(2)), "{to}");
    }
}

#[tokio::test]
async fn a_record_rewritten_with_a_new_hash_breaks_the_chain_after_it() {
    let (dir, mut lines) = recorded().await;
    let entry: Entry = serde_json::from_str(&lines[3]).unwrap();
    let stamp = crate::audit::line::Stamp {
        writer: &entry.writer,
        seq: entry.seq,
        time: entry.time_ms,
        text: &entry.time,
        pid: entry.pid,
        prev: entry.prev,
    };
    let mut forged = Vec::new();
    crate::audit::line::seal(&Said::of(full().tool("other")), &stamp, &mut forged).unwrap();
    lines[3] = String::from_utf8(forged).unwrap().trim_end().to_owned();
    let report = put(&dir, &lines);
    assert_eq!((report.problems[0].line, report.problems.len()), (5, 1), "{:?}", report.problems);
}

#[tokio::test]
async fn a_record_missing_in_the_middle_is_detected() {
    let (dir, mut lines) = recorded().await;
    lines.drain(2..4);
    let report = put(&dir, &lines);
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].what, "records 2 to 3 are missing before it");
    assert_eq!(report.problems[0].line, 3);
}

#[tokio::test]
async fn a_missing_first_record_is_detected() {
    let (dir, mut lines) = recorded().await;
    lines.remove(0);
    assert_eq!(put(&dir, &lines).problems[0].line, 1);
}

#[tokio::test]
async fn reordered_records_are_detected() {
    let (dir, mut lines) = recorded().await;
    lines.swap(2, 3);
    assert_eq!(put(&dir, &lines).problems[0].line, 3);
}

#[tokio::test]
async fn a_sequence_number_never_counts_twice() {
    let (dir, mut lines) = recorded().await;
    lines.insert(4, lines[3].clone());
    let report = put(&dir, &lines);
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].line, 5);
    assert!(report.problems[0].what.contains("repeated"), "{:?}", report.problems);
}

#[tokio::test]
async fn foreign_lines_are_detected_wherever_they_stand() {
    let (dir, lines) = recorded().await;
    for at in 0..=lines.len() {
        for foreign in ["", "{}", "not a record", "{\"hash\":\"00\"}", "\u{0}"] {
            let mut lines = lines.clone();
            lines.insert(at, foreign.to_owned());
            let problems = put(&dir, &lines).problems;
            assert_eq!(problems.len(), 1, "{foreign:?} at {at}: {problems:?}");
            assert_eq!(problems[0].line, at as u64 + 1);
        }
    }
}

#[tokio::test]
async fn nothing_can_be_added_after_the_closing_record() {
    let (dir, lines) = recorded().await;
    let whole = lines.join("\n") + "\n";
    let last: Entry = serde_json::from_str(lines.last().unwrap()).unwrap();
    let stamp = crate::audit::line::Stamp {
        writer: &last.writer,
        seq: last.seq + 1,
        time: last.time_ms,
        text: &last.time,
        pid: last.pid,
        prev: last.hash,
    };
    let mut added = whole.clone().into_bytes();
    crate::audit::line::seal(&Said::of(full()), &stamp, &mut added).unwrap();
    std::fs::write(only_file(&dir), added).unwrap();
    assert_eq!(
        verify(&dir).unwrap().problems[0].what,
        "the record stands after the closing record"
    );
    std::fs::write(only_file(&dir), whole + "{\"half").unwrap();
    assert_eq!(verify(&dir).unwrap().problems.len(), 1);
}

#[tokio::test]
async fn bytes_at_the_end_that_no_crash_leaves_are_detected() {
    let dir = Scratch::new();
    let audit = open(&dir);
    audit.durable(full()).await.unwrap();
    let whole = std::fs::read(only_file(&dir)).unwrap();
    std::fs::write(only_file(&dir), [&*whole, b"rm -rf"].concat()).unwrap();
    let report = verify(&dir).unwrap();
    assert_eq!((report.problems.len(), report.torn_tails.len()), (1, 0));
}

#[tokio::test]
async fn a_chain_cannot_be_passed_off_as_another_writers() {
    let (dir, _) = recorded().await;
    let name = only_file(&dir);
    let renamed = dir.join("20260101T000000Z-0123456789abcdef.jsonl");
    std::fs::rename(&name, &renamed).unwrap();
    assert_eq!(verify(&dir).unwrap().problems[0].line, 1);
    std::fs::rename(&renamed, dir.join("log.jsonl")).unwrap();
    assert!(verify(&dir).unwrap().problems[0].what.contains("not named"));
}

#[tokio::test]
async fn a_copied_file_is_detected() {
    let (dir, _) = recorded().await;
    let file = only_file(&dir);
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let (_, writer) = name.split_once('-').unwrap();
    std::fs::copy(&file, dir.join(format!("99990101T000000Z-{writer}"))).unwrap();
    let report = verify(&dir).unwrap();
    assert!(report.problems[0].what.contains("another file already"), "{:?}", report.problems);
}

#[tokio::test]
async fn an_end_cut_off_before_a_later_file_goes_on_is_detected() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    audit.durable(full()).await.unwrap();
    audit.durable(full()).await.unwrap();
    let first = only_file(&dir);
    *faults.lock().unwrap() = Faults { append_after: Some(9), truncate: true, ..Faults::default() };
    assert!(audit.durable(full()).await.is_err());
    *faults.lock().unwrap() = Faults::default();
    until("healthy again", || audit.is_healthy());
    assert!(verify(&dir).unwrap().is_intact());
    let text = std::fs::read_to_string(&first).unwrap();
    let lines: Vec<_> = text.lines().take(2).collect();
    std::fs::write(&first, lines.join("\n") + "\n").unwrap();
    let report = verify(&dir).unwrap();
    assert!(report.problems[0].what.starts_with("records 2 to 2 are missing"), "{report:?}");
}
