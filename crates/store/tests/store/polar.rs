use reef_store::{InboxRow, Tx, on_both_databases};

use crate::support::{NOW, at, raw_rows};

async fn open_ids(tx: &mut Tx) -> Vec<String> {
    let open = tx.open_polar(100).await.expect("list should succeed");
    open.into_iter().map(|row| row.webhook_id).collect()
}

on_both_databases! {
    async fn a_webhook_is_taken_in_as_it_came(db: TestStore) {
        let body = "{\"type\":  \"order.paid\",\n \"name\": \"Ünï\"}";
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.receive_polar("wh_1", body, NOW).await.unwrap());
        tx.commit().await.unwrap();
        let open = db.store.read().await.unwrap().open_polar(10).await.unwrap();
        let [InboxRow { webhook_id, body: stored, received_at, .. }] = open.as_slice() else {
            panic!("one webhook: {open:?}");
        };
        assert_eq!((webhook_id.as_str(), stored.as_str(), *received_at), ("wh_1", body, NOW));
    }

    async fn a_webhook_that_comes_again_is_known_even_after_it_was_worked_off(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.receive_polar("wh_1", "first", NOW).await.unwrap());
        assert!(!tx.receive_polar("wh_1", "second", at(1)).await.unwrap());
        let open = tx.open_polar(10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].body.as_str(), open[0].received_at), ("first", NOW));
        tx.finish_polar(open[0].position, "granted", at(2)).await.unwrap();
        assert!(!tx.receive_polar("wh_1", "third", at(3)).await.unwrap());
        assert_eq!(tx.open_polar(10).await.unwrap(), []);
    }

    async fn webhooks_are_worked_off_in_the_order_of_arrival(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        // Neither ids nor times decide about the order.
        for (id, ms) in [("c", 3), ("a", 2), ("b", 1)] {
            assert!(tx.receive_polar(id, "{}", at(ms)).await.unwrap());
            assert!(!tx.receive_polar("c", "{}", at(ms)).await.unwrap());
        }
        assert_eq!(open_ids(&mut tx).await, ["c", "a", "b"]);
        let first_two = tx.open_polar(2).await.unwrap();
        assert_eq!(first_two.len(), 2);
        assert!(first_two[0].position < first_two[1].position);
        tx.finish_polar(first_two[1].position, "ignored", NOW).await.unwrap();
        assert_eq!(open_ids(&mut tx).await, ["c", "b"]);
        assert!(tx.receive_polar("d", "{}", NOW).await.unwrap());
        assert_eq!(open_ids(&mut tx).await, ["c", "b", "d"]);
    }

    async fn what_came_of_a_webhook_is_kept(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.receive_polar("wh_1", "{}", NOW).await.unwrap();
        tx.receive_polar("wh_2", "{}", NOW).await.unwrap();
        let position = tx.open_polar(1).await.unwrap()[0].position;
        tx.finish_polar(position, "granted", at(5)).await.unwrap();
        tx.commit().await.unwrap();
        let rows = raw_rows!(
            db,
            (String, Option<String>, Option<reef_domain::Timestamp>),
            "select webhook_id, outcome, processed_at from polar_inbox order by position",
        );
        assert_eq!(rows[0], ("wh_1".to_owned(), Some("granted".to_owned()), Some(at(5))));
        assert_eq!(rows[1], ("wh_2".to_owned(), None, None));
    }

    async fn pruning_spares_what_is_open_or_worked_off_since(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for id in ["old", "new", "open"] {
            tx.receive_polar(id, "{}", at(-1000)).await.unwrap();
        }
        let open = tx.open_polar(10).await.unwrap();
        tx.finish_polar(open[0].position, "", at(-1)).await.unwrap();
        tx.finish_polar(open[1].position, "", NOW).await.unwrap();
        assert_eq!(tx.prune_polar(NOW).await.unwrap(), 1);
        assert_eq!(tx.prune_polar(NOW).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let left = raw_rows!(db, (String,), "select webhook_id from polar_inbox order by position");
        assert_eq!(left, [("new".to_owned(),), ("open".to_owned(),)]);
    }

    async fn a_position_is_never_used_again(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.receive_polar("wh_1", "{}", NOW).await.unwrap();
        let first = tx.open_polar(1).await.unwrap()[0].position;
        tx.finish_polar(first, "", NOW).await.unwrap();
        assert_eq!(tx.prune_polar(at(1)).await.unwrap(), 1);
        tx.receive_polar("wh_2", "{}", NOW).await.unwrap();
        assert!(tx.open_polar(1).await.unwrap()[0].position > first);
    }
}
