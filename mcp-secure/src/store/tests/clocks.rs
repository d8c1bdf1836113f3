//! A machine whose clock is set back while a process has the file open. The databases' own clock is no test's to set: what
//! stands for this there is in the fault tests.

use super::*;
use std::time::{Duration, Instant};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// What a machine may need for what takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn time_goes_on_in_a_process_whose_clock_is_set_back() {
    let desk = Desk::sqlite();
    let machine = Clock::of_a_machine(START);
    let store = desk.open_at(machine.clone()).await;
    // Once more ahead, and once more back: what was written down does not stop it either.
    for (cents, back) in [(1, HOUR), (2, 2 * HOUR)] {
        let before = store.now().await.unwrap();
        let short = NewApproval { expires_in_ms: 300, ..refund(cents) };
        let asked = ask(&store, short).await;
        let run = start(&store, NewRun { lease_ms: 300, ..keyed(&cents.to_string(), "a") }).await;
        machine.set_machine(START.plus_millis(-back));
        assert!(store.now().await.unwrap() >= before, "time steps back");
        // Nothing that counts on time waits for the clock to catch up.
        let (mut expired, mut lapsed, begun) = (Vec::new(), Vec::new(), Instant::now());
        while expired.is_empty() || lapsed.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "time stands still");
            tokio::time::sleep(Duration::from_millis(20)).await;
            expired.extend(store.expire_due().await.unwrap());
            lapsed.extend(store.recover().await.unwrap().into_iter().map(|run| run.run_id));
        }
        assert_eq!((expired, lapsed), (vec![asked.id], vec![run.0]));
        // It goes as fast as time does, and no faster.
        let passed = store.now().await.unwrap().millis() - before.millis();
        let most = i64::try_from(begun.elapsed().as_millis()).unwrap() + 1_000;
        assert!((300..=most).contains(&passed), "{passed} ms in {most}");
    }
    // A clock that is right again is what counts.
    machine.set_machine(START.plus_millis(HOUR));
    assert_eq!(store.now().await.unwrap(), START.plus_millis(HOUR));
}
