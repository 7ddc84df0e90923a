//! What this process confirms although another process has done it is not remembered as it was before.

use reef_domain::ids::AssistantId;
use reef_service::Caller;
use reef_service::idempotency::{ClaimResult, Outcome};
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use tokio::task::JoinHandle;

use crate::support::raw;

/// Lets this process read from memory.
async fn listen(t: &TestServices) -> JoinHandle<()> {
    let mut listener = t.db.store.listen().await.expect("the database should answer");
    tokio::spawn(async move { while listener.next().await.is_ok() {} })
}

async fn name(t: &TestServices, me: &Caller, id: AssistantId) -> String {
    t.services.get_record(me, &id.to_string()).await.expect("the assistant should exist").name.clone()
}

async fn listed_name(t: &TestServices, me: &Caller) -> String {
    t.services.list_assistants(me).await.expect("the list should be read")[0].name.clone()
}

/// Renames an assistant as another process does whose notification has not arrived yet: this one returns the old name.
async fn rename_elsewhere(t: &TestServices, me: &Caller, id: AssistantId) {
    loop {
        raw(t, "update assistants set name = 'old' where id = $1", id).await;
        t.db.store.forget(me.user_id, id);
        assert_eq!((name(t, me, id).await, listed_name(t, me).await), ("old".to_owned(), "old".to_owned()));
        raw(t, "update assistants set name = 'new' where id = $1", id).await;
        // It does notice while it does not know yet whether notifications arrive.
        if name(t, me, id).await == "old" && listed_name(t, me).await == "old" {
            return;
        }
        tokio::task::yield_now().await;
    }
}

on_both_databases! {
    async fn replayed_change_is_not_followed_by_older_record(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        let listening = listen(&t).await;
        let record = t.record(&me, id).await;
        let outcomes = [Outcome::Record(Box::new(record)), Outcome::Deleted, Outcome::Form];
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let claim = async || t.services.claim_request(&me, &format!("key{number}"), Vec::new()).await.unwrap();
            let ClaimResult::New(first) = claim().await else { panic!("the key is new") };
            t.services.settle_request(&first, Some(&outcome)).await.unwrap();
            rename_elsewhere(&t, &me, id).await;
            assert!(matches!(claim().await, ClaimResult::Replay(_)));
            assert_eq!((name(&t, &me, id).await, listed_name(&t, &me).await), ("new".to_owned(), "new".to_owned()));
        }
        listening.abort();
    }

    async fn stop_of_stopped_assistant_is_not_followed_by_older_record(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.services.stop(&me, &id.to_string(), Ok(())).await.unwrap();
        let listening = listen(&t).await;
        rename_elsewhere(&t, &me, id).await;
        t.services.stop(&me, &id.to_string(), Ok(())).await.unwrap();
        assert_eq!((name(&t, &me, id).await, listed_name(&t, &me).await), ("new".to_owned(), "new".to_owned()));
        listening.abort();
    }
}
