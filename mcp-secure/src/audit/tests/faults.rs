use super::*;

#[tokio::test]
async fn a_failed_write_is_an_error_and_unhealthy_until_a_write_succeeds() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    audit.durable(Record::new(Event::Intent).request_id("before")).await.unwrap();

    faults.lock().unwrap().append_after = Some(40);
    let failed = audit.durable(Record::new(Event::Intent).request_id("lost")).await;
    assert!(matches!(failed, Err(AuditError::Write { .. })), "{failed:?}");
    assert!(!audit.is_healthy());
    assert_eq!(audit.queued(Record::new(Event::Read)), Err(AuditError::Unavailable));
    assert_eq!(audit.reserve_outcome().map(|_| ()), Err(AuditError::Unavailable));
    assert_eq!(audit.durable(Record::new(Event::Intent)).await, Err(AuditError::Unavailable));

    faults.lock().unwrap().append_after = None;
    until("healthy again", || audit.is_healthy());
    audit.durable(Record::new(Event::Intent).request_id("after")).await.unwrap();
    let report = verify(&dir).unwrap();
    assert!(report.is_intact() && report.torn_tails.is_empty(), "{report:?}");
    assert_eq!(events(&dir), [Event::Opened, Event::Intent, Event::AuditRecovered, Event::Intent]);
    assert_eq!(only_file(&dir), log_files(&dir)[0]);
}

#[tokio::test]
async fn a_failed_sync_is_a_failed_write() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    faults.lock().unwrap().sync = true;
    assert!(audit.durable(Record::new(Event::Intent)).await.is_err());
    faults.lock().unwrap().sync = false;
    until("healthy again", || audit.is_healthy());
    assert_eq!(events(&dir), [Event::Opened, Event::AuditRecovered]);
    assert!(verify(&dir).unwrap().is_intact());
}

#[tokio::test]
async fn what_was_queued_before_a_failed_write_is_written_later() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    faults.lock().unwrap().hang = true;
    for n in 0..50 {
        audit.queued(Record::new(Event::Read).request_id(n.to_string())).unwrap();
    }
    {
        let mut faults = faults.lock().unwrap();
        faults.append_after = Some(700);
        faults.hang = false;
    }
    until("unhealthy", || !audit.is_healthy());
    faults.lock().unwrap().append_after = None;
    until("healthy again", || audit.is_healthy());
    audit.flush().await.unwrap();
    let ids: Vec<_> = entries(&dir).into_iter().filter_map(|e| e.record.request_id).collect();
    assert_eq!(ids, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(verify(&dir).unwrap().is_intact());
}

#[tokio::test]
async fn an_outcome_that_cannot_be_written_is_an_error_and_is_recorded_once_it_can() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    let (one, two) = (audit.reserve_outcome().unwrap(), audit.reserve_outcome().unwrap());
    faults.lock().unwrap().append_after = Some(0);
    let outcome = |id: &str| Record::new(Event::Outcome).request_id(id);
    assert!(matches!(one.durable(outcome("one")).await, Err(AuditError::Write { .. })));
    assert!(!audit.is_healthy());
    assert!(matches!(two.durable(outcome("two")).await, Err(AuditError::Write { .. })));
    faults.lock().unwrap().append_after = None;
    until("healthy again", || audit.is_healthy());
    let ids: Vec<_> = entries(&dir).into_iter().filter_map(|e| e.record.request_id).collect();
    assert_eq!(ids, ["one", "two"]);
}

#[tokio::test]
async fn b20_a_sink_that_hangs_is_a_sink_that_failed() {
    let dir = Scratch::new();
    let options = Options { confirm_within: Duration::from_millis(60), ..quick() };
    let (audit, faults) = open_faulty(&dir, options);
    faults.lock().unwrap().hang = true;
    let started = Instant::now();
    let hung = audit.durable(Record::new(Event::Intent)).await;
    assert_eq!(hung, Err(AuditError::TimedOut { millis: 60 }));
    assert!(started.elapsed() < Duration::from_secs(4));
    assert!(!audit.is_healthy());
    assert_eq!(audit.queued(Record::new(Event::Read)), Err(AuditError::Unavailable));
    faults.lock().unwrap().hang = false;
    until("healthy again", || audit.is_healthy());
    audit.durable(Record::new(Event::Intent)).await.unwrap();
}

#[tokio::test]
async fn b20_a_hanging_disk_is_noticed_even_when_nobody_waits_for_it() {
    let dir = Scratch::new();
    let options = Options { confirm_within: Duration::from_millis(60), ..quick() };
    let (audit, faults) = open_faulty(&dir, options);
    faults.lock().unwrap().hang = true;
    audit.queued(Record::new(Event::Read)).unwrap();
    until("unhealthy", || !audit.is_healthy());
    faults.lock().unwrap().hang = false;
    until("healthy again", || audit.is_healthy());
}

#[tokio::test]
async fn a_file_that_cannot_be_mended_is_followed_by_one_that_names_its_head() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    audit.durable(Record::new(Event::Intent)).await.unwrap();
    *faults.lock().unwrap() =
        Faults { append_after: Some(40), truncate: true, ..Faults::default() };
    assert!(audit.durable(Record::new(Event::Intent)).await.is_err());
    *faults.lock().unwrap() = Faults::default();
    until("healthy again", || audit.is_healthy());
    audit.close().await.unwrap();

    let report = verify(&dir).unwrap();
    assert!(report.is_intact(), "{:?}", report.problems);
    assert_eq!(report.writers.len(), 2);
    assert_eq!(report.torn_tails.len(), 1);
    let continues = entries(&dir)
        .iter()
        .find_map(|e| e.record.detail.as_ref()?.get("continues")?.get("seq")?.as_u64());
    assert_eq!(continues, Some(1));
}

#[tokio::test]
async fn a_full_disk_leaves_the_server_up_and_the_chain_whole() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, quick());
    *faults.lock().unwrap() =
        Faults { create: true, append_after: Some(10), truncate: true, ..Faults::default() };
    for _ in 0..3 {
        assert!(audit.durable(Record::new(Event::Intent)).await.is_err());
    }
    *faults.lock().unwrap() = Faults::default();
    until("healthy again", || audit.is_healthy());
    audit.durable(Record::new(Event::Intent)).await.unwrap();
    assert!(verify(&dir).unwrap().is_intact());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_device_without_space_is_an_error_at_open() {
    struct FullDevice;
    impl Folder for FullDevice {
        fn create(&mut self, _name: &str) -> io::Result<Box<dyn LogFile>> {
            let file = std::fs::OpenOptions::new().append(true).open("/dev/full")?;
            Ok(Box::new(crate::audit::file::DiskFile { file, sync: true }))
        }
    }
    let error = Audit::start(Box::new(FullDevice), key(), Clock::system(), quick()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
    let dir = Scratch::new();
    std::fs::create_dir_all(&*dir).unwrap();
    let taken = dir.join("file");
    std::fs::write(&taken, "").unwrap();
    for folder in [taken.join("audit"), taken, PathBuf::from("/proc/audit")] {
        let error = Audit::open(&folder, key(), Clock::system()).unwrap_err();
        assert!(error.to_string().contains(&*folder.to_string_lossy()), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Scratch::new();
    std::fs::create_dir_all(&*dir).unwrap();
    std::fs::set_permissions(&*dir, std::fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write everywhere, where mode bits say nothing.
    let root = std::fs::write(dir.join("probe"), "").is_ok();
    assert_eq!(Audit::open(&dir, key(), Clock::system()).is_ok(), root);
}

#[cfg(unix)]
#[tokio::test]
async fn a_removed_file_is_noticed_and_recording_goes_on_in_a_new_one() {
    let dir = Scratch::new();
    let audit = open(&dir);
    audit.durable(Record::new(Event::Intent)).await.unwrap();
    std::fs::remove_file(only_file(&dir)).unwrap();
    audit.durable(Record::new(Event::Intent).request_id("after")).await.unwrap();
    assert_eq!(entries(&dir).last().unwrap().record.request_id.as_deref(), Some("after"));
    let report = verify(&dir).unwrap();
    assert_eq!(report.problems[0].what, "the file that this one continues is missing");
}

#[tokio::test]
async fn bytes_added_to_a_live_file_stay_for_verify_and_recording_goes_on_in_a_new_one() {
    use std::io::Write;
    let dir = Scratch::new();
    let audit = open(&dir);
    audit.durable(Record::new(Event::Intent)).await.unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(only_file(&dir)).unwrap();
    file.write_all(b"{\"event\":\"outcome\"}\n").unwrap();
    audit.durable(Record::new(Event::Intent)).await.unwrap();
    let report = verify(&dir).unwrap();
    assert_eq!(report.writers.len(), 2);
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert_eq!(report.problems[0].line, 3);
    assert!(audit.is_healthy());
}
