use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_store::testing::TestStore;
use reef_store::{Store, StoreError, on_both_databases};
use tokio::task::JoinSet;

use crate::support::{NOW, add_assistant, add_user, at, new_user, raw_rows, uuid};

on_both_databases! {
    async fn commit_keeps_and_drop_rolls_back(db: TestStore) {
        let (kept, dropped) = (new_user("kept@example.com"), new_user("dropped@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&kept).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&dropped).await.unwrap();
        assert!(tx.find_user(dropped.id).await.unwrap().is_some());
        drop(tx);
        for mut tx in [db.store.begin().await.unwrap(), db.store.read().await.unwrap()] {
            assert!(tx.find_user(kept.id).await.unwrap().is_some());
            assert!(tx.find_user(dropped.id).await.unwrap().is_none());
        }
    }

    async fn uncommitted_rows_are_invisible(db: TestStore) {
        let user = new_user("ada@example.com");
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        assert!(db.store.read().await.unwrap().find_user(user.id).await.unwrap().is_none());
        tx.commit().await.unwrap();
        assert!(db.store.read().await.unwrap().find_user(user.id).await.unwrap().is_some());
    }

    async fn concurrent_writers_all_commit(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let mut tasks = JoinSet::new();
        for writer in 0..64 {
            let store = db.store.clone();
            tasks.spawn(async move {
                for round in 0..3 {
                    let mut tx = store.begin().await.unwrap();
                    // A deferred transaction on SQLite could fail at the write after this read.
                    assert!(tx.is_assistant_deleted(bot).await.is_ok());
                    tx.insert_polar_webhook(&format!("{writer}:{round}"), "{}", NOW).await.unwrap();
                    tx.commit().await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let count = raw_rows!(db, (i64,), "select count(*) from polar_inbox");
        assert_eq!(count, [(192,)]);
    }

    async fn readers_and_writers_do_not_block_each_other(db: TestStore) {
        let mut reader = db.store.read().await.unwrap();
        reader.ping().await.unwrap();
        assert!(reader.find_user_by_email("ada@example.com").await.unwrap().is_none());
        let mut writer = db.store.begin().await.unwrap();
        writer.insert_user(&new_user("ada@example.com")).await.unwrap();
        assert!(reader.find_user_by_email("eve@example.com").await.unwrap().is_none());
        tokio::time::timeout(Duration::from_secs(3), writer.commit()).await.expect("writer should not wait for the reader").unwrap();
        reader.ping().await.unwrap();
    }

    async fn canceled_begin_leaves_nothing(db: TestStore) {
        let holder = db.store.begin().await.unwrap();
        for micros in [0, 10, 50, 100, 500, 1000, 2000] {
            let attempt = async {
                let mut tx = db.store.begin().await.unwrap();
                tx.insert_polar_webhook(&format!("cancelled {micros}"), "{}", NOW).await.unwrap();
                std::future::pending::<()>().await;
            };
            assert!(tokio::time::timeout(Duration::from_micros(micros), attempt).await.is_err());
        }
        drop(holder);
        for micros in [0, 10, 50, 100, 200, 400, 800, 1600] {
            let attempt = async {
                let mut tx = db.store.begin().await.unwrap();
                tx.insert_polar_webhook(&format!("dropped {micros}"), "{}", NOW).await.unwrap();
                std::future::pending::<()>().await;
            };
            assert!(tokio::time::timeout(Duration::from_micros(micros), attempt).await.is_err());
        }
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.list_open_polar_webhooks(10).await.unwrap(), []);
        assert!(tx.insert_polar_webhook("wh_1", "{}", NOW).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn timestamps_round_trip_to_the_millisecond(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let at_midnight = Timestamp::parse("2027-01-01T00:00:00.000Z").unwrap().unix_ms();
        for ms in [0, 1, 999, 1000, 946_684_799_999, NOW.unix_ms(), at_midnight - 1, 4_102_444_799_999] {
            let moment = Timestamp::from_unix_ms(ms);
            let written = add_assistant(&mut tx, user, reef_domain::State::Purchased, moment).await;
            let read = tx.find_assistant(written.id).await.unwrap().unwrap();
            assert_eq!((read.created_at, read.updated_at), (moment, moment));
            assert_eq!(read.created_at.to_string(), moment.to_string());
        }
    }

    async fn timestamps_sort_chronologically(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let moments = [at(-1), NOW, at(1), at(10), at(100), at(1000)];
        for moment in [3, 0, 5, 2, 4, 1] {
            add_assistant(&mut tx, user, reef_domain::State::Purchased, moments[moment]).await;
        }
        let listed = tx.list_assistants(user, NOW).await.unwrap();
        let newest_first: Vec<_> = moments.into_iter().rev().collect();
        assert_eq!(listed.iter().map(|assistant| assistant.created_at).collect::<Vec<_>>(), newest_first);
    }

    async fn closed_store_returns_error(db: TestStore) {
        db.store.read().await.unwrap().ping().await.unwrap();
        db.store.begin().await.unwrap().ping().await.unwrap();
        db.store.close().await;
        assert!(matches!(db.store.begin().await, Err(StoreError::Database(_))));
        assert!(matches!(db.store.read().await, Err(StoreError::Database(_))));
    }

    async fn only_sqlite_is_single_process(db: TestStore) {
        assert_eq!(db.store.is_single_process(), db.file().is_some());
    }
}

#[tokio::test]
async fn sqlite_read_transaction_cannot_write() {
    let db = TestStore::sqlite().await;
    let mut tx = db.store.read().await.unwrap();
    assert!(tx.insert_user(&new_user("ada@example.com")).await.is_err());
}

#[tokio::test]
async fn sqlite_file_is_created_with_directories_and_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not/yet/there/reef.db");
    let url = format!("sqlite://{}", file.display());
    let user = new_user("ada@example.com");
    for round in 0..2 {
        let store = Store::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.insert_user(&user).await.unwrap(), round == 0);
        tx.commit().await.unwrap();
        store.close().await;
    }
    assert!(file.exists());
}

#[tokio::test]
async fn uncreatable_directory_is_file_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let url = format!("sqlite://{}/file/reef.db", folder.path().display());
    assert!(matches!(Store::connect(&url).await, Err(StoreError::File(_))));
}

#[tokio::test]
async fn unsupported_urls_are_refused() {
    for url in ["", "mysql://root@127.0.0.1/reef", "reef.db", "https://example.com"] {
        assert!(matches!(Store::connect(url).await, Err(StoreError::UnsupportedUrl)), "{url}");
    }
}

#[tokio::test]
async fn unreachable_postgres_is_database_error() {
    // Port 9 is reserved for the discard service, so nothing listens on it.
    let refused = Store::connect("postgres://reef@127.0.0.1:9/reef").await;
    assert!(matches!(refused, Err(StoreError::Database(_))));
    assert!(matches!(Store::connect("postgres://reef@127.0.0.1:port/").await, Err(StoreError::Database(_))));
}
