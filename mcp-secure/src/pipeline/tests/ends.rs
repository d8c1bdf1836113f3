//! Between the store's transaction and the end of the run.

use super::*;
use crate::store::SwitchScope;

fn short_leases() -> Settings {
    Settings { lease: Duration::from_millis(600), ..Settings::default() }
}

#[tokio::test]
async fn a_run_is_closed_no_earlier_than_its_end_is_on_record() {
    let town = Town::with(short_leases()).await;
    let folder = town.record();
    *town.world.record.lock().unwrap() = Some(folder.clone());
    let reply = town.alice().call("note", json!({"number": 1})).await;
    assert_eq!(reply.code(), Some("executed_unrecorded"), "{reply:#?}");
    assert_eq!(town.done(), 1);
    // It is held for longer than a lease, whatever the time says.
    for _ in 0..8 {
        assert_eq!(town.run().await, RunState::Running);
        town.clock.advance_millis(400);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(town.run().await, RunState::Running);
    std::fs::create_dir_all(folder).unwrap();
    until("done", async || town.run().await == RunState::Done).await;
    let ended = town.last("outcome").await;
    assert_eq!(ended["outcome"]["code"], "ok", "{ended:#}");
    let again = town.alice().call("note", json!({"number": 1})).await;
    assert!(again.replayed, "{again:#?}");
    assert_eq!(town.done(), 1);
}

#[tokio::test]
async fn a_call_that_waited_too_long_to_begin_leaves_no_doubt() {
    let town = Town::with(short_leases()).await;
    town.store.plan("commit_run", Plan::after(tokio::time::sleep(Duration::from_millis(400))));
    town.store.plan("renew", Plan::fails());
    let reply = town.alice().call("note", json!({"number": 1})).await;
    assert_eq!(reply.code(), Some("audit_unavailable"), "{reply:#?}");
    assert_eq!(reply.structured["executed"], false, "{reply:#?}");
    assert_eq!(town.run().await, RunState::NoEffect);
    assert_eq!(town.done(), 0);
    // Its key is free.
    assert!(town.alice().call("note", json!({"number": 1})).await.ok);
}

#[tokio::test]
async fn what_is_switched_off_while_its_approval_is_used_up_does_not_run() {
    let town = Town::open().await;
    let id = town.approved().await;
    let gate = Arc::clone(town.local.gate());
    let after = async move {
        let tool = SwitchScope::Tool("pay".to_owned());
        assert!(gate.store().switch(tool, true, "bob", None).await.unwrap());
        gate.read_switches().await.unwrap();
    };
    town.store.plan("commit_run", Plan::after(after));
    let reply = town.alice().call("pay", json!({"cents": 100})).await;
    assert_eq!(reply.code(), Some("switched_off"), "{reply:#?}");
    assert_eq!(reply.structured["executed"], false, "{reply:#?}");
    assert_eq!(town.run().await, RunState::NoEffect);
    assert_eq!(town.kind(&id).await, StateKind::Failed);
    assert_eq!(town.done(), 0);
}

#[tokio::test]
async fn a_process_takes_none_of_its_own_runs_for_lost() {
    let town = Town::open().await;
    town.world.waits.store(true, Ordering::SeqCst);
    let alice = town.alice();
    let calling = tokio::spawn(async move { alice.call("note", json!({"number": 1})).await });
    town.world.entered.notified().await;
    // As after a stall, or a step of the clock.
    town.clock.advance_millis(3_600_000);
    assert_eq!(town.local.gate().recover().await, Ok(0));
    assert_eq!(town.run().await, RunState::Running);
    town.world.go_on.notify_one();
    assert!(calling.await.unwrap().ok);
    assert_eq!(town.run().await, RunState::Done);
}

mod replaced {
    use super::*;

    /// Pays somebody once.
    #[tool(risk = "high", permission = "money.pay", approval, irreversible, idempotency(key = [number]))]
    pub(super) async fn pay_once(world: &Arc<World>, number: u32) -> Content {
        world.act().await;
        Content::text(format!("paid {number}"))
    }
}

mod replacing {
    use super::*;

    /// Pays somebody once, as a later release describes it.
    #[tool(risk = "high", permission = "money.pay", approval, irreversible, idempotency(key = [number]))]
    pub(super) async fn pay_once(world: &Arc<World>, number: u32) -> Content {
        world.act().await;
        Content::text(format!("paid {number}"))
    }
}

#[tokio::test]
async fn a_task_whose_call_was_carried_out_under_another_request_is_over() {
    let town = Town::open().await;
    let release = async |tools: ToolSet<Bank>, folder: &str| {
        let world = Arc::clone(&town.world);
        let server = Server::builder(move |_| Ok::<_, String>(Bank { world: Arc::clone(&world) }))
            .info("bank", "1.0.0")
            .owner("tests")
            .tools(tools)
            .people(
                People::new()
                    .with(Person::new("alice", "acme").roles(["teller"]))
                    .with(Person::new("bob", "acme").roles(["head"])),
            )
            .store(StoreSource::Custom(Arc::clone(&town.store) as Arc<dyn Store>))
            .policies(Policies::from_str("bank.cedar", POLICIES));
        let folder = town.folder.path().join(folder);
        std::fs::create_dir(&folder).unwrap();
        LocalServer::open_with(server, &folder, town.clock.clone(), true).await.unwrap()
    };
    let old = release(tools![replaced::pay_once], "old").await;
    let new = release(tools![replacing::pay_once], "new").await;
    let call = json!({"number": 1});
    let waits = old.connect("alice").unwrap().call("pay_once", call.clone()).await;
    let task = waits.approval_id().unwrap();
    old.decide("bob", task, Verdict::Approve).await.unwrap();
    let other = new.connect("alice").unwrap();
    let asked = other.call("pay_once", call.clone()).await;
    new.decide("bob", asked.approval_id().unwrap(), Verdict::Approve).await.unwrap();
    assert!(other.call("pay_once", call).await.ok);
    assert_eq!(town.done(), 1);

    let over = old.connect("alice").unwrap().task(task).await.unwrap();
    let reply = over.reply().unwrap_or_else(|| panic!("it still waits: {over:?}"));
    assert_eq!(reply.code(), Some("idempotency_conflict"), "{reply:#?}");
    assert_eq!(reply.structured["executed"], true, "{reply:#?}");
    assert_eq!(town.kind(&task.parse().unwrap()).await, StateKind::Void);
    assert_eq!(town.done(), 1);
}
