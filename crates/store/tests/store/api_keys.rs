use reef_domain::Timestamp;
use reef_domain::ids::{ApiKeyId, GrantId, UserId};
use reef_store::{ApiKeyRequestRow, ApiKeyRow, on_both_databases};

use crate::support::{NOW, add_unpaid_assistant, add_user, at, uuid};

pub fn key(user_id: UserId, hash: &[u8], created_at: Timestamp, expires_at: Option<Timestamp>) -> ApiKeyRow {
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
        grant_id: None,
        replaced_by: None,
    }
}

on_both_databases! {
    async fn live_key_is_found_by_hash(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let inserted = key(user, b"h1", NOW, Some(at(1000)));
        tx.insert_api_key(&inserted).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.read().await.unwrap();
        let found = tx.find_live_api_key(b"h1", NOW).await.unwrap().unwrap();
        assert_eq!((found.id, found.user_id), (inserted.id, user));
        assert_eq!((found.name.as_str(), found.prefix.as_str()), ("CI", "reef_ab"));
        assert_eq!(found.hash, b"h1");
        assert_eq!((found.can_read, found.can_write), (true, false));
        assert_eq!((found.created_at, found.expires_at), (NOW, Some(at(1000))));
        assert_eq!((found.last_used_at, found.revoked_at), (None, None));
        assert!(tx.find_live_api_key(b"h2", NOW).await.unwrap().is_none());
    }

    async fn taken_hash_is_unique_violation(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_api_key(&key(user, b"h1", NOW, None)).await.unwrap();
        let error = tx.insert_api_key(&key(user, b"h1", NOW, None)).await.unwrap_err();
        assert!(error.is_unique_violation());
    }

    async fn key_of_unknown_user_is_refused(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let error = tx.insert_api_key(&key(UserId::new(uuid()), b"h1", NOW, None)).await.unwrap_err();
        assert!(!error.is_unique_violation());
    }

    async fn expired_key_is_listed_but_not_live(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_api_key(&key(user, b"h1", NOW, Some(at(1000)))).await.unwrap();
        assert!(tx.find_live_api_key(b"h1", at(999)).await.unwrap().is_some());
        assert_eq!(tx.count_live_api_keys(user, at(999)).await.unwrap(), 1);
        assert!(tx.find_live_api_key(b"h1", at(1000)).await.unwrap().is_none());
        assert_eq!(tx.count_live_api_keys(user, at(1000)).await.unwrap(), 0);
        assert_eq!(tx.list_api_keys(user).await.unwrap().len(), 1);
    }

    async fn key_use_is_recorded_on_that_key(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (used, idle) = (key(user, b"h1", NOW, None), key(user, b"h2", NOW, None));
        tx.insert_api_key(&used).await.unwrap();
        tx.insert_api_key(&idle).await.unwrap();
        tx.record_api_key_use(used.id, at(60_000)).await.unwrap();
        assert_eq!(tx.find_live_api_key(b"h1", NOW).await.unwrap().unwrap().last_used_at, Some(at(60_000)));
        assert_eq!(tx.find_live_api_key(b"h2", NOW).await.unwrap().unwrap().last_used_at, None);
    }

    async fn keys_are_listed_per_user_newest_first(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let old = key(user, b"old", at(-5), None);
        // If two have the same time, the one with the later id is newer.
        let (first, second) = (key(user, b"first", NOW, None), key(user, b"second", NOW, None));
        for inserted in [&first, &old, &second, &key(other, b"other", NOW, None)] {
            tx.insert_api_key(inserted).await.unwrap();
        }
        let listed: Vec<_> = tx.list_api_keys(user).await.unwrap().iter().map(|key| key.id).collect();
        assert_eq!(listed, [second.id, first.id, old.id]);
        assert_eq!(tx.count_live_api_keys(user, NOW).await.unwrap(), 3);
        assert_eq!(tx.count_live_api_keys(other, NOW).await.unwrap(), 1);
        assert_eq!(tx.count_live_api_keys(UserId::new(uuid()), NOW).await.unwrap(), 0);
    }

    async fn revoked_key_is_not_live_and_is_revoked_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let inserted = key(user, b"h1", NOW, None);
        tx.insert_api_key(&inserted).await.unwrap();
        assert!(tx.revoke_api_key(user, inserted.id, at(1)).await.unwrap());
        assert!(!tx.revoke_api_key(user, inserted.id, at(2)).await.unwrap());
        assert!(tx.find_live_api_key(b"h1", at(1)).await.unwrap().is_none());
        assert!(tx.list_api_keys(user).await.unwrap().is_empty());
        assert_eq!(tx.count_live_api_keys(user, at(1)).await.unwrap(), 0);
        // The hash stays taken, so that a revoked key cannot be inserted again.
        assert!(tx.insert_api_key(&key(user, b"h1", NOW, None)).await.unwrap_err().is_unique_violation());
    }

    async fn key_of_another_user_is_not_revoked(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let inserted = key(user, b"h1", NOW, None);
        tx.insert_api_key(&inserted).await.unwrap();
        assert!(!tx.revoke_api_key(other, inserted.id, NOW).await.unwrap());
        assert!(!tx.revoke_api_key(user, ApiKeyId::new(uuid()), NOW).await.unwrap());
        assert!(tx.find_live_api_key(b"h1", NOW).await.unwrap().is_some());
    }

    async fn replaced_key_ends_after_overlap_or_earlier(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let by = ApiKeyId::new(uuid());
        for (hash, expires_at, ends_at, expected) in [
            (b"h1", None, 5000, 5000),
            (b"h2", Some(at(9000)), 5000, 5000),
            (b"h3", Some(at(1000)), 5000, 1000),
        ] {
            let inserted = key(user, hash, NOW, expires_at);
            tx.insert_api_key(&inserted).await.unwrap();
            tx.replace_api_key(inserted.user_id, inserted.id, by, Some(at(ends_at)), NOW).await.unwrap();
            let now = tx.find_api_key(user, inserted.id).await.unwrap().unwrap();
            assert_eq!((now.expires_at, now.replaced_by, now.revoked_at), (Some(at(expected)), Some(by), None));
            assert!(tx.find_live_api_key(hash, at(expected - 1)).await.unwrap().is_some());
            assert!(tx.find_live_api_key(hash, at(expected)).await.unwrap().is_none());
        }
        let inserted = key(user, b"h4", NOW, Some(at(1000)));
        tx.insert_api_key(&inserted).await.unwrap();
        tx.replace_api_key(inserted.user_id, inserted.id, by, None, at(3)).await.unwrap();
        let now = tx.find_api_key(user, inserted.id).await.unwrap().unwrap();
        assert_eq!((now.replaced_by, now.revoked_at, now.expires_at), (Some(by), Some(at(3)), Some(at(1000))));
        let other = add_user(&mut tx).await;
        assert!(tx.find_api_key(other, inserted.id).await.unwrap().is_none());
    }

    async fn grant_keeps_deleted_assistants(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let (named, deleted) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        let ungranted = add_unpaid_assistant(&mut tx, user).await.id;
        let grant = GrantId::new(uuid());
        for id in [named, deleted, named] {
            tx.insert_grant(grant, user, id).await.unwrap();
        }
        tx.insert_grant(GrantId::new(uuid()), other, ungranted).await.unwrap();
        let listed = tx.list_granted_assistants(user, grant, at(-1)).await.unwrap();
        assert_eq!(listed.iter().map(|a| a.id).collect::<Vec<_>>(), [deleted, named]);
        assert!(tx.list_granted_assistants(user, grant, at(1)).await.unwrap().is_empty(), "old unpaid assistants are hidden");
        assert!(tx.list_granted_assistants(other, grant, at(-1)).await.unwrap().is_empty());
        tx.delete_assistant(deleted, user, NOW).await.unwrap();
        assert!(tx.is_granted(grant, deleted).await.unwrap());
        assert!(!tx.is_granted(grant, ungranted).await.unwrap());
        let found: Vec<_> =
            tx.list_grants(user).await.unwrap().into_iter().map(|row| (row.assistant_id, row.existing_assistant_id)).collect();
        assert_eq!(found, [(named, Some(named)), (deleted, None)]);
    }

    async fn newest_requests_of_key_are_kept(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (busy, idle) = (key(user, b"h1", NOW, None), key(user, b"h2", NOW, Some(at(1000))));
        tx.insert_api_key(&busy).await.unwrap();
        tx.insert_api_key(&idle).await.unwrap();
        let row = |key_id, number: i64| ApiKeyRequestRow {
            key_id,
            id: uuid(),
            method: "GET".to_owned(),
            path: format!("/{number}"),
            status: 200 + number,
            duration_ms: number,
            request_id: format!("r{number}"),
            answered_at: at(number),
        };
        let mut rows: Vec<_> = (0..5).map(|number| row(busy.id, number)).collect();
        rows.push(row(idle.id, 9));
        // A deleted key in the batch does not affect the requests of others.
        rows.push(row(ApiKeyId::new(uuid()), 10));
        tx.record_api_key_requests(&rows).await.unwrap();
        tx.record_api_key_requests(&[]).await.unwrap();
        tx.trim_api_key_requests(busy.id, 3).await.unwrap();
        tx.trim_api_key_requests(idle.id, 3).await.unwrap();
        let newest: Vec<_> = rows[2..5].iter().rev().cloned().collect();
        assert_eq!(tx.list_api_key_requests(busy.id, 100).await.unwrap(), newest);
        assert_eq!(tx.list_api_key_requests(busy.id, 1).await.unwrap(), newest[..1]);
        assert_eq!(tx.list_api_key_requests(idle.id, 100).await.unwrap(), rows[5..6]);
        assert_eq!(tx.prune_api_key_requests(at(999)).await.unwrap(), 0);
        assert_eq!(tx.prune_api_key_requests(at(1000)).await.unwrap(), 1, "one key has ended");
        assert_eq!(tx.list_api_key_requests(busy.id, 100).await.unwrap().len(), 3);
    }
}
