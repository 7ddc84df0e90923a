use std::time::Duration;

use reef_domain::health::{HealthCode, Legs, Verdict};
use reef_domain::ids::UserId;
use reef_domain::wire::Provider;
use reef_outbound::SystemClock;
use reef_ports::{Clock as _, WorkerHost as _};
use reef_store::{HealthRow, Store, on_both_databases};
use reef_workers::embedded::UpdateSource;

use crate::fake_server::{FakeServer, rejection, wait_until};
use crate::setup::{TOKEN, assistant, run, spec, text_update};

/// Lets the health of the assistant be recorded, which is checked much later.
async fn watch(store: &Store) {
    let later = SystemClock.now().plus(Duration::from_secs(3600));
    let row = HealthRow {
        assistant_id: assistant(),
        user_id: UserId::new(assistant().uuid()),
        generation: 1,
        provider: Provider::Openai,
        legs: Legs::deployed(SystemClock.now()),
        announced: Verdict::Ok,
        mailed: Verdict::Ok,
        mailed_at: None,
        used_at: None,
        telegram_signal: None,
        model_signal: None,
        next_telegram_check_at: later,
        next_model_check_at: later,
    };
    let mut tx = store.begin().await.unwrap();
    tx.replace_health(&row).await.unwrap();
    tx.commit().await.unwrap();
}

/// Waits until something was recorded.
async fn recorded(store: &Store, is_expected: impl Fn(&HealthRow) -> bool) -> HealthRow {
    for _ in 0..400 {
        let health = store.read().await.unwrap().find_health(assistant()).await.unwrap().unwrap();
        if is_expected(&health) {
            return health;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nothing was recorded");
}

on_both_databases! {
    async fn reply_is_recorded_as_use_and_brings_the_next_check_forward(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        watch(&db.store).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.add_update(TOKEN, text_update(7, 5, "one"));
        wait_until("the answer", || world.texts(5).len() == 1).await;
        let health = recorded(&db.store, |health| health.model_signal.is_some()).await;
        assert_eq!(health.model_signal, Some(HealthCode::Ok));
        assert!(health.used_at.is_some());
        assert!(health.next_telegram_check_at < SystemClock.now().plus(Duration::from_secs(60)));
        assert!(db.store.read().await.unwrap().list_health_signals(9).await.unwrap().is_empty(), "nothing is wrong");
    }

    async fn command_is_no_evidence_about_the_model(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        watch(&db.store).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.add_update(TOKEN, text_update(7, 5, "/help"));
        wait_until("the answer", || world.texts(5).len() == 1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let health = recorded(&db.store, |_| true).await;
        assert_eq!(health.model_signal, None);
    }

    async fn polling_conflict_is_recorded(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        watch(&db.store).await;
        world.reject_polls([rejection(409, "Conflict: terminated by other getUpdates request")]);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        let health = recorded(&db.store, |health| health.telegram_signal.is_some()).await;
        assert!(health.used_at.is_none());
        assert_eq!(db.store.read().await.unwrap().list_health_signals(9).await.unwrap(), [assistant()]);
    }

    async fn revoked_token_is_recorded_by_a_poll(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        watch(&db.store).await;
        world.revoke(TOKEN);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        let health = recorded(&db.store, |health| health.telegram_signal.is_some()).await;
        assert_eq!(health.telegram_signal, Some(HealthCode::TokenRejected));
    }
}
