use reef_store::{RequestCount, Tries, on_both_databases};

use crate::support::{NOW, at, raw_rows};

on_both_databases! {
    async fn what_processes_count_is_summed_within_a_window(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.request_count("key", NOW).await.unwrap(), None);
        let first = tx.add_requests("key", 3, at(60_000), NOW).await.unwrap();
        assert_eq!(first, RequestCount { count: 3, ends_at: at(60_000) });
        // Another process began its window later, and the first window holds.
        let second = tx.add_requests("key", 4, at(61_000), at(1_000)).await.unwrap();
        assert_eq!(second, RequestCount { count: 7, ends_at: at(60_000) });
        assert_eq!(tx.request_count("key", at(59_999)).await.unwrap(), Some(second));
        assert_eq!(tx.request_count("other", NOW).await.unwrap(), None);
    }

    async fn a_window_ends_to_the_millisecond(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.add_requests("key", 3, at(60_000), NOW).await.unwrap();
        assert_eq!(tx.request_count("key", at(60_000)).await.unwrap(), None);
        let next = tx.add_requests("key", 1, at(120_000), at(60_000)).await.unwrap();
        assert_eq!(next, RequestCount { count: 1, ends_at: at(120_000) });
    }

    async fn tries_are_counted_blocked_and_forgotten(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let tries = |count, blocked_until| Tries { count, blocked_until };
        assert_eq!(tx.count_try("a", None, NOW, at(1000)).await.unwrap(), tries(1, None));
        assert_eq!(tx.count_try("a", None, at(10), at(1010)).await.unwrap(), tries(2, None));
        tx.block_tries("a", at(500)).await.unwrap();
        assert_eq!(tx.count_try("a", None, at(20), at(1020)).await.unwrap(), tries(3, Some(at(500))));
        assert_eq!(tx.count_try("b", None, at(20), at(1020)).await.unwrap(), tries(1, None));
        tx.take_back_try("a").await.unwrap();
        assert_eq!(tx.count_try("a", None, at(30), at(1030)).await.unwrap(), tries(3, None));
        // After a long enough pause the count starts over.
        assert_eq!(tx.count_try("a", None, at(1030), at(2030)).await.unwrap(), tries(1, None));
        tx.forget_tries("a").await.unwrap();
        assert_eq!(tx.count_try("a", None, at(1031), at(2031)).await.unwrap(), tries(1, None));
    }

    async fn tries_against_an_account_are_forgotten_together(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for (subject, owner) in [("a", Some("ada")), ("a from home", Some("ada")), ("b", Some("bob")), ("home", None)] {
            tx.count_try(subject, owner, NOW, at(1000)).await.unwrap();
            tx.block_tries(subject, at(500)).await.unwrap();
        }
        tx.forget_tries_against("ada").await.unwrap();
        for (subject, count) in [("a", 1), ("a from home", 1), ("b", 2), ("home", 2)] {
            let tries = tx.count_try(subject, None, at(10), at(1000)).await.unwrap();
            assert_eq!((tries.count, tries.blocked_until.is_some()), (count, count == 2), "{subject}");
        }
    }

    async fn what_is_over_is_pruned(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.add_requests("over", 1, at(-1), at(-10)).await.unwrap();
        tx.add_requests("open", 1, at(1), NOW).await.unwrap();
        tx.count_try("over", None, at(-10), NOW).await.unwrap();
        tx.count_try("open", None, NOW, at(1)).await.unwrap();
        assert_eq!(tx.prune_limits(NOW).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(raw_rows!(db, (String,), "select subject from request_counts"), [("open".to_owned(),)]);
        assert_eq!(raw_rows!(db, (String,), "select subject from throttles"), [("open".to_owned(),)]);
    }
}
