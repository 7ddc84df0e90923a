//! A request with an idempotency key runs once within a day, even if its process dies.

use reef_domain::ErrorCode;
use reef_service::idempotency::{Claim, ClaimResult, Outcome, Rejection};
use reef_service::testing::TestServices;
use reef_service::{Caller, Error};
use reef_store::on_both_databases;

use crate::support::{HOUR, SECOND, TICK};

async fn claim(t: &TestServices, me: &Caller, request: &str) -> Result<ClaimResult, Error> {
    t.services.claim_request(me, "key", request.as_bytes().to_vec()).await
}

fn rejected(message: &str) -> Outcome {
    Outcome::Rejected(Rejection {
        code: ErrorCode::InvalidRequest,
        message: message.to_owned(),
        details: None,
    })
}

async fn first(t: &TestServices, me: &Caller, request: &str) -> Claim {
    match claim(t, me, request).await {
        Ok(ClaimResult::New(claim)) => claim,
        other => panic!("not the first: {other:?}"),
    }
}

on_both_databases! {
    async fn response_is_replayed_for_a_day(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let claimed = first(&t, &me, "buy").await;
        t.services.settle_request(&claimed, Some(&Outcome::Deleted)).await.unwrap();
        t.clock.advance(24 * HOUR - TICK);
        // Pruning does not remove the response too early.
        t.services.prune().await.unwrap();
        let again = claim(&t, &me, "buy").await.unwrap();
        assert!(matches!(&again, ClaimResult::Replay(Outcome::Deleted)), "{again:?}");
        assert!(matches!(claim(&t, &me, "sell").await, Err(Error::IdempotencyKeyReused)));
        t.clock.advance(TICK);
        first(&t, &me, "sell").await;
    }

    async fn key_of_dead_process_is_held_for_ten_seconds(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let lost = first(&t, &me, "buy").await;
        assert!(matches!(claim(&t, &me, "buy").await, Err(Error::RequestInProgress)));
        t.clock.advance(10 * SECOND - TICK);
        assert!(matches!(claim(&t, &me, "buy").await, Err(Error::RequestInProgress)));
        t.clock.advance(TICK);
        first(&t, &me, "buy").await;
        drop(lost);
    }

    async fn refusals_are_pruned_and_successes_kept(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let claim = async |caller: &Caller, key: &str| {
            let claimed = t.services.claim_request(caller, key, b"x".to_vec()).await.unwrap();
            let ClaimResult::New(claim) = claimed else { panic!("{key} is known: {claimed:?}") };
            claim
        };
        for key in ["bought", "first refusal"] {
            let outcome = if key == "bought" { Outcome::Deleted } else { rejected(key) };
            t.services.settle_request(&claim(&me, key).await, Some(&outcome)).await.unwrap();
            t.services.settle_request(&claim(&other, key).await, Some(&outcome)).await.unwrap();
            t.clock.advance(SECOND);
        }
        let mut tx = t.db.store.begin().await.unwrap();
        let now = t.services.now();
        for number in 0..1000 {
            let key = format!("k{number}");
            tx.claim_idempotency_key(me.user_id, &key, b"x", now, now, now.minus(HOUR)).await.unwrap();
            tx.save_outcome(me.user_id, &key, b"x", "{}", true).await.unwrap();
        }
        tx.commit().await.unwrap();
        t.clock.advance(SECOND);
        t.services.settle_request(&claim(&me, "last refusal").await, Some(&rejected("no"))).await.unwrap();
        let mut tx = t.db.store.read().await.unwrap();
        assert_eq!(tx.count_idempotency_keys(me.user_id, 5000).await.unwrap(), 1001);
        assert_eq!(tx.count_idempotency_keys(other.user_id, 5000).await.unwrap(), 2);
        drop(tx);
        let known = t.services.claim_request(&me, "bought", b"x".to_vec()).await.unwrap();
        assert!(matches!(known, ClaimResult::Replay(Outcome::Deleted)), "{known:?}");
        let known = t.services.claim_request(&me, "last refusal", b"x".to_vec()).await.unwrap();
        assert!(matches!(&known, ClaimResult::Replay(outcome) if *outcome == rejected("no")), "{known:?}");
        // A dropped refusal runs again.
        claim(&me, "first refusal").await;
    }

    async fn account_over_key_limit_is_refused_for_a_day(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let mut tx = t.db.store.begin().await.unwrap();
        let now = t.services.now();
        for number in 0..10_000 {
            tx.claim_idempotency_key(me.user_id, &format!("k{number}"), b"x", now, now, now.minus(HOUR)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let new = async |caller: &Caller| t.services.claim_request(caller, "new", b"x".to_vec()).await;
        assert!(matches!(new(&me).await, Err(Error::RateLimited { .. })));
        assert!(matches!(new(&other).await, Ok(ClaimResult::New(_))));
        let mut tx = t.db.store.read().await.unwrap();
        assert_eq!(tx.count_idempotency_keys(me.user_id, 20_000).await.unwrap(), 10_000);
        drop(tx);
        t.clock.advance(24 * HOUR);
        t.services.prune().await.unwrap();
        assert!(matches!(new(&me).await, Ok(ClaimResult::New(_))));
    }

    async fn long_rejection_releases_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let long = rejected(&"x".repeat(8 * 1024));
        t.services.settle_request(&first(&t, &me, "buy").await, Some(&long)).await.unwrap();
        first(&t, &me, "buy").await;
    }

    async fn unsaved_response_releases_key(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let claimed = first(&t, &me, "buy").await;
        t.services.settle_request(&claimed, None).await.unwrap();
        first(&t, &me, "sell").await;
        // The same idempotency key of another account is a different key.
        first(&t, &other, "buy").await;
    }
}
