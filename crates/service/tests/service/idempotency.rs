//! A request with a key happens once within a day, whoever died in between.

use reef_service::idempotency::{Claim, Claimed};
use reef_service::testing::TestServices;
use reef_service::{Caller, Error};
use reef_store::on_both_databases;

use crate::support::{HOUR, SECOND, TICK};

async fn claim(t: &TestServices, me: &Caller, request: &str) -> Result<Claimed, Error> {
    t.services.claim_request(me, "key", request.as_bytes().to_vec()).await
}

async fn first(t: &TestServices, me: &Caller, request: &str) -> Claim {
    match claim(t, me, request).await {
        Ok(Claimed::First(claim)) => claim,
        other => panic!("not the first: {other:?}"),
    }
}

on_both_databases! {
    async fn an_answer_is_repeated_for_a_day(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let claimed = first(&t, &me, "buy").await;
        t.services.settle_request(&claimed, Some((201, "bought"))).await.unwrap();
        t.clock.advance(24 * HOUR - TICK);
        // What is looked after by the clock does not forget it too early.
        t.services.prune().await.unwrap();
        let again = claim(&t, &me, "buy").await.unwrap();
        assert!(matches!(&again, Claimed::Before { status: 201, body } if body == "bought"), "{again:?}");
        assert!(matches!(claim(&t, &me, "sell").await, Err(Error::IdempotencyKeyReused)));
        t.clock.advance(TICK);
        first(&t, &me, "sell").await;
    }

    async fn a_request_whose_process_died_holds_its_key_for_ten_seconds(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let lost = first(&t, &me, "buy").await;
        assert!(matches!(claim(&t, &me, "buy").await, Err(Error::RequestInProgress)));
        t.clock.advance(10 * SECOND - TICK);
        assert!(matches!(claim(&t, &me, "buy").await, Err(Error::RequestInProgress)));
        t.clock.advance(TICK);
        first(&t, &me, "buy").await;
        drop(lost);
    }

    async fn what_is_not_kept_leaves_the_key_free(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.user().await, t.user().await);
        let claimed = first(&t, &me, "buy").await;
        t.services.settle_request(&claimed, None).await.unwrap();
        first(&t, &me, "sell").await;
        // Another account's key of the same name is another key.
        first(&t, &other, "buy").await;
    }
}
