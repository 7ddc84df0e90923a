//! API keys that are limited to selected assistants.

use reef_domain::ids::AssistantId;
use reef_domain::query::Page;
use reef_domain::wire::ApiMode;
use reef_service::api_keys::{GrantedAssistant, NewApiKey};
use reef_service::idempotency::{ClaimResult, Outcome, Purchased};
use reef_service::testing::TestServices;
use reef_service::{Caller, Error};
use reef_store::on_both_databases;

use crate::support::{TICK, delete, redeploy, stop};

fn limited(assistants: &[AssistantId]) -> NewApiKey {
    let assistants = assistants.iter().map(ToString::to_string).collect();
    NewApiKey { name: "k".into(), read: true, write: true, assistants, ..NewApiKey::default() }
}

/// A caller with a new key that is limited to these assistants.
async fn caller(t: &TestServices, me: &Caller, assistants: &[AssistantId]) -> Caller {
    let (_, key) = t.services.create_api_key(me, &limited(assistants)).await.expect("a key");
    t.services.authenticate(&key).await.expect("a caller")
}

async fn listed(t: &TestServices, caller: &Caller) -> Vec<String> {
    t.services
        .list_assistants(caller)
        .await
        .expect("a list")
        .into_iter()
        .map(|record| record.id.clone())
        .collect()
}

on_both_databases! {
    async fn limited_key_accesses_only_its_assistants(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (mine, other) = (t.create_active(&me).await, t.create_active(&me).await);
        let key = caller(&t, &me, &[mine]).await;
        assert_eq!(listed(&t, &key).await, [mine.to_string()]);
        t.services.list_events(&key, &mine.to_string()).await.unwrap();
        stop(&t, &key, mine).await.unwrap();
        let id = other.to_string();
        let refusals = [
            t.services.get_assistant(&key, &id).await.map(drop),
            t.services.wait_for_status_change(&key, &id, Ok(std::time::Duration::ZERO)).await.map(drop),
            t.services.list_events(&key, &id).await.map(drop),
            t.services.list_events_until_deleted(&key, &id, 0).await.map(drop),
            t.services.list_deliveries(&key, &id).await.map(drop),
            t.services.send_test_callback(&key, &id, Ok(())).await.map(drop),
            t.services.redeliver(&key, &id, &id, Ok(())).await.map(drop),
            t.services.update(&key, &id, Ok(Default::default())).await.map(drop),
            t.activate(&key, other).await.map(drop),
            redeploy(&t, &key, other).await,
            stop(&t, &key, other).await,
            delete(&t, &key, other).await,
        ];
        for (number, refusal) in refusals.into_iter().enumerate() {
            assert!(matches!(refusal, Err(Error::NotFound)), "{number}: {refusal:?}");
        }
        // A key that is limited could not access what it buys.
        let refused = t.services.purchase(&key, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::KeyIsLimited)), "{refused:?}");
        t.run_jobs().await;
        t.finish().await;
    }

    async fn limited_key_follows_deletion_and_then_has_no_access(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (mine, other) = (t.create_active(&me).await, t.create_active(&me).await);
        let key = caller(&t, &me, &[mine]).await;
        delete(&t, &key, mine).await.unwrap();
        let end = t.services.list_events_until_deleted(&key, &mine.to_string(), 0).await.unwrap();
        assert_eq!(end.last().map(|entry| entry.kind.as_str()), Some("assistant.deleted"));
        delete(&t, &me, other).await.unwrap();
        let refused = t.services.list_events_until_deleted(&key, &other.to_string(), 0).await;
        assert!(matches!(refused, Err(Error::NotFound)));
        t.create_unpaid(&me).await;
        assert!(listed(&t, &key).await.is_empty(), "a key never gets access to more assistants");
        let shown = t.services.list_api_keys(&me).await.unwrap().remove(0).assistants;
        assert_eq!(shown, Some(vec![GrantedAssistant { id: mine, name: None }]));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn limited_key_list_is_paged(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let mut bought = Vec::new();
        for _ in 0..4 {
            bought.push(t.create_unpaid(&me).await);
            t.clock.advance(TICK);
        }
        let [first, _, second, third] = bought[..] else { panic!() };
        let key = caller(&t, &me, &[first, second, third]).await;
        let page = async |after| {
            let (found, next) = t.services.list_assistants_page(&key, Ok(Some(Page { limit: 2, after }))).await.unwrap();
            (found.into_iter().map(|record| record.id.clone()).collect::<Vec<_>>(), next)
        };
        let (found, next) = page(None).await;
        assert_eq!(found, [third.to_string(), second.to_string()]);
        let (found, next) = page(next).await;
        assert_eq!(found, [first.to_string()]);
        assert!(next.is_none());
    }

    async fn key_grant_is_validated(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let (mine, others_assistant) = (t.create_paid(&me).await, t.create_unpaid(&other).await);
        let refused = async |new: NewApiKey| {
            let Err(Error::InvalidRequest(issues)) = t.services.create_api_key(&me, &new).await else { panic!() };
            (issues[0].path.clone(), issues[0].code.clone())
        };
        let unknown = ("assistants".into(), "unknown".into());
        assert_eq!(refused(limited(&[mine, others_assistant])).await, unknown);
        assert_eq!(refused(NewApiKey { assistants: vec!["nonsense".into()], ..limited(&[]) }).await, unknown);
        let many: Vec<_> = (0..21).map(|_| AssistantId::new(t.services.new_uuid())).collect();
        assert_eq!(refused(limited(&many)).await, ("assistants".into(), "too_many".into()));
        assert!(t.services.list_api_keys(&me).await.unwrap().is_empty());
        let (created, _) = t.services.create_api_key(&me, &limited(&[mine, mine])).await.unwrap();
        let expected = vec![GrantedAssistant { id: mine, name: Some("Untitled assistant".into()) }];
        assert_eq!(created.assistants, Some(expected));
        assert_eq!(t.services.get_api_key(&me, &created.id.to_string()).await.unwrap(), created);
        let (open, _) = t.services.create_api_key(&me, &limited(&[])).await.unwrap();
        assert_eq!(open.assistants, None);
        t.finish().await;
    }

    async fn limited_key_does_not_see_other_responses(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (mine, other) = (t.create_paid(&me).await, t.create_paid(&me).await);
        let (one, two) = (caller(&t, &me, &[mine]).await, caller(&t, &me, &[other]).await);
        let request = b"stop".to_vec();
        let ordered =
            |url: &str| Outcome::Purchased(Purchased { id: mine, checkout_url: url.to_owned() });
        for (who, answer) in [(&me, "all"), (&one, "one"), (&two, "two")] {
            let claimed = t.services.claim_request(who, "key", request.clone()).await.unwrap();
            let ClaimResult::New(claim) = claimed else { panic!("{answer}: {claimed:?}") };
            t.services.settle_request(&claim, Some(&ordered(answer))).await.unwrap();
        }
        for (who, answer) in [(&me, "all"), (&one, "one"), (&two, "two")] {
            let again = t.services.claim_request(who, "key", request.clone()).await.unwrap();
            assert!(matches!(&again, ClaimResult::Replay(outcome) if *outcome == ordered(answer)), "{answer}: {again:?}");
        }
        t.finish().await;
    }
}
