//! Changes while the connection that receives notifications is lost.

use std::time::Duration;

use reef_store::Database;
use reef_store::testing::TestStore;

use super::{Listening, add_owner, known_name, listed_names, rename, wait_until, wait_until_remembered};
use crate::support::raw;

/// Ends the connections that listen in the schema of the test.
async fn terminate_listeners(db: &TestStore) -> u64 {
    raw!(
        db,
        "select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = $1 and pid <> pg_backend_pid() and (query = 'select 1' or query like 'LISTEN%')",
        db.schema(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_during_lost_connection_are_noticed() {
    let db = TestStore::postgres().await;
    let (user, assistant) = add_owner(&db.store).await;
    let (_, witness) = add_owner(&db.store).await;
    let other = db.connect_again().await;
    let _listening = Listening::start(&other).await;
    for round in 0..10 {
        wait_until_remembered(&db, &other, witness.id).await;
        assert!(known_name(&other, assistant.id).await.is_some());
        assert_eq!(listed_names(&other, user).await.len(), 1);
        assert!(terminate_listeners(&db).await > 0);
        let name = format!("name {round}");
        rename(&db.store, assistant.id, &name).await;
        wait_until("the new name", async || {
            known_name(&other, assistant.id).await.as_deref() == Some(name.as_str())
        })
        .await;
        // What was remembered before is not remembered again.
        wait_until_remembered(&db, &other, witness.id).await;
        assert_eq!(known_name(&other, assistant.id).await.as_deref(), Some(name.as_str()));
        assert_eq!(listed_names(&other, user).await, [name.as_str()]);
    }
}

/// Opening another connection takes longer than the interval of the listener's checks, because all are in use.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_noticed_if_connection_is_opened_slowly() {
    const CONNECTIONS: usize = 4;
    let db = TestStore::postgres().await;
    let (_, assistant) = add_owner(&db.store).await;
    let (_, witness) = add_owner(&db.store).await;
    let other = db.connect_again().await;
    let _listening = Listening::start(&other).await;
    wait_until_remembered(&db, &other, assistant.id).await;
    let mut held = Vec::new();
    for _ in 1..CONNECTIONS {
        assert!(known_name(&other, assistant.id).await.is_some());
        held.push(other.read().await.unwrap());
    }
    // This waits for the connection that the listener is about to lose, before the listener does.
    let mut last = std::pin::pin!(other.read());
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut last).await.is_err());
    assert!(terminate_listeners(&db).await > 0);
    held.push(last.await.unwrap());
    rename(&db.store, assistant.id, "second").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    held.clear();
    wait_until_remembered(&db, &other, witness.id).await;
    assert_eq!(known_name(&other, assistant.id).await.as_deref(), Some("second"));
}

#[tokio::test]
async fn reopened_connection_for_writing_is_noticed() {
    let db = TestStore::sqlite().await;
    let (_, assistant) = add_owner(&db.store).await;
    let other = db.connect_again().await;
    let _listening = Listening::start(&other).await;
    for round in 0..3 {
        wait_until_remembered(&db, &other, assistant.id).await;
        let Database::Sqlite { write, .. } = other.database() else { panic!("SQLite") };
        write.acquire().await.unwrap().close().await.unwrap();
        let name = format!("name {round}");
        rename(&db.store, assistant.id, &name).await;
        wait_until("the new name", async || {
            known_name(&other, assistant.id).await.as_deref() == Some(name.as_str())
        })
        .await;
    }
}
