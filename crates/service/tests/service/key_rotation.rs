//! Rotating API keys, with and without an overlap.

use std::time::Duration;

use reef_service::api_keys::{ApiKey, KeyState, NewApiKey, Overlap};
use reef_service::testing::{START, TestServices};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{HOUR, TICK};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn key(expires_in: Option<Duration>) -> NewApiKey {
    NewApiKey { name: "CI".into(), read: true, expires_in, ..NewApiKey::default() }
}

async fn create_key(t: &TestServices, me: &Caller, new: &NewApiKey) -> (ApiKey, SecretString) {
    t.services.create_api_key(me, new).await.expect("a key")
}

async fn works(t: &TestServices, key: &SecretString) -> bool {
    t.services.authenticate(key).await.is_ok()
}

fn code(refused: Result<(ApiKey, SecretString), Error>) -> String {
    match refused {
        Err(Error::InvalidRequest(issues)) => issues[0].code.clone(),
        other => panic!("{other:?}"),
    }
}

on_both_databases! {
    async fn rotated_key_has_same_rights_and_old_key_expires(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (mine, other) = (t.create_paid(&me).await, t.create_paid(&me).await);
        let assistants = vec![mine.to_string()];
        let (old, old_key) = create_key(&t, &me, &NewApiKey { assistants, ..key(Some(DAY * 30)) }).await;
        t.clock.advance(DAY);
        let (new, new_key) = t.services.rotate_api_key(&me, &old.id.to_string(), Overlap::Hour).await.unwrap();
        assert_ne!(new_key.expose_secret(), old_key.expose_secret());
        assert_eq!((new.name.as_str(), new.read, new.write), ("CI", true, false));
        assert_eq!((new.expires_at, &new.assistants), (Some(START.plus(DAY * 31)), &old.assistants));
        let caller = t.services.authenticate(&new_key).await.unwrap();
        assert!(t.services.get_assistant(&caller, &mine.to_string()).await.is_ok());
        assert!(t.services.get_assistant(&caller, &other.to_string()).await.is_err());
        // Both keys are valid, and both are listed.
        let listed = t.services.list_api_keys(&me).await.unwrap();
        let now = t.services.now();
        let states: Vec<_> = listed.iter().map(|key| (key.id, key.state(now), key.replaced_by)).collect();
        assert_eq!(states, [(new.id, KeyState::Live, None), (old.id, KeyState::Replaced, Some(new.id))]);
        t.clock.advance(HOUR - TICK);
        assert!(works(&t, &old_key).await && works(&t, &new_key).await);
        t.clock.advance(TICK);
        assert!(!works(&t, &old_key).await && works(&t, &new_key).await);
        let old = t.services.get_api_key(&me, &old.id.to_string()).await.unwrap();
        assert_eq!(old.state(t.services.now()), KeyState::Expired);
        t.finish().await;
    }

    async fn rotation_without_overlap_ends_old_key_at_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (old, old_key) = create_key(&t, &me, &key(None)).await;
        let caller = t.services.authenticate(&old_key).await.unwrap();
        let mut changes = t.services.event_bus().subscribe(me.user_id, None);
        let (new, new_key) = t.services.rotate_api_key(&me, &old.id.to_string(), Overlap::None).await.unwrap();
        assert!(!works(&t, &old_key).await && works(&t, &new_key).await);
        assert!(!t.services.is_still_live(&caller).await.unwrap());
        assert!(changes.take_changes() == 1, "streams of the old key check their access");
        assert_eq!(new.expires_at, None);
        let old = t.services.get_api_key(&me, &old.id.to_string()).await.unwrap();
        assert_eq!((old.state(t.services.now()), old.replaced_by), (KeyState::Revoked, Some(new.id)));
        let again = t.services.rotate_api_key(&me, &old.id.to_string(), Overlap::None).await;
        assert!(matches!(again, Err(Error::NotFound)));
        t.finish().await;
    }

    async fn rotation_is_allowed_once_for_valid_own_key(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let (old, old_key) = create_key(&t, &me, &key(Some(DAY))).await;
        let id = old.id.to_string();
        assert!(matches!(t.services.rotate_api_key(&other, &id, Overlap::Day).await, Err(Error::NotFound)));
        let caller = t.services.authenticate(&old_key).await.unwrap();
        let refused = t.services.rotate_api_key(&caller, &id, Overlap::Day).await;
        assert!(matches!(refused, Err(Error::Forbidden { .. })));
        // A double click creates one new key.
        let (first, second) = tokio::join!(
            t.services.rotate_api_key(&me, &id, Overlap::Week),
            t.services.rotate_api_key(&me, &id, Overlap::Week)
        );
        let (made, refused) = if first.is_ok() { (first, second) } else { (second, first) };
        assert_eq!(code(refused), "already_rotated");
        // The overlap extends no key beyond its own expiry.
        let listed = t.services.list_api_keys(&me).await.unwrap();
        assert_eq!((listed.len(), listed[1].expires_at), (2, Some(START.plus(DAY))));
        let new = made.unwrap().0.id.to_string();
        t.clock.advance(DAY);
        assert_eq!(code(t.services.rotate_api_key(&me, &new, Overlap::Day).await), "expired");
        t.finish().await;
    }

    async fn overlapping_keys_count_toward_limit(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (first, _) = create_key(&t, &me, &key(None)).await;
        for _ in 1..50 {
            create_key(&t, &me, &key(None)).await;
        }
        let id = first.id.to_string();
        assert_eq!(code(t.services.rotate_api_key(&me, &id, Overlap::Hour).await), "too_many_keys");
        t.services.rotate_api_key(&me, &id, Overlap::None).await.unwrap();
        assert!(t.services.create_api_key(&me, &key(None)).await.is_err(), "still 50");
        t.finish().await;
    }
}
