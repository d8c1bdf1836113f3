use super::*;

cases! {
    a_bucket_grants_its_burst_and_then_its_rate,
    two_processes_never_take_more_than_the_bucket_holds,
    a_full_bucket_is_forgotten,
    what_is_taken_while_full_buckets_are_dropped_is_not_forgotten,
    a_switch_is_seen_by_every_process_until_it_is_on_again,
}

fn bucket() -> Digest {
    Digest::of_bytes(b"alice's refunds")
}

async fn a_bucket_grants_its_burst_and_then_its_rate(desk: Desk) {
    let store = desk.open().await;
    let rate = Rate { burst: 5, every_us: 200_000 };
    let lease = async |want| store.lease(&bucket(), rate, want).await.unwrap();
    assert_eq!(lease(3).await, Leased { granted: 3, retry_after_ms: 0 });
    assert_eq!(lease(3).await, Leased { granted: 2, retry_after_ms: 0 });
    assert_eq!(lease(1).await, Leased { granted: 0, retry_after_ms: 200 });
    desk.clock.advance_millis(150);
    assert_eq!(lease(1).await, Leased { granted: 0, retry_after_ms: 50 });
    desk.clock.advance_millis(50);
    assert_eq!(lease(9).await, Leased { granted: 1, retry_after_ms: 0 });
    desk.clock.advance_millis(HOUR);
    assert_eq!(lease(9).await.granted, 5);
    let never = Rate { burst: 0, every_us: 1 };
    assert_eq!(store.lease(&bucket(), never, 1).await.unwrap().granted, 0);
}

async fn two_processes_never_take_more_than_the_bucket_holds(desk: Desk) {
    let stores = [desk.open().await, desk.open().await];
    let rate = Rate { burst: 40, every_us: 3_600_000_000 };
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            tokio::spawn(async move { store.lease(&bucket(), rate, 1).await.unwrap().granted })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 40);
}

async fn a_full_bucket_is_forgotten(desk: Desk) {
    let store = desk.open().await;
    store.lease(&bucket(), Rate { burst: 5, every_us: 1_000_000 }, 2).await.unwrap();
    store.expire_due().await.unwrap();
    assert_eq!(desk.number("SELECT count(*) FROM buckets"), 1);
    desk.clock.advance_millis(2_000);
    store.expire_due().await.unwrap();
    assert_eq!(desk.number("SELECT count(*) FROM buckets"), 0);
}

async fn what_is_taken_while_full_buckets_are_dropped_is_not_forgotten(desk: Desk) {
    let (store, sweeper) = (desk.open().await, desk.open().await);
    let rate = Rate { burst: 1, every_us: 1_000_000 };
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let sweeps = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                sweeper.expire_due().await.unwrap();
            }
        }
    });
    for n in 0..400 {
        assert_eq!(store.lease(&bucket(), rate, 1).await.unwrap().granted, 1, "round {n}");
        assert_eq!(store.lease(&bucket(), rate, 1).await.unwrap().granted, 0, "round {n}");
        // Full again, so the sweep drops it, just when it is taken from.
        desk.clock.advance_millis(1_000);
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    sweeps.await.unwrap();
}

async fn a_switch_is_seen_by_every_process_until_it_is_on_again(desk: Desk) {
    let (store, elsewhere) = (desk.open().await, desk.open().await);
    assert_eq!(store.switches().await.unwrap(), []);
    let scopes = [
        SwitchScope::Everything,
        SwitchScope::Tenant("acme".to_owned()),
        SwitchScope::Tool("close".to_owned()),
    ];
    for scope in &scopes {
        assert_eq!(scope.to_string().parse().as_ref(), Ok(scope));
        assert!(store.switch(scope.clone(), true, "bob", Some("an incident")).await.unwrap());
        assert!(!store.switch(scope.clone(), true, "carol", None).await.unwrap());
    }
    for no_scope in ["", "tool:", "tenant", "everything:now", "user:alice"] {
        assert_eq!(no_scope.parse::<SwitchScope>(), Err(NotAScope), "{no_scope}");
    }
    let off = elsewhere.switches().await.unwrap();
    assert_eq!(off.len(), 3);
    for switch in off {
        assert!(scopes.contains(&switch.scope));
        assert_eq!((switch.by.as_str(), switch.reason.as_deref()), ("bob", Some("an incident")));
        assert_eq!(switch.since, desk.clock.now());
        assert!(elsewhere.switch(switch.scope.clone(), false, "carol", None).await.unwrap());
        assert!(!elsewhere.switch(switch.scope, false, "carol", None).await.unwrap());
    }
    assert_eq!(store.switches().await.unwrap(), []);
}
