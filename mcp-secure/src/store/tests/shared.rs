use super::*;

cases! {
    a_bucket_grants_its_burst_and_then_its_rate,
    two_processes_never_take_more_than_the_bucket_holds,
    of_several_buckets_each_grants_or_none_is_charged,
    processes_that_name_buckets_in_another_order_take_from_all_or_none,
    a_full_bucket_is_forgotten,
    what_is_taken_while_full_buckets_are_dropped_is_not_forgotten,
    a_switch_is_seen_by_every_process_until_it_is_on_again,
}

fn bucket() -> Digest {
    Digest::of_bytes(b"alice's refunds")
}

async fn lease(store: &dyn Store, rate: Rate, calls: u32) -> Leased {
    store.lease(vec![Wanted { bucket: bucket(), rate, calls }]).await.unwrap().remove(0)
}

async fn a_bucket_grants_its_burst_and_then_its_rate(desk: Desk) {
    let store = desk.open().await;
    let rate = Rate { burst: 5, every_us: 200_000 };
    let lease = async |want| lease(&*store, rate, want).await;
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
    assert_eq!(self::lease(&*store, never, 1).await.granted, 0);
}

async fn two_processes_never_take_more_than_the_bucket_holds(desk: Desk) {
    let stores = [desk.open().await, desk.open().await];
    let rate = Rate { burst: 40, every_us: 3_600_000_000 };
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            tokio::spawn(async move { lease(&*store, rate, 1).await.granted })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 40);
}

fn wanted(name: &str, burst: u32, calls: u32) -> Wanted {
    let rate = Rate { burst, every_us: 3_600_000_000 };
    Wanted { bucket: Digest::of_bytes(name.as_bytes()), rate, calls }
}

async fn of_several_buckets_each_grants_or_none_is_charged(desk: Desk) {
    let store = desk.open().await;
    let granted = async |wanted: Vec<Wanted>| {
        let leased = store.lease(wanted).await.unwrap();
        leased.iter().map(|one| one.granted).collect::<Vec<_>>()
    };
    assert_eq!(granted(vec![wanted("b", 5, 2), wanted("a", 2, 9)]).await, [2, 2]);
    for _ in 0..9 {
        let refused = store.lease(vec![wanted("b", 5, 1), wanted("a", 2, 1)]).await.unwrap();
        assert_eq!(refused[0], Leased { granted: 0, retry_after_ms: 0 });
        assert_eq!(refused[1].granted, 0);
        assert!(refused[1].retry_after_ms > 0, "{refused:?}");
    }
    assert_eq!(granted(vec![wanted("b", 5, 9)]).await, [3], "b was charged for what a refused");
    assert_eq!(granted(vec![]).await, [0; 0]);
}

async fn processes_that_name_buckets_in_another_order_take_from_all_or_none(desk: Desk) {
    let stores = [desk.open().await, desk.open().await];
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            let mut both = vec![wanted("a", 40, 1), wanted("b", 25, 1)];
            both.rotate_left(n % 2);
            tokio::spawn(async move { store.lease(both).await.unwrap() })
        })
        .collect();
    let mut through = 0;
    for task in tasks {
        let leased = task.await.unwrap();
        through += u32::from(leased.iter().all(|one| one.granted == 1));
    }
    assert_eq!(through, 25);
    let left = stores[0].lease(vec![wanted("a", 40, 99)]).await.unwrap();
    assert_eq!(left[0].granted, 15);
}

async fn a_full_bucket_is_forgotten(desk: Desk) {
    let store = desk.open().await;
    lease(&*store, Rate { burst: 5, every_us: 1_000_000 }, 2).await;
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
        assert_eq!(lease(&*store, rate, 1).await.granted, 1, "round {n}");
        assert_eq!(lease(&*store, rate, 1).await.granted, 0, "round {n}");
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
