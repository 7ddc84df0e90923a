use reef_domain::Timestamp;
use reef_domain::ids::{ApiKeyId, UserId};
use reef_store::{ApiKeyRow, on_both_databases};

use crate::support::{NOW, add_user, at, uuid};

fn key(user_id: UserId, hash: &[u8], created_at: Timestamp, expires_at: Option<Timestamp>) -> ApiKeyRow {
    ApiKeyRow {
        id: ApiKeyId::new(uuid()),
        user_id,
        name: "CI".to_owned(),
        hash: hash.to_vec(),
        prefix: "reef_ab".to_owned(),
        can_read: true,
        can_write: false,
        created_at,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    }
}

on_both_databases! {
    async fn a_live_key_is_found_by_its_hash_as_it_was_written(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let made = key(user, b"h1", NOW, Some(at(1000)));
        tx.insert_api_key(&made).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.read().await.unwrap();
        let found = tx.live_api_key(b"h1", NOW).await.unwrap().unwrap();
        assert_eq!((found.id, found.user_id), (made.id, user));
        assert_eq!((found.name.as_str(), found.prefix.as_str()), ("CI", "reef_ab"));
        assert_eq!(found.hash, b"h1");
        assert_eq!((found.can_read, found.can_write), (true, false));
        assert_eq!((found.created_at, found.expires_at), (NOW, Some(at(1000))));
        assert_eq!((found.last_used_at, found.revoked_at), (None, None));
        assert!(tx.live_api_key(b"h2", NOW).await.unwrap().is_none());
    }

    async fn a_taken_hash_is_a_unique_violation(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_api_key(&key(user, b"h1", NOW, None)).await.unwrap();
        let error = tx.insert_api_key(&key(user, b"h1", NOW, None)).await.unwrap_err();
        assert!(error.is_unique_violation());
    }

    async fn a_key_of_nobody_known_is_refused(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let error = tx.insert_api_key(&key(UserId::new(uuid()), b"h1", NOW, None)).await.unwrap_err();
        assert!(!error.is_unique_violation());
    }

    async fn an_expired_key_is_not_live_but_still_listed(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_api_key(&key(user, b"h1", NOW, Some(at(1000)))).await.unwrap();
        assert!(tx.live_api_key(b"h1", at(999)).await.unwrap().is_some());
        assert_eq!(tx.count_live_api_keys(user, at(999)).await.unwrap(), 1);
        assert!(tx.live_api_key(b"h1", at(1000)).await.unwrap().is_none());
        assert_eq!(tx.count_live_api_keys(user, at(1000)).await.unwrap(), 0);
        assert_eq!(tx.api_keys_of(user).await.unwrap().len(), 1);
    }

    async fn the_last_use_is_noted_on_that_key_alone(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (used, idle) = (key(user, b"h1", NOW, None), key(user, b"h2", NOW, None));
        tx.insert_api_key(&used).await.unwrap();
        tx.insert_api_key(&idle).await.unwrap();
        tx.touch_api_key(used.id, at(60_000)).await.unwrap();
        assert_eq!(tx.live_api_key(b"h1", NOW).await.unwrap().unwrap().last_used_at, Some(at(60_000)));
        assert_eq!(tx.live_api_key(b"h2", NOW).await.unwrap().unwrap().last_used_at, None);
    }

    async fn a_users_own_keys_are_listed_newest_first(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let old = key(user, b"old", at(-5), None);
        // Made in the same millisecond: the later id is the newer one.
        let (first, second) = (key(user, b"first", NOW, None), key(user, b"second", NOW, None));
        for made in [&first, &old, &second, &key(other, b"other", NOW, None)] {
            tx.insert_api_key(made).await.unwrap();
        }
        let listed: Vec<_> = tx.api_keys_of(user).await.unwrap().iter().map(|key| key.id).collect();
        assert_eq!(listed, [second.id, first.id, old.id]);
        assert_eq!(tx.count_live_api_keys(user, NOW).await.unwrap(), 3);
        assert_eq!(tx.count_live_api_keys(other, NOW).await.unwrap(), 1);
        assert_eq!(tx.count_live_api_keys(UserId::new(uuid()), NOW).await.unwrap(), 0);
    }

    async fn a_revoked_key_opens_nothing_and_is_revoked_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let made = key(user, b"h1", NOW, None);
        tx.insert_api_key(&made).await.unwrap();
        assert!(tx.revoke_api_key(user, made.id, at(1)).await.unwrap());
        assert!(!tx.revoke_api_key(user, made.id, at(2)).await.unwrap());
        assert!(tx.live_api_key(b"h1", at(1)).await.unwrap().is_none());
        assert!(tx.api_keys_of(user).await.unwrap().is_empty());
        assert_eq!(tx.count_live_api_keys(user, at(1)).await.unwrap(), 0);
        // The hash stays taken: a revoked key never comes back to life.
        assert!(tx.insert_api_key(&key(user, b"h1", NOW, None)).await.unwrap_err().is_unique_violation());
    }

    async fn only_its_owner_revokes_a_key(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let made = key(user, b"h1", NOW, None);
        tx.insert_api_key(&made).await.unwrap();
        assert!(!tx.revoke_api_key(other, made.id, NOW).await.unwrap());
        assert!(!tx.revoke_api_key(user, ApiKeyId::new(uuid()), NOW).await.unwrap());
        assert!(tx.live_api_key(b"h1", NOW).await.unwrap().is_some());
    }
}
