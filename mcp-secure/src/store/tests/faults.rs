use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_the_owner_reads_the_file_and_its_side_files() {
    let desk = Desk::sqlite();
    std::fs::write(desk.path(), b"").unwrap();
    std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = desk.open().await;
    ask(&store, refund(1)).await;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        assert_eq!(mode(&desk.path().with_file_name(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let desk = Desk::sqlite();
    let asked = {
        let store = desk.open().await;
        approved(&store, refund(1)).await
    };
    assert_eq!(desk.open().await.approval(&asked.id).await.unwrap(), Some(asked));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let desk = Desk::sqlite();
    let text = b"this is somebody's letter, and not a database at all".repeat(100);
    std::fs::write(desk.path(), &text).unwrap();
    let refused = Sqlite::open(&desk.path(), desk.clock.clone()).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
    assert_eq!(std::fs::read(desk.path()).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let desk = Desk::sqlite();
    let store = desk.open().await;
    for cents in 0..50 {
        ask(&store, NewApproval { max_pending: 1000, ..refund(cents) }).await;
    }
    drop(store);
    let mut bytes = std::fs::read(desk.path()).unwrap();
    let page = 4096;
    assert!(bytes.len() > 20 * page, "the last handle checkpoints the log into the file");
    for at in (page * 2..bytes.len()).step_by(page) {
        bytes[at..at + 64].fill(0xff);
    }
    std::fs::write(desk.path(), bytes).unwrap();
    let refused = Sqlite::open(&desk.path(), desk.clock.clone()).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
}

#[test]
fn another_programs_database_is_refused() {
    let desk = Desk::sqlite();
    let other = rusqlite::Connection::open(desk.path()).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(other);
    let refused = Sqlite::open(&desk.path(), desk.clock.clone()).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
}

#[test]
fn a_file_of_a_newer_release_is_refused() {
    let desk = Desk::sqlite();
    drop(desk.file());
    rusqlite::Connection::open(desk.path())
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    let refused = Sqlite::open(&desk.path(), desk.clock.clone()).unwrap_err();
    assert_eq!(refused, StoreError::Version { found: 99, known: 5 });
}

#[test]
fn a_folder_that_is_not_there_is_an_error_with_the_path() {
    let desk = Desk::sqlite();
    let path = desk.path().join("below-no-folder");
    let refused = Sqlite::open(&path, desk.clock.clone()).unwrap_err();
    assert!(matches!(&refused, StoreError::Open { path: p, .. } if *p == path), "{refused:?}");
}

#[tokio::test]
async fn a_read_only_disk_refuses_writes_and_still_reads() {
    let desk = Desk::sqlite();
    let file = desk.file();
    let store: Shared = file.clone();
    let asked = approved(&store, refund(1)).await;
    file.sabotage("PRAGMA query_only = ON").await.unwrap();
    desk.clock.advance_millis(1);
    assert_eq!(store.commit_run(run_of(&asked)).await, Err(StoreError::ReadOnly));
    assert_eq!(kind_of(&store, &asked.id).await, StateKind::Approved);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_the_store_recovers() {
    let desk = Desk::sqlite();
    let file = desk.file();
    let store: Shared = file.clone();
    let asked = approved(&store, refund(0)).await;
    // As full as it can be: not one page more than there is.
    file.sabotage("PRAGMA max_page_count = 1").await.unwrap();
    let big = NewApproval { preview: Some(json!("x".repeat(1 << 20))), ..refund(1) };
    assert_eq!(store.request_approval(big.clone()).await, Err(StoreError::Full));
    assert_eq!(store.approval_for(&big.effect).await.unwrap(), None);
    file.sabotage("PRAGMA max_page_count = 100000").await.unwrap();
    ask(&store, big).await;
    start(&store, run_of(&asked)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_fails_takes_no_other_down_with_it() {
    let desk = Desk::sqlite();
    let file = desk.file();
    let store: Shared = file.clone();
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let (file, store) = (Arc::clone(&file), Arc::clone(&store));
            tokio::spawn(async move {
                if n % 3 == 0 {
                    // The first half succeeds and has to be taken back.
                    let halves = "INSERT INTO meta VALUES (hex(randomblob(8)), 1); UPDATE meta SET value = 'none'";
                    assert!(file.sabotage(halves).await.is_err());
                } else {
                    ask(&store, NewApproval { max_pending: 1000, ..refund(n) }).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.approvals(ApprovalFilter::default(), 100).await.unwrap().len(), 40);
    assert_eq!(desk.number("SELECT count(*) FROM meta"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_panics_takes_nothing_down_with_it() {
    let desk = Desk::sqlite();
    let file = desk.file();
    let store: Shared = file.clone();
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let (file, store) = (Arc::clone(&file), Arc::clone(&store));
            tokio::spawn(async move {
                if n % 3 == 0 {
                    assert!(matches!(file.panic().await, Err(StoreError::Internal(_))));
                } else {
                    ask(&store, NewApproval { max_pending: 1000, ..refund(n) }).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.approvals(ApprovalFilter::default(), 100).await.unwrap().len(), 40);
    assert_eq!(desk.number("SELECT count(*) FROM meta"), 1);
}

#[tokio::test]
async fn a_store_that_another_process_holds_for_ever_is_busy() {
    let desk = Desk::sqlite();
    let store = desk.open().await;
    let holder = rusqlite::Connection::open(desk.path()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = store.request_approval(refund(1)).await;
    assert_eq!(waiting, Err(StoreError::Busy));
    holder.execute_batch("ROLLBACK").unwrap();
    ask(&store, refund(1)).await;
}

#[test]
fn two_processes_may_make_the_file_at_once() {
    for _ in 0..10 {
        let desk = Desk::sqlite();
        std::thread::scope(|s| {
            let opened: Vec<_> = (0..4).map(|_| s.spawn(|| desk.file())).collect();
            for handle in opened {
                drop(handle.join().unwrap());
            }
        });
    }
}
