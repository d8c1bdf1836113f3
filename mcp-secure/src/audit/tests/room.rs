use super::*;

fn small() -> Options {
    Options { capacity: 20, ..quick() }
}

/// Fills the queue with `event` while the disk stands still, and says how many found room.
fn fill(audit: &Audit, event: Event) -> usize {
    let mut taken = 0;
    while audit.queued(Record::new(event)).is_ok() {
        taken += 1;
        assert!(taken < 1000, "the queue has no bound");
    }
    taken
}

#[tokio::test]
async fn outcomes_have_room_when_the_queue_is_full_of_refusals_and_calls() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, small());
    let rooms: Vec<_> = (0..5).map(|_| audit.reserve_outcome().unwrap()).collect();
    faults.lock().unwrap().hang = true;
    assert_eq!(fill(&audit, Event::Refusal), 10);
    assert_eq!(fill(&audit, Event::Read), 5);
    assert_eq!(audit.queued(Record::new(Event::Intent)), Err(AuditError::Full));
    for room in rooms {
        room.queued(Record::new(Event::Outcome)).unwrap();
    }
    faults.lock().unwrap().hang = false;
    audit.close().await.unwrap();
    let outcomes = events(&dir).into_iter().filter(|e| *e == Event::Outcome).count();
    assert_eq!(outcomes, 5);
}

#[tokio::test]
async fn refusals_leave_room_for_calls() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, small());
    faults.lock().unwrap().hang = true;
    fill(&audit, Event::Refusal);
    assert_eq!(audit.queued(Record::new(Event::Refusal)), Err(AuditError::Full));
    audit.queued(Record::new(Event::Intent)).unwrap();
    faults.lock().unwrap().hang = false;
}

#[tokio::test]
async fn a_full_queue_refuses_and_never_drops() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, small());
    faults.lock().unwrap().hang = true;
    let taken = fill(&audit, Event::Read);
    assert_eq!(audit.reserve_outcome().map(|_| ()), Err(AuditError::Full));
    assert_eq!(audit.durable(Record::new(Event::Intent)).await, Err(AuditError::Full));
    faults.lock().unwrap().hang = false;
    audit.flush().await.unwrap();
    assert_eq!(events(&dir).into_iter().filter(|e| *e == Event::Read).count(), taken);
    audit.queued(Record::new(Event::Read)).unwrap();
}

#[tokio::test]
async fn an_unused_reservation_gives_its_room_back() {
    let dir = Scratch::new();
    let audit = Audit::open_with(&dir, key(), Clock::system(), small()).unwrap();
    for _ in 0..100 {
        drop(audit.reserve_outcome().unwrap());
    }
    let rooms: Vec<_> = (0..20).map(|_| audit.reserve_outcome().unwrap()).collect();
    assert!(audit.reserve_outcome().is_err());
    drop(rooms);
    assert!(audit.reserve_outcome().is_ok());
}

#[tokio::test]
async fn room_is_free_again_after_a_failed_write() {
    let dir = Scratch::new();
    let (audit, faults) = open_faulty(&dir, small());
    for _ in 0..30 {
        faults.lock().unwrap().append_after = Some(5);
        assert!(audit.durable(Record::new(Event::Intent)).await.is_err());
        faults.lock().unwrap().append_after = None;
        until("healthy again", || audit.is_healthy());
    }
    let rooms: Vec<_> = (0..20).map(|_| audit.reserve_outcome()).collect();
    assert!(rooms.iter().all(Result::is_ok));
}
