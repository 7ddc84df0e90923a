//! Keys and grants that are read from memory.

use reef_domain::Timestamp;
use reef_domain::ids::{ApiKeyId, AssistantId, GrantId, UserId};
use reef_store::{ApiKeyRow, KeyHash, Store, on_both_databases};

use super::{Listening, add_owner, wait_until, wait_until_remembered};
use crate::support::{NOW, add_user, at, raw, uuid};

const HASH: KeyHash = [7; 32];

fn api_key(user_id: UserId, grant_id: Option<GrantId>) -> ApiKeyRow {
    ApiKeyRow { grant_id, ..crate::api_keys::key(user_id, &HASH, NOW, None) }
}

async fn add_key(store: &Store, key: &ApiKeyRow) {
    let mut tx = store.begin().await.expect("the database should answer");
    tx.insert_api_key(key).await.expect("the database should answer");
    tx.commit().await.expect("the database should answer");
}

async fn is_live(store: &Store, now: Timestamp) -> bool {
    store.find_known_key(&HASH, now).await.expect("the database should answer").is_some()
}

on_both_databases! {
    async fn key_is_not_remembered_without_listener(db: TestStore) {
        let (user, _) = add_owner(&db.store).await;
        add_key(&db.store, &api_key(user, None)).await;
        assert!(is_live(&db.store, NOW).await && is_live(&db.store, NOW).await);
        raw!(db, "update api_keys set revoked_at = $1", NOW);
        assert!(!is_live(&db.store, NOW).await);
    }

    async fn ended_key_is_refused(db: TestStore) {
        let (user, assistant) = add_owner(&db.store).await;
        let other = db.connect_again().await;
        let _listening = [Listening::start(&db.store).await, Listening::start(&other).await];
        for way in ["revoked", "all revoked", "replaced at once", "replaced with overlap"] {
            let key = api_key(user, None);
            raw!(db, "delete from api_keys");
            add_key(&db.store, &key).await;
            for store in [&db.store, &other] {
                wait_until_remembered(&db, store, assistant.id).await;
                assert!(is_live(store, NOW).await && is_live(store, NOW).await, "{way}");
            }
            let mut tx = db.store.begin().await.unwrap();
            let replacement = ApiKeyRow { id: ApiKeyId::new(uuid()), hash: vec![8; 32], ..key.clone() };
            match way {
                "revoked" => assert!(tx.revoke_api_key(user, key.id, NOW).await.unwrap()),
                "all revoked" => tx.revoke_all_api_keys(user, NOW).await.unwrap(),
                _ => {
                    let ends_at = (way == "replaced with overlap").then(|| at(1000));
                    tx.insert_api_key(&replacement).await.unwrap();
                    tx.replace_api_key(user, key.id, replacement.id, ends_at, NOW).await.unwrap();
                }
            }
            tx.commit().await.unwrap();
            // The overlap ends a second later.
            let now = if way == "replaced with overlap" { at(1000) } else { NOW };
            assert!(!is_live(&db.store, now).await, "{way}");
            wait_until(way, async || !is_live(&other, now).await).await;
        }
    }

    async fn remembered_key_expires(db: TestStore) {
        let (user, assistant) = add_owner(&db.store).await;
        let _listening = Listening::start(&db.store).await;
        add_key(&db.store, &ApiKeyRow { expires_at: Some(at(1000)), ..api_key(user, None) }).await;
        wait_until_remembered(&db, &db.store, assistant.id).await;
        assert!(is_live(&db.store, at(999)).await);
        assert!(!is_live(&db.store, at(1000)).await);
        assert!(is_live(&db.store, at(999)).await);
    }

    async fn key_of_deleted_user_is_refused(db: TestStore) {
        let other = db.connect_again().await;
        let _listening = [Listening::start(&db.store).await, Listening::start(&other).await];
        let (_, witness) = add_owner(&db.store).await;
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.commit().await.unwrap();
        add_key(&db.store, &api_key(user, None)).await;
        for store in [&db.store, &other] {
            wait_until_remembered(&db, store, witness.id).await;
            assert!(is_live(store, NOW).await && is_live(store, NOW).await);
        }
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_user(user).await.unwrap());
        tx.commit().await.unwrap();
        assert!(!is_live(&db.store, NOW).await);
        wait_until("the deletion", async || !is_live(&other, NOW).await).await;
    }

    async fn new_key_is_found_although_it_was_looked_for_before(db: TestStore) {
        let (user, assistant) = add_owner(&db.store).await;
        let _listening = Listening::start(&db.store).await;
        wait_until_remembered(&db, &db.store, assistant.id).await;
        assert!(!is_live(&db.store, NOW).await);
        raw!(
            db,
            "insert into api_keys (id, user_id, name, hash, prefix, can_read, can_write, created_at)
             values ($1, $2, 'CI', $3, 'reef', true, true, $4)",
            uuid(),
            user,
            HASH.to_vec(),
            NOW,
        );
        assert!(is_live(&db.store, NOW).await);
    }

    async fn grant_is_followed(db: TestStore) {
        let (user, granted) = add_owner(&db.store).await;
        let other = db.connect_again().await;
        let _listening = [Listening::start(&db.store).await, Listening::start(&other).await];
        let grant = GrantId::new(uuid());
        for store in [&db.store, &other] {
            wait_until_remembered(&db, store, granted.id).await;
            assert!(!store.is_known_granted(user, grant, granted.id).await.unwrap());
        }
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_grant(grant, user, granted.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(db.store.is_known_granted(user, grant, granted.id).await.unwrap());
        wait_until("the grant", async || other.is_known_granted(user, grant, granted.id).await.unwrap()).await;
        assert!(!db.store.is_known_granted(user, grant, AssistantId::new(uuid())).await.unwrap());
    }
}
