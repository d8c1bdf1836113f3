use super::*;

const START: i64 = 1_800_000_000_000;

/// Two processes that take turns, one record each second.
async fn two_processes(dir: &Path) -> Vec<Audit> {
    let clock = Clock::fixed(Timestamp::from_millis(START));
    let start = |_| Audit::open_with(dir, key(), clock.clone(), quick()).unwrap();
    let audits: Vec<Audit> = (0..2).map(start).collect();
    for n in 0..10 {
        clock.advance_millis(1000);
        let (user, tenant) = if n % 3 == 0 { ("alice", "acme") } else { ("dave", "globex") };
        let code = if n % 2 == 0 { "ok" } else { "tool_failed" };
        let record = Record::new(Event::Outcome)
            .request_id(n.to_string())
            .principal(who(user, tenant))
            .tool(if n < 5 { "read" } else { "write" })
            .outcome(OutcomeNote::new(Executed::Yes, code));
        audits[n % 2].durable(record).await.unwrap();
    }
    audits
}

fn ids(dir: &Path, filter: &Filter) -> Vec<String> {
    let found = query(dir, filter).unwrap().map(Result::unwrap);
    found.filter_map(|e| e.record.request_id).collect()
}

#[tokio::test]
async fn a_query_reads_all_writers_in_time_order() {
    let dir = Scratch::new();
    let _open = two_processes(&dir).await;
    let want: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(ids(&dir, &Filter::default()), want);
}

#[tokio::test]
async fn each_filter_admits_what_it_asks_for_and_nothing_else() {
    let dir = Scratch::new();
    let _open = two_processes(&dir).await;
    let none = Filter::default();
    let some = |text: &str| Some(text.to_owned());
    let since = Some(Timestamp::from_millis(START + 8_500));
    for (filter, want) in [
        (Filter { user: some("alice"), ..none.clone() }, vec!["0", "3", "6", "9"]),
        (Filter { user: some("alice@people"), ..none.clone() }, vec!["0", "3", "6", "9"]),
        (Filter { tenant: some("acme"), ..none.clone() }, vec!["0", "3", "6", "9"]),
        (Filter { tool: some("write"), ..none.clone() }, vec!["5", "6", "7", "8", "9"]),
        (Filter { outcome: some("tool_failed"), ..none.clone() }, vec!["1", "3", "5", "7", "9"]),
        (Filter { outcome: some("unknown"), ..none.clone() }, vec![]),
        (Filter { since, ..none.clone() }, vec!["8", "9"]),
        (Filter { user: some("dave"), tool: some("read"), ..none.clone() }, vec!["1", "2", "4"]),
    ] {
        assert_eq!(ids(&dir, &filter), want, "{filter:?}");
    }
}

#[tokio::test]
async fn tail_shows_the_last_records_of_all_writers() {
    let dir = Scratch::new();
    let _open = two_processes(&dir).await;
    let last = tail(&dir, 3).unwrap();
    let ids: Vec<_> = last.into_iter().map(|e| e.unwrap().record.request_id.unwrap()).collect();
    assert_eq!(ids, ["7", "8", "9"]);
    assert_eq!(tail(&dir, 100).unwrap().len(), 12);
    assert!(tail(&dir, 0).unwrap().is_empty());
}

#[tokio::test]
async fn a_bad_line_is_shown_as_one_and_hides_nothing() {
    let dir = Scratch::new();
    let _open = two_processes(&dir).await;
    let file = &log_files(&dir)[0];
    let text = std::fs::read_to_string(file).unwrap();
    let forged = text.replacen("tool_failed", "tool_passed", 1).replacen("\"ok\"", "\"ko\"", 1);
    assert_ne!(text, forged);
    std::fs::write(file, forged).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) =
        query(&dir, &Filter::default()).unwrap().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (11, 1));
    let shown = bad.into_iter().next().unwrap().unwrap_err().to_string();
    assert!(shown.contains("it was altered"), "{shown}");
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let dir = Scratch::new();
    assert!(verify(&dir).is_err());
    assert!(query(&dir, &Filter::default()).is_err());
    assert!(tail(&dir, 1).is_err());
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let dir = Scratch::new();
    let _audit = open(&dir);
    std::fs::write(dir.join("checkpoints.json"), "later").unwrap();
    assert_eq!(verify(&dir).unwrap().writers.len(), 1);
}
