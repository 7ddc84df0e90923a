//! The request log of API keys.

use std::time::Duration;

use reef_service::api_keys::{ApiKey, KeyRequest, NewApiKey, NewKeyRequest};
use reef_service::testing::{START, TestServices};
use reef_service::{Caller, Error};
use reef_store::{Database, on_both_databases};

use crate::support::TICK;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn key(t: &TestServices, me: &Caller) -> (ApiKey, Caller) {
    let new = NewApiKey { name: "k".into(), read: true, expires_in: Some(DAY), ..NewApiKey::default() };
    let (api_key, key) = t.services.create_api_key(me, &new).await.expect("a key");
    (api_key, t.services.authenticate(&key).await.expect("a caller"))
}

fn request(number: u16) -> NewKeyRequest {
    NewKeyRequest {
        method: "GET".to_owned(),
        path: format!("/api/v1/{number}"),
        status: number,
        duration: Duration::from_micros(7_900),
        request_id: format!("r{number}"),
    }
}

async fn log(t: &TestServices, me: &Caller, key: &ApiKey) -> Vec<KeyRequest> {
    t.services.list_api_key_requests(me, &key.id.to_string()).await.expect("a log")
}

async fn raw(t: &TestServices, sql: &'static str) {
    match t.db.store.database() {
        Database::Sqlite { write, .. } => {
            sqlx::query(sql).execute(write).await.expect("raw SQL should succeed");
        }
        Database::Postgres(pool) => {
            sqlx::query(sql).execute(pool).await.expect("raw SQL should succeed");
        }
    }
}

on_both_databases! {
    async fn request_log_lists_latest_hundred_newest_first(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let ((busy, caller), (idle, _)) = (key(&t, &me).await, key(&t, &me).await);
        for (from, to) in [(0, 90), (90, 150)] {
            for number in from..to {
                t.services.record_key_request(&caller, request(number));
                t.clock.advance(TICK);
            }
            t.services.write_request_log().await.unwrap();
        }
        // A session has no key to log for.
        t.services.record_key_request(&me, request(999));
        t.services.write_request_log().await.unwrap();
        let found = log(&t, &me, &busy).await;
        assert_eq!(found.iter().map(|r| r.status).collect::<Vec<_>>(), (50..150).rev().collect::<Vec<_>>());
        let first = KeyRequest {
            method: "GET".into(),
            path: "/api/v1/149".into(),
            status: 149,
            duration_ms: 7,
            request_id: "r149".into(),
            answered_at: START.plus(TICK * 149),
        };
        assert_eq!(found[0], first);
        assert!(log(&t, &me, &idle).await.is_empty());
        let id = busy.id.to_string();
        assert!(matches!(t.services.list_api_key_requests(&other, &id).await, Err(Error::NotFound)));
        assert!(matches!(t.services.list_api_key_requests(&caller, &id).await, Err(Error::Forbidden { .. })));
        t.finish().await;
    }

    async fn failed_log_write_is_retried(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (api_key, caller) = key(&t, &me).await;
        t.services.record_key_request(&caller, request(1));
        raw(&t, "alter table api_key_requests rename to elsewhere").await;
        assert!(t.services.write_request_log().await.is_err());
        raw(&t, "alter table elsewhere rename to api_key_requests").await;
        t.clock.advance(TICK);
        t.services.record_key_request(&caller, request(2));
        t.services.write_request_log().await.unwrap();
        assert_eq!(log(&t, &me, &api_key).await.iter().map(|r| r.status).collect::<Vec<_>>(), [2, 1]);
        t.finish().await;
    }

    async fn log_of_ended_key_is_pruned_after_a_month(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (api_key, caller) = key(&t, &me).await;
        t.services.record_key_request(&caller, request(1));
        t.services.write_request_log().await.unwrap();
        t.clock.advance(31 * DAY - TICK);
        t.services.prune().await.unwrap();
        assert_eq!(log(&t, &me, &api_key).await.len(), 1);
        t.clock.advance(TICK);
        t.services.prune().await.unwrap();
        assert!(log(&t, &me, &api_key).await.is_empty());
        t.finish().await;
    }
}
