use reef_store::{PolarInboxRow, Tx, on_both_databases};

use crate::support::{NOW, at, raw_rows};

async fn open_ids(tx: &mut Tx) -> Vec<String> {
    let open = tx.list_open_polar_webhooks(100).await.expect("list should succeed");
    open.into_iter().map(|row| row.webhook_id).collect()
}

on_both_databases! {
    async fn webhook_round_trips(db: TestStore) {
        let body = "{\"type\":  \"order.paid\",\n \"name\": \"Ünï\"}";
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_polar_webhook("wh_1", body, NOW).await.unwrap());
        tx.commit().await.unwrap();
        let open = db.store.read().await.unwrap().list_open_polar_webhooks(10).await.unwrap();
        let [PolarInboxRow { webhook_id, body: stored, received_at, .. }] = open.as_slice() else {
            panic!("one webhook: {open:?}");
        };
        assert_eq!((webhook_id.as_str(), stored.as_str(), *received_at), ("wh_1", body, NOW));
    }

    async fn repeated_webhook_is_refused_even_after_processing(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_polar_webhook("wh_1", "first", NOW).await.unwrap());
        assert!(!tx.insert_polar_webhook("wh_1", "second", at(1)).await.unwrap());
        let open = tx.list_open_polar_webhooks(10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].body.as_str(), open[0].received_at), ("first", NOW));
        tx.finish_polar_webhook(open[0].position, "granted", at(2)).await.unwrap();
        assert!(!tx.insert_polar_webhook("wh_1", "third", at(3)).await.unwrap());
        assert_eq!(tx.list_open_polar_webhooks(10).await.unwrap(), []);
    }

    async fn webhooks_are_listed_in_order_of_arrival(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        // Neither ids nor times decide about the order.
        for (id, ms) in [("c", 3), ("a", 2), ("b", 1)] {
            assert!(tx.insert_polar_webhook(id, "{}", at(ms)).await.unwrap());
            assert!(!tx.insert_polar_webhook("c", "{}", at(ms)).await.unwrap());
        }
        assert_eq!(open_ids(&mut tx).await, ["c", "a", "b"]);
        let first_two = tx.list_open_polar_webhooks(2).await.unwrap();
        assert_eq!(first_two.len(), 2);
        assert!(first_two[0].position < first_two[1].position);
        tx.finish_polar_webhook(first_two[1].position, "ignored", NOW).await.unwrap();
        assert_eq!(open_ids(&mut tx).await, ["c", "b"]);
        assert!(tx.insert_polar_webhook("d", "{}", NOW).await.unwrap());
        assert_eq!(open_ids(&mut tx).await, ["c", "b", "d"]);
    }

    async fn outcome_of_webhook_is_stored(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_polar_webhook("wh_1", "{}", NOW).await.unwrap();
        tx.insert_polar_webhook("wh_2", "{}", NOW).await.unwrap();
        let position = tx.list_open_polar_webhooks(1).await.unwrap()[0].position;
        tx.finish_polar_webhook(position, "granted", at(5)).await.unwrap();
        tx.commit().await.unwrap();
        let rows = raw_rows!(
            db,
            (String, Option<String>, Option<reef_domain::Timestamp>),
            "select webhook_id, outcome, processed_at from polar_inbox order by position",
        );
        assert_eq!(rows[0], ("wh_1".to_owned(), Some("granted".to_owned()), Some(at(5))));
        assert_eq!(rows[1], ("wh_2".to_owned(), None, None));
    }

    async fn prune_keeps_open_and_newer_webhooks(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for id in ["old", "new", "open"] {
            tx.insert_polar_webhook(id, "{}", at(-1000)).await.unwrap();
        }
        let open = tx.list_open_polar_webhooks(10).await.unwrap();
        tx.finish_polar_webhook(open[0].position, "", at(-1)).await.unwrap();
        tx.finish_polar_webhook(open[1].position, "", NOW).await.unwrap();
        assert_eq!(tx.prune_polar_webhooks(NOW).await.unwrap(), 1);
        assert_eq!(tx.prune_polar_webhooks(NOW).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let left = raw_rows!(db, (String,), "select webhook_id from polar_inbox order by position");
        assert_eq!(left, [("new".to_owned(),), ("open".to_owned(),)]);
    }

    async fn position_is_never_reused(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_polar_webhook("wh_1", "{}", NOW).await.unwrap();
        let first = tx.list_open_polar_webhooks(1).await.unwrap()[0].position;
        tx.finish_polar_webhook(first, "", NOW).await.unwrap();
        assert_eq!(tx.prune_polar_webhooks(at(1)).await.unwrap(), 1);
        tx.insert_polar_webhook("wh_2", "{}", NOW).await.unwrap();
        assert!(tx.list_open_polar_webhooks(1).await.unwrap()[0].position > first);
    }
}
