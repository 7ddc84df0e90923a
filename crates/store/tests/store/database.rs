use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_store::testing::TestStore;
use reef_store::{Store, StoreError, Tx, on_both_databases};
use tokio::task::JoinSet;

use crate::support::{NOW, account, add_assistant, add_user, at, raw_rows, uuid};

on_both_databases! {
    async fn what_is_committed_lasts_and_what_is_dropped_never_was(db: TestStore) {
        let (kept, dropped) = (account("kept@example.com"), account("dropped@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&kept).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&dropped).await.unwrap();
        assert!(tx.user(dropped.id).await.unwrap().is_some());
        drop(tx);
        for mut tx in [db.store.begin().await.unwrap(), db.store.read().await.unwrap()] {
            assert!(tx.user(kept.id).await.unwrap().is_some());
            assert!(tx.user(dropped.id).await.unwrap().is_none());
        }
    }

    async fn nothing_of_a_transaction_is_seen_before_its_commit(db: TestStore) {
        let user = account("ada@example.com");
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        assert!(db.store.read().await.unwrap().user(user.id).await.unwrap().is_none());
        tx.commit().await.unwrap();
        assert!(db.store.read().await.unwrap().user(user.id).await.unwrap().is_some());
    }

    async fn many_writers_at_once_all_get_their_turn(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let mut tasks = JoinSet::new();
        for writer in 0..64 {
            let store = db.store.clone();
            tasks.spawn(async move {
                for round in 0..3 {
                    let mut tx = store.begin().await.unwrap();
                    // A deferred transaction on SQLite could fail at the write after this read.
                    assert!(tx.is_tombstone(bot).await.is_ok());
                    tx.receive_polar(&format!("{writer}:{round}"), "{}", NOW).await.unwrap();
                    tx.commit().await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let count = raw_rows!(db, (i64,), "select count(*) from polar_inbox");
        assert_eq!(count, [(192,)]);
    }

    async fn readers_and_writers_do_not_hold_each_other_up(db: TestStore) {
        let mut reader = db.store.read().await.unwrap();
        reader.ping().await.unwrap();
        assert!(reader.user_by_email("ada@example.com").await.unwrap().is_none());
        let mut writer = db.store.begin().await.unwrap();
        writer.insert_user(&account("ada@example.com")).await.unwrap();
        assert!(reader.user_by_email("eve@example.com").await.unwrap().is_none());
        tokio::time::timeout(Duration::from_secs(3), writer.commit()).await.expect("writer should not wait for the reader").unwrap();
        reader.ping().await.unwrap();
    }

    async fn a_begin_that_is_cancelled_leaves_nothing_behind(db: TestStore) {
        let holder = db.store.begin().await.unwrap();
        for micros in [0, 10, 50, 100, 500, 1000, 2000] {
            let attempt = async {
                let mut tx = db.store.begin().await.unwrap();
                tx.receive_polar(&format!("cancelled {micros}"), "{}", NOW).await.unwrap();
                std::future::pending::<()>().await;
            };
            assert!(tokio::time::timeout(Duration::from_micros(micros), attempt).await.is_err());
        }
        drop(holder);
        for micros in [0, 10, 50, 100, 200, 400, 800, 1600] {
            let attempt = async {
                let mut tx = db.store.begin().await.unwrap();
                tx.receive_polar(&format!("dropped {micros}"), "{}", NOW).await.unwrap();
                std::future::pending::<()>().await;
            };
            assert!(tokio::time::timeout(Duration::from_micros(micros), attempt).await.is_err());
        }
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.open_polar(10).await.unwrap(), []);
        assert!(tx.receive_polar("wh_1", "{}", NOW).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn moments_are_kept_to_the_millisecond(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let at_midnight = Timestamp::parse("2027-01-01T00:00:00.000Z").unwrap().unix_ms();
        for ms in [0, 1, 999, 1000, 946_684_799_999, NOW.unix_ms(), at_midnight - 1, 4_102_444_799_999] {
            let moment = Timestamp::from_unix_ms(ms);
            let written = add_assistant(&mut tx, user, reef_domain::State::Purchased, moment).await;
            let read = tx.assistant(written.id).await.unwrap().unwrap();
            assert_eq!((read.created_at, read.updated_at), (moment, moment));
            assert_eq!(read.created_at.to_string(), moment.to_string());
        }
    }

    async fn moments_sort_as_they_follow_each_other(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let moments = [at(-1), NOW, at(1), at(10), at(100), at(1000)];
        for moment in [3, 0, 5, 2, 4, 1] {
            add_assistant(&mut tx, user, reef_domain::State::Purchased, moments[moment]).await;
        }
        let listed = tx.assistants_of(user, NOW).await.unwrap();
        let newest_first: Vec<_> = moments.into_iter().rev().collect();
        assert_eq!(listed.iter().map(|assistant| assistant.created_at).collect::<Vec<_>>(), newest_first);
    }

    async fn a_closed_store_answers_with_an_error(db: TestStore) {
        db.store.read().await.unwrap().ping().await.unwrap();
        db.store.begin().await.unwrap().ping().await.unwrap();
        db.store.close().await;
        assert!(matches!(db.store.begin().await, Err(StoreError::Database(_))));
        assert!(matches!(db.store.read().await, Err(StoreError::Database(_))));
    }

    async fn only_sqlite_is_of_one_process(db: TestStore) {
        assert_eq!(db.store.is_single_process(), db.file().is_some());
    }
}

#[tokio::test]
async fn on_sqlite_a_transaction_for_looking_cannot_write() {
    let db = TestStore::sqlite().await;
    let mut tx = db.store.read().await.unwrap();
    assert!(tx.insert_user(&account("ada@example.com")).await.is_err());
}

#[tokio::test]
async fn a_sqlite_file_is_made_with_its_folders_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not/yet/there/reef.db");
    let url = format!("sqlite://{}", file.display());
    let user = account("ada@example.com");
    for round in 0..2 {
        let store = Store::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(matches!(tx, Tx::Sqlite(_)));
        assert_eq!(tx.insert_user(&user).await.unwrap(), round == 0);
        tx.commit().await.unwrap();
        store.close().await;
    }
    assert!(file.exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named_as_the_trouble() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let url = format!("sqlite://{}/file/reef.db", folder.path().display());
    assert!(matches!(Store::connect(&url).await, Err(StoreError::Folder(_))));
}

#[tokio::test]
async fn other_databases_are_refused() {
    for url in ["", "mysql://root@127.0.0.1/reef", "reef.db", "https://example.com"] {
        assert!(matches!(Store::connect(url).await, Err(StoreError::UnsupportedUrl)), "{url}");
    }
}

#[tokio::test]
async fn a_postgres_that_does_not_answer_is_a_database_error() {
    // Port 9 is `discard`, and nothing listens on it.
    let refused = Store::connect("postgres://reef@127.0.0.1:9/reef").await;
    assert!(matches!(refused, Err(StoreError::Database(_))));
    assert!(matches!(Store::connect("postgres://reef@127.0.0.1:port/").await, Err(StoreError::Database(_))));
}
