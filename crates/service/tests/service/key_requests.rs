//! The request log of API keys.

use std::time::Duration;

use reef_service::api_keys::{ApiKey, KeyRequest, NewApiKey, NewKeyRequest};
use reef_service::testing::{START, TestServices};
use reef_service::{Caller, Error};
use reef_store::{Store, on_both_databases};

use crate::support::TICK;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn key(t: &TestServices, me: &Caller) -> (ApiKey, Caller) {
    let new = NewApiKey { name: "k".into(), read: true, expires_in: Some(DAY), ..NewApiKey::default() };
    let (made, key) = t.services.create_api_key(me, &new).await.expect("a key");
    (made, t.services.authenticate(&key).await.expect("a caller"))
}

fn request(number: u16) -> NewKeyRequest {
    NewKeyRequest {
        method: "GET".to_owned(),
        path: format!("/api/v1/{number}"),
        status: number,
        took: Duration::from_micros(7_900),
        request_id: format!("r{number}"),
    }
}

async fn log(t: &TestServices, me: &Caller, key: &ApiKey) -> Vec<KeyRequest> {
    t.services.requests_of_api_key(me, &key.id.to_string()).await.expect("a log")
}

async fn raw(t: &TestServices, sql: &'static str) {
    match &t.db.store {
        Store::Sqlite { write, .. } => drop(sqlx::query(sql).execute(write).await.expect("raw SQL")),
        Store::Postgres(pool) => drop(sqlx::query(sql).execute(pool).await.expect("raw SQL")),
    }
}

on_both_databases! {
    async fn a_keys_newest_hundred_requests_are_listed_newest_first(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.user().await, t.user().await);
        let ((busy, caller), (idle, _)) = (key(&t, &me).await, key(&t, &me).await);
        for (from, to) in [(0, 90), (90, 150)] {
            for number in from..to {
                t.services.note_key_request(&caller, request(number));
                t.clock.advance(TICK);
            }
            t.services.write_key_requests_once().await.unwrap();
        }
        // A session has no key to log for.
        t.services.note_key_request(&me, request(999));
        t.services.write_key_requests_once().await.unwrap();
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
        assert!(matches!(t.services.requests_of_api_key(&other, &id).await, Err(Error::NotFound)));
        assert!(matches!(t.services.requests_of_api_key(&caller, &id).await, Err(Error::Forbidden { .. })));
        t.finish().await;
    }

    async fn what_cannot_be_written_is_written_later(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (made, caller) = key(&t, &me).await;
        t.services.note_key_request(&caller, request(1));
        raw(&t, "alter table api_key_requests rename to elsewhere").await;
        assert!(t.services.write_key_requests_once().await.is_err());
        raw(&t, "alter table elsewhere rename to api_key_requests").await;
        t.clock.advance(TICK);
        t.services.note_key_request(&caller, request(2));
        t.services.write_key_requests_once().await.unwrap();
        assert_eq!(log(&t, &me, &made).await.iter().map(|r| r.status).collect::<Vec<_>>(), [2, 1]);
        t.finish().await;
    }

    async fn the_log_of_a_key_that_has_ended_goes_a_month_later(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (made, caller) = key(&t, &me).await;
        t.services.note_key_request(&caller, request(1));
        t.services.write_key_requests_once().await.unwrap();
        t.clock.advance(31 * DAY - TICK);
        t.services.prune().await.unwrap();
        assert_eq!(log(&t, &me, &made).await.len(), 1);
        t.clock.advance(TICK);
        t.services.prune().await.unwrap();
        assert!(log(&t, &me, &made).await.is_empty());
        t.finish().await;
    }
}
