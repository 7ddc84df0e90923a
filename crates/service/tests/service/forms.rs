//! Forms that run once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reef_service::Error;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use tokio::sync::Notify;
use tokio::task::yield_now;

on_both_databases! {
    async fn form_sent_twice_runs_once(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let token = t.services.form_token();
        let times = Arc::new(AtomicU32::new(0));
        let work = || {
            let times = Arc::clone(&times);
            async move {
                yield_now().await;
                Ok(times.fetch_add(1, Ordering::SeqCst))
            }
        };
        let send = |content| t.services.once_per_form(&me, &token, content, work());
        let (first, second) = tokio::join!(send("a key"), send("a key"));
        let mut both = [first.unwrap(), second.unwrap()];
        both.sort();
        assert_eq!(both, [None, Some(0)]);
        // Another choice, and the same form of another account, are different forms.
        assert_eq!(send("another key").await.unwrap(), Some(1));
        assert_eq!(t.services.once_per_form(&other, &token, "a key", work()).await.unwrap(), Some(2));
        for bad in ["", "a b", &"x".repeat(65)] {
            let refused = t.services.once_per_form(&me, bad, "a key", work()).await;
            assert!(matches!(refused, Err(Error::InvalidRequest(_))), "{bad:?}");
        }
        t.finish().await;
    }

    async fn form_of_dropped_request_still_runs(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let token = t.services.form_token();
        let (begun, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let work = {
            let (begun, goes_on) = (Arc::clone(&begun), Arc::clone(&goes_on));
            async move {
                begun.notify_one();
                goes_on.notified().await;
                Ok(1)
            }
        };
        tokio::select! {
            _ = t.services.once_per_form(&me, &token, "a key", work) => panic!("the work has not been released"),
            () = begun.notified() => {}
        }
        goes_on.notify_one();
        assert_eq!(t.services.once_per_form(&me, &token, "a key", async { Ok(2) }).await.unwrap(), None);
        t.finish().await;
    }

    async fn refused_form_can_be_resent(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let token = t.services.form_token();
        let send = |result: Result<u8, Error>| t.services.once_per_form(&me, &token, "a key", async { result });
        assert!(matches!(send(Err(Error::NotFound)).await, Err(Error::NotFound)));
        assert_eq!(send(Ok(1)).await.unwrap(), Some(1));
        assert_eq!(send(Ok(2)).await.unwrap(), None);
        t.finish().await;
    }
}
