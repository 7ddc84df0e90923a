//! Records and lists that are read from memory.

use std::time::Duration;

use reef_domain::State;
use reef_store::on_both_databases;

use super::{
    LIMIT, Listening, add_owner, is_remembered, known_name, listed_names, rename, wait_until,
    wait_until_remembered,
};
use crate::support::{NOW, add_assistant, at, raw};

on_both_databases! {
    async fn own_commit_is_visible_at_once(db: TestStore) {
        let (user, assistant) = add_owner(&db.store).await;
        let _listening = Listening::start(&db.store).await;
        wait_until_remembered(&db, &db.store, assistant.id).await;
        for round in 0..50 {
            let name = format!("name {round}");
            rename(&db.store, assistant.id, &name).await;
            assert_eq!(known_name(&db.store, assistant.id).await.as_deref(), Some(name.as_str()));
            assert_eq!(listed_names(&db.store, user).await, [name]);
        }
        let mut tx = db.store.begin().await.unwrap();
        let second = add_assistant(&mut tx, user, State::Purchased, NOW).await;
        tx.commit().await.unwrap();
        assert_eq!(listed_names(&db.store, user).await.len(), 2);
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_assistant(second.id, user, NOW).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(known_name(&db.store, second.id).await, None);
        assert_eq!(listed_names(&db.store, user).await.len(), 1);
    }

    async fn uncommitted_change_is_not_remembered(db: TestStore) {
        let (_, assistant) = add_owner(&db.store).await;
        let _listening = Listening::start(&db.store).await;
        wait_until_remembered(&db, &db.store, assistant.id).await;
        let mut tx = db.store.begin().await.unwrap();
        let mut changed = tx.lock_assistant(assistant.id).await.unwrap().unwrap();
        changed.config.name = Some("rolled back".to_owned());
        assert!(tx.update_assistant(&mut changed).await.unwrap());
        assert_eq!(known_name(&db.store, assistant.id).await.as_deref(), Some("first"));
        drop(tx);
        assert_eq!(known_name(&db.store, assistant.id).await.as_deref(), Some("first"));
    }

    async fn second_store_follows(db: TestStore) {
        let (user, assistant) = add_owner(&db.store).await;
        let other = db.connect_again().await;
        let _listening = Listening::start(&other).await;
        for name in ["second", "third"] {
            wait_until_remembered(&db, &other, assistant.id).await;
            rename(&db.store, assistant.id, name).await;
            wait_until("the new name", async || known_name(&other, assistant.id).await.as_deref() == Some(name)).await;
            wait_until("the new list", async || listed_names(&other, user).await == [name]).await;
        }
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_assistant(assistant.id, user, NOW).await.unwrap());
        tx.commit().await.unwrap();
        wait_until("the deletion", async || known_name(&other, assistant.id).await.is_none()).await;
    }

    async fn nothing_is_remembered_without_listener(db: TestStore) {
        let (user, assistant) = add_owner(&db.store).await;
        for round in 0..3 {
            let name = format!("raw {round}");
            raw!(db, "update assistants set name = $2 where id = $1", assistant.id, &name);
            assert_eq!(known_name(&db.store, assistant.id).await.as_deref(), Some(name.as_str()));
            assert_eq!(listed_names(&db.store, user).await, [name]);
            let listed = db.store.list_known_records(user).await.unwrap();
            assert!(listed.is_none(), "what cannot be remembered should not be read");
        }
    }

    async fn model_list_of_other_store_is_followed(db: TestStore) {
        let (_, assistant) = add_owner(&db.store).await;
        let other = db.connect_again().await;
        let _listening = Listening::start(&other).await;
        let fetched_at = async || other.find_known_catalog_fetched_at("openrouter").await.unwrap();
        for ms in [1, 2] {
            wait_until_remembered(&db, &other, assistant.id).await;
            fetched_at().await;
            let mut tx = db.store.begin().await.unwrap();
            tx.upsert_catalog("openrouter", &[], at(ms)).await.unwrap();
            tx.commit().await.unwrap();
            wait_until("the new list", async || fetched_at().await == Some(at(ms))).await;
        }
        let _own = Listening::start(&db.store).await;
        for ms in 3..20 {
            let mut tx = db.store.begin().await.unwrap();
            tx.upsert_catalog("openrouter", &[], at(ms)).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(db.store.find_known_catalog_fetched_at("openrouter").await.unwrap(), Some(at(ms)));
        }
    }

    async fn nothing_is_remembered_after_listener_was_dropped(db: TestStore) {
        let (_, assistant) = add_owner(&db.store).await;
        let listening = Listening::start(&db.store).await;
        wait_until_remembered(&db, &db.store, assistant.id).await;
        listening.0.abort();
        wait_until("the end of the listener", async || listening.0.is_finished()).await;
        assert!(!is_remembered(&db, &db.store, assistant.id).await);
    }

    async fn silent_listener_is_not_trusted(db: TestStore) {
        let (_, assistant) = add_owner(&db.store).await;
        let mut listener = db.store.listen().await.unwrap();
        // Nobody calls `next` after this, as in a process that stands still.
        drop(tokio::time::timeout(Duration::from_millis(300), listener.next()).await);
        wait_until("reading from the database", async || !is_remembered(&db, &db.store, assistant.id).await).await;
        drop(listener);
    }

    async fn dropped_commit_is_noticed(db: TestStore) {
        let (_, assistant) = add_owner(&db.store).await;
        let _listening = Listening::start(&db.store).await;
        let waits = (0..12).map(|round| Duration::from_micros(10 << round));
        for (round, wait) in waits.chain([LIMIT]).enumerate() {
            wait_until_remembered(&db, &db.store, assistant.id).await;
            let name = format!("dropped {round}");
            let mut tx = db.store.begin().await.unwrap();
            let mut changed = tx.lock_assistant(assistant.id).await.unwrap().unwrap();
            changed.config.name = Some(name.clone());
            assert!(tx.update_assistant(&mut changed).await.unwrap());
            let is_confirmed = tokio::time::timeout(wait, tx.commit()).await.is_ok();
            // It may be committed even if nobody waits for that. The next transaction on the row waits for its end.
            let mut tx = db.store.begin().await.unwrap();
            let stored = tx.lock_assistant(assistant.id).await.unwrap().unwrap();
            drop(tx);
            assert!(!is_confirmed || stored.config.name.as_ref() == Some(&name));
            wait_until("what is stored", async || known_name(&db.store, assistant.id).await == stored.config.name).await;
        }
    }

    async fn list_of_many_assistants_is_read_page_by_page(db: TestStore) {
        let (user, first) = add_owner(&db.store).await;
        let _listening = Listening::start(&db.store).await;
        let mut tx = db.store.begin().await.unwrap();
        for number in 1..500 {
            add_assistant(&mut tx, user, State::Purchased, at(number)).await;
        }
        tx.commit().await.unwrap();
        wait_until_remembered(&db, &db.store, first.id).await;
        assert_eq!(listed_names(&db.store, user).await.len(), 500);
        let mut tx = db.store.begin().await.unwrap();
        let last = add_assistant(&mut tx, user, State::Purchased, at(500)).await;
        tx.commit().await.unwrap();
        assert!(db.store.list_known_records(user).await.unwrap().is_none());
        assert!(db.store.list_known_records(user).await.unwrap().is_none());
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_assistant(last.id, user, NOW).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(listed_names(&db.store, user).await.len(), 500);
    }
}
