use std::time::Duration;

use reef_domain::wire::{ApiMode, Scope};
use reef_service::api_keys::NewApiKey;
use reef_service::caller::Credential;
use reef_service::testing::{START, TestServices};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use secrecy::{ExposeSecret, SecretString};

use crate::support::{MINUTE, SECOND, TICK};

fn key(name: &str) -> NewApiKey {
    NewApiKey { name: name.to_owned(), read: true, write: true, ..NewApiKey::default() }
}

async fn last_used(t: &TestServices, me: &Caller) -> Option<reef_domain::Timestamp> {
    t.services.list_api_keys(me).await.expect("keys")[0].last_used_at
}

on_both_databases! {
    async fn concurrent_key_creation_stops_at_fifty(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        for n in 0..45 {
            t.services.create_api_key(&me, &key(&format!("key {n}"))).await.unwrap();
        }
        let mut rush = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let services = t.services.clone();
            rush.spawn(async move { services.create_api_key(&me, &key("one more")).await.is_ok() });
        }
        assert_eq!(rush.join_all().await.into_iter().filter(|created| *created).count(), 5);
        assert!(matches!(t.services.create_api_key(&me, &key("51")).await, Err(Error::InvalidRequest(_))));
        t.services.create_api_key(&other, &key("other")).await.unwrap();
        let first = t.services.list_api_keys(&me).await.unwrap()[0].id.to_string();
        assert!(matches!(t.services.revoke_api_key(&other, &first).await, Err(Error::NotFound)));
        t.services.revoke_api_key(&me, &first).await.unwrap();
        t.services.create_api_key(&me, &key("again")).await.unwrap();
        t.finish().await;
    }

    async fn expired_key_is_invalid_and_not_counted(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let short = NewApiKey { expires_in: Some(MINUTE), ..key("short") };
        for _ in 1..50 {
            t.services.create_api_key(&me, &short).await.unwrap();
        }
        let (_, secret) = t.services.create_api_key(&me, &short).await.unwrap();
        t.clock.set(START.plus(MINUTE).minus(TICK));
        assert_eq!(t.services.authenticate(&secret).await.unwrap().user_id, me.user_id);
        assert!(t.services.create_api_key(&me, &key("51")).await.is_err());
        t.clock.advance(TICK);
        assert!(matches!(t.services.authenticate(&secret).await, Err(Error::Unauthorized)));
        t.services.create_api_key(&me, &key("51")).await.unwrap();
        t.finish().await;
    }

    async fn revoked_key_is_invalid_permanently(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (created, secret) = t.services.create_api_key(&me, &key("k")).await.unwrap();
        assert!(secret.expose_secret().starts_with(&created.prefix) && created.prefix.len() < 20);
        t.services.authenticate(&secret).await.unwrap();
        t.services.revoke_api_key(&me, &created.id.to_string()).await.unwrap();
        assert!(matches!(t.services.authenticate(&secret).await, Err(Error::Unauthorized)));
        assert!(matches!(t.services.revoke_api_key(&me, &created.id.to_string()).await, Err(Error::NotFound)));
        assert!(matches!(t.services.revoke_api_key_by_secret(&secret).await, Err(Error::NotFound)));
        assert!(t.services.list_api_keys(&me).await.unwrap().is_empty());
        t.finish().await;
    }

    async fn key_use_is_recorded_once_a_minute(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (_, secret) = t.services.create_api_key(&me, &key("k")).await.unwrap();
        assert_eq!(last_used(&t, &me).await, None);
        t.services.authenticate(&secret).await.unwrap();
        assert_eq!(last_used(&t, &me).await, Some(START));
        t.clock.advance(MINUTE - SECOND);
        t.services.authenticate(&secret).await.unwrap();
        assert_eq!(last_used(&t, &me).await, Some(START));
        t.clock.advance(SECOND);
        t.services.authenticate(&secret).await.unwrap();
        assert_eq!(last_used(&t, &me).await, Some(START.plus(MINUTE)));
        t.finish().await;
    }

    async fn api_key_cannot_manage_keys(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (created, secret) = t.services.create_api_key(&me, &key("k")).await.unwrap();
        let caller = t.services.authenticate(&secret).await.unwrap();
        assert_eq!(caller.credential, Credential::ApiKey { id: created.id, read: true, write: true, grant: None });
        assert!(matches!(t.services.create_api_key(&caller, &key("x")).await, Err(Error::Forbidden { .. })));
        assert!(matches!(t.services.list_api_keys(&caller).await, Err(Error::Forbidden { .. })));
        let id = created.id.to_string();
        assert!(matches!(t.services.revoke_api_key(&caller, &id).await, Err(Error::Forbidden { .. })));
        t.finish().await;
    }

    async fn key_scopes_limit_actions(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let caller = async |read, write| {
            let new = NewApiKey { read, write, ..key("k") };
            let (_, secret) = t.services.create_api_key(&me, &new).await.unwrap();
            t.services.authenticate(&secret).await.unwrap()
        };
        let (reader, writer) = (caller(true, false).await, caller(false, true).await);
        t.services.list_assistants(&reader).await.unwrap();
        let refused = t.services.purchase(&reader, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::Forbidden { needed: Scope::Write })));
        t.create_unpaid(&writer).await;
        let refused = t.services.list_assistants(&writer).await;
        assert!(matches!(refused, Err(Error::Forbidden { needed: Scope::Read })));
        t.finish().await;
    }

    async fn invalid_key_request_lists_issues(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let bad = NewApiKey { name: " ".into(), read: false, write: false, expires_in: Some(Duration::ZERO), ..NewApiKey::default() };
        let Err(Error::InvalidRequest(issues)) = t.services.create_api_key(&me, &bad).await else { panic!() };
        assert_eq!(issues.into_iter().map(|issue| issue.path).collect::<Vec<_>>(), ["name", "scopes", "expiresIn"]);
        for nonsense in ["", "reef_live_", "x", "reef_live_0123456789abcdef0123456789abcdef0123456700000000"] {
            let refused = t.services.authenticate(&SecretString::from(nonsense)).await;
            assert!(matches!(refused, Err(Error::Unauthorized)), "{nonsense}");
        }
        t.finish().await;
    }
}
