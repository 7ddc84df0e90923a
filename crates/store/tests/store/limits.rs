use reef_store::{RequestCount, ThrottleRow, on_both_databases};

use crate::support::{NOW, at, raw_rows};

on_both_databases! {
    async fn request_counts_are_summed_within_window(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.find_request_count("key", NOW).await.unwrap(), None);
        let first = tx.record_requests("key", 3, at(60_000), NOW).await.unwrap();
        assert_eq!(first, RequestCount { count: 3, window_ends_at: at(60_000) });
        // Another process began its window later, and the first window holds.
        let second = tx.record_requests("key", 4, at(61_000), at(1_000)).await.unwrap();
        assert_eq!(second, RequestCount { count: 7, window_ends_at: at(60_000) });
        assert_eq!(tx.find_request_count("key", at(59_999)).await.unwrap(), Some(second));
        assert_eq!(tx.find_request_count("other", NOW).await.unwrap(), None);
    }

    async fn window_ends_to_the_millisecond(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.record_requests("key", 3, at(60_000), NOW).await.unwrap();
        assert_eq!(tx.find_request_count("key", at(60_000)).await.unwrap(), None);
        let next = tx.record_requests("key", 1, at(120_000), at(60_000)).await.unwrap();
        assert_eq!(next, RequestCount { count: 1, window_ends_at: at(120_000) });
    }

    async fn throttle_counts_blocks_and_expires(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let row = |attempts, blocked_until| ThrottleRow { attempts, blocked_until };
        assert_eq!(tx.record_throttle_attempt("a", None, NOW, at(1000)).await.unwrap(), row(1, None));
        assert_eq!(tx.record_throttle_attempt("a", None, at(10), at(1010)).await.unwrap(), row(2, None));
        tx.block_throttle("a", at(500)).await.unwrap();
        assert_eq!(tx.record_throttle_attempt("a", None, at(20), at(1020)).await.unwrap(), row(3, Some(at(500))));
        assert_eq!(tx.record_throttle_attempt("b", None, at(20), at(1020)).await.unwrap(), row(1, None));
        tx.release_throttle_attempt("a").await.unwrap();
        assert_eq!(tx.record_throttle_attempt("a", None, at(30), at(1030)).await.unwrap(), row(3, None));
        // After a long enough pause the count starts over.
        assert_eq!(tx.record_throttle_attempt("a", None, at(1030), at(2030)).await.unwrap(), row(1, None));
        tx.reset_throttle("a").await.unwrap();
        assert_eq!(tx.record_throttle_attempt("a", None, at(1031), at(2031)).await.unwrap(), row(1, None));
    }

    async fn throttles_of_account_are_reset_together(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for (subject, owner) in [("a", Some("ada")), ("a from home", Some("ada")), ("b", Some("bob")), ("home", None)] {
            tx.record_throttle_attempt(subject, owner, NOW, at(1000)).await.unwrap();
            tx.block_throttle(subject, at(500)).await.unwrap();
        }
        tx.reset_account_throttles("ada").await.unwrap();
        for (subject, count) in [("a", 1), ("a from home", 1), ("b", 2), ("home", 2)] {
            let row = tx.record_throttle_attempt(subject, None, at(10), at(1000)).await.unwrap();
            assert_eq!((row.attempts, row.blocked_until.is_some()), (count, count == 2), "{subject}");
        }
    }

    async fn prune_deletes_ended_windows_and_throttles(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.record_requests("over", 1, at(-1), at(-10)).await.unwrap();
        tx.record_requests("open", 1, at(1), NOW).await.unwrap();
        tx.record_throttle_attempt("over", None, at(-10), NOW).await.unwrap();
        tx.record_throttle_attempt("open", None, NOW, at(1)).await.unwrap();
        assert_eq!(tx.prune_limits(NOW).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(raw_rows!(db, (String,), "select subject from request_counts"), [("open".to_owned(),)]);
        assert_eq!(raw_rows!(db, (String,), "select subject from throttles"), [("open".to_owned(),)]);
    }
}
