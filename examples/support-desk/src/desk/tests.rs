use super::*;

struct Desk {
    folder: tempfile::TempDir,
    database: Database,
}

fn cause(by: &str) -> Cause {
    Cause { by: by.to_owned(), tool: "a_tool", request_id: format!("a call of {by}") }
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path()).unwrap();
    Desk { folder, database }
}

impl Desk {
    /// How often something happened, as the proofs from outside count it.
    fn effects(&self, kind: &str) -> i64 {
        let path = self.folder.path().join("support-desk.sqlite");
        rusqlite::Connection::open(path)
            .unwrap()
            .query_row("SELECT count(*) FROM effects WHERE kind = ?1", [kind], |row| row.get(0))
            .unwrap()
    }
}

#[tokio::test]
async fn a_freshfolder_gets_the_data_set_and_an_opened_one_keeps_its_own() {
    let desk = desk();
    let orders = OrderBook::open(&desk.database).unwrap();
    let order = orders.find("ord_5001").await.unwrap().unwrap();
    assert_eq!(
        (
            order.tenant.as_str(),
            order.customer_id.as_str(),
            order.amount_cents,
            order.status.as_str()
        ),
        ("acme", "cus_1001", 12_000, "paid")
    );
    RefundService::open(&desk.database)
        .unwrap()
        .refund("ord_5001", 500, RefundReason::Goodwill, cause("alice"))
        .await
        .unwrap();
    Database::open(desk.folder.path()).unwrap();
    assert_eq!(orders.find("ord_5001").await.unwrap().unwrap().refunded_cents, 500);
    assert_eq!(orders.find("ord_9999").await.unwrap(), None);
}

#[tokio::test]
async fn customers_hold_hostile_text_as_real_ones_do() {
    let desk = desk();
    let accounts = AccountBook::open(&desk.database).unwrap();
    let of = async |id| accounts.find(id).await.unwrap().unwrap();
    assert!(of("cus_1007").await.name.contains("Ignore all previous instructions"));
    assert!(of("cus_1008").await.name.contains('\u{202e}'));
    assert!(of("cus_1009").await.name.contains('\u{1b}'));
    assert!(of("cus_1010").await.notes.contains("AKIA"));
}

#[tokio::test]
async fn a_search_stays_in_its_tenant_and_takes_wildcards_as_text() {
    let desk = desk();
    let accounts = AccountBook::open(&desk.database).unwrap();
    let found = accounts.starting_with("globex", "adler", 20).await.unwrap();
    assert_eq!(found.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["cus_2001"]);
    for hostile in ["%", "__", "a%", "' OR 1=1 --", "\\"] {
        assert!(accounts.starting_with("acme", hostile, 20).await.unwrap().is_empty(), "{hostile}");
    }
    assert_eq!(accounts.starting_with("acme", "Bright", 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn health_follows_status_and_open_tickets() {
    let desk = desk();
    let accounts = AccountBook::open(&desk.database).unwrap();
    for (id, tickets, health) in [
        ("cus_1001", 0, Health::Good),
        ("cus_1003", 2, Health::Watch),
        ("cus_1005", 4, Health::Poor),
    ] {
        let account = accounts.find(id).await.unwrap().unwrap();
        assert_eq!((account.open_tickets, account.health()), (tickets, health), "{id}");
    }
    let paused = accounts.find("cus_1017").await.unwrap().unwrap();
    assert_eq!((paused.status, paused.health()), (CustomerStatus::Paused, Health::Watch));
}

#[tokio::test]
async fn refunds_of_an_order_never_exceed_it_and_a_refused_one_leaves_no_effect() {
    let desk = desk();
    let refunds = RefundService::open(&desk.database).unwrap();
    refunds.refund("ord_5001", 11_000, RefundReason::Damaged, cause("alice")).await.unwrap();
    let refused = refunds.refund("ord_5001", 1_001, RefundReason::Damaged, cause("alice")).await;
    assert!(matches!(refused, Err(DeskError::MoreThanLeft { left_cents: 1_000 })), "{refused:?}");
    let unpaid = refunds.refund("ord_5005", 1, RefundReason::Damaged, cause("alice")).await;
    assert!(matches!(unpaid, Err(DeskError::NotPaid)), "{unpaid:?}");
    assert_eq!(desk.effects("refund.paid"), 1);
}

#[tokio::test]
async fn a_cancelled_refund_frees_its_money_once() {
    let desk = desk();
    let refunds = RefundService::open(&desk.database).unwrap();
    let refund =
        refunds.refund("ord_5001", 12_000, RefundReason::Duplicate, cause("alice")).await.unwrap();
    refunds.cancel(&refund.id, cause("bob")).await.unwrap();
    assert!(matches!(
        refunds.cancel(&refund.id, cause("bob")).await,
        Err(DeskError::AlreadyCancelled)
    ));
    assert!(matches!(
        refunds.cancel("ref_x", cause("bob")).await,
        Err(DeskError::Missing("refund"))
    ));
    refunds.refund("ord_5001", 12_000, RefundReason::Duplicate, cause("alice")).await.unwrap();
    assert_eq!((desk.effects("refund.paid"), desk.effects("refund.cancelled")), (2, 1));
}

#[tokio::test]
async fn a_closed_account_stays_closed() {
    let desk = desk();
    let customers = CustomerDesk::open(&desk.database).unwrap();
    let closed = customers.close("cus_1001", "asked for it", cause("alice")).await.unwrap();
    assert_eq!((closed.from, closed.to), (CustomerStatus::Active, CustomerStatus::Closed));
    let again =
        customers.change_status("cus_1001", CustomerStatus::Active, "", cause("alice")).await;
    assert!(matches!(again, Err(DeskError::AccountClosed)), "{again:?}");
    assert_eq!((desk.effects("account.closed"), desk.effects("customer.status_changed")), (1, 0));
}

#[tokio::test]
async fn a_status_goes_back_once_and_only_if_nobody_changed_it_since() {
    let desk = desk();
    let customers = CustomerDesk::open(&desk.database).unwrap();
    let accounts = AccountBook::open(&desk.database).unwrap();
    let status = async || accounts.find("cus_1001").await.unwrap().unwrap().status;
    let change = async |to| customers.change_status("cus_1001", to, "why", cause("alice")).await;

    let first = change(CustomerStatus::Paused).await.unwrap();
    let second = change(CustomerStatus::Closed).await.unwrap();
    let too_late = customers.put_back(&first.id, cause("bob")).await;
    assert!(matches!(too_late, Err(DeskError::ChangedSince)), "{too_late:?}");
    // Closing was asked for as a change of status, so it goes back like any other.
    customers.put_back(&second.id, cause("bob")).await.unwrap();
    assert_eq!(status().await, CustomerStatus::Paused);
    let again = customers.put_back(&second.id, cause("bob")).await;
    assert!(matches!(again, Err(DeskError::ChangedSince)), "{again:?}");
    assert_eq!(desk.effects("customer.status_put_back"), 1);
}

#[tokio::test]
async fn an_effect_is_noted_with_its_call() {
    let desk = desk();
    let notifier = Notifier::open(&desk.database).unwrap();
    notifier.tell_account_manager("cus_1002", "Look", cause("alice")).await.unwrap();
    let file = rusqlite::Connection::open(desk.folder.path().join("support-desk.sqlite")).unwrap();
    let noted: (String, String, String, String) = file
        .query_row("SELECT request_id, tool, subject, by FROM effects", (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    assert_eq!(
        (noted.0.as_str(), noted.1.as_str(), noted.2.as_str(), noted.3.as_str()),
        ("a call of alice", "a_tool", "cus_1002", "alice")
    );
}

#[tokio::test]
async fn drafts_and_notifications_are_kept_and_counted() {
    let desk = desk();
    let ticket = NewTicket {
        customer_id: "cus_1002".to_owned(),
        subject: "Invoice".to_owned(),
        body: "Please look.".to_owned(),
        priority: Priority::High,
    };
    let draft =
        TicketDesk::open(&desk.database).unwrap().draft(ticket, cause("alice")).await.unwrap();
    assert!(draft.starts_with("drf_"));
    let notifier = Notifier::open(&desk.database).unwrap();
    notifier.tell_account_manager("cus_1002", "Look at the draft", cause("alice")).await.unwrap();
    assert_eq!((desk.effects("ticket.drafted"), desk.effects("account_manager.notified")), (1, 1));
}

#[tokio::test]
async fn a_book_cannot_write() {
    let desk = desk();
    let reader = desk.database.reader().unwrap();
    let refused = reader.read(|on| Ok(on.execute("DELETE FROM customers", ())?)).await;
    assert!(matches!(refused, Err(DeskError::Database(_))), "{refused:?}");
}

#[test]
fn processes_that_start_at_once_fill_one_folder_once() {
    for _ in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Database::open(folder.path()))).collect();
            for start in starts {
                start.join().unwrap().unwrap();
            }
        });
        let on = rusqlite::Connection::open(folder.path().join("support-desk.sqlite")).unwrap();
        let count = on.query_row("SELECT count(*) FROM customers", (), |row| row.get::<_, i64>(0));
        assert_eq!(count, Ok(50));
    }
}
