use reef_domain::ids::UserId;
use reef_store::on_both_databases;

use crate::support::{NOW, at, new_user, uuid};

on_both_databases! {
    async fn user_is_found_by_email_and_id(db: TestStore) {
        let user = new_user("ada@example.com");
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_user(&user).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = db.store.read().await.unwrap();
        let by_email = tx.find_user_by_email("ada@example.com").await.unwrap().unwrap();
        let by_id = tx.find_user(user.id).await.unwrap().unwrap();
        for found in [by_email, by_id] {
            assert_eq!(found.id, user.id);
            assert_eq!(found.email, user.email);
            assert_eq!(found.password_hash, user.password_hash);
            assert_eq!(found.signing_secret, user.signing_secret);
            assert_eq!(found.previous_signing_secret, None);
            assert_eq!(found.signing_secret_rotated_at, None);
            assert_eq!(found.created_at, NOW);
        }
    }

    async fn unknown_user_is_none(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&new_user("ada@example.com")).await.unwrap();
        assert!(tx.find_user_by_email("eve@example.com").await.unwrap().is_none());
        assert!(tx.find_user(UserId::new(uuid())).await.unwrap().is_none());
    }

    async fn taken_email_is_refused(db: TestStore) {
        let first = new_user("ada@example.com");
        let mut second = new_user("ada@example.com");
        second.password_hash = "other".to_owned();
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_user(&first).await.unwrap());
        assert!(!tx.insert_user(&second).await.unwrap());
        // A refused insert does not abort the transaction.
        let found = tx.find_user_by_email("ada@example.com").await.unwrap().unwrap();
        assert_eq!((found.id, found.password_hash), (first.id, first.password_hash));
        assert!(tx.find_user(second.id).await.unwrap().is_none());
    }

    async fn taken_user_id_is_unique_violation(db: TestStore) {
        let first = new_user("ada@example.com");
        let mut second = new_user("eve@example.com");
        second.id = first.id;
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&first).await.unwrap();
        assert!(tx.insert_user(&second).await.unwrap_err().is_unique_violation());
    }

    async fn concurrent_inserts_of_one_email_create_one_user(db: TestStore) {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let added = tx.insert_user(&new_user("ada@example.com")).await.unwrap();
                tx.commit().await.unwrap();
                added
            });
        }
        let added = tasks.join_all().await;
        assert_eq!(added.into_iter().filter(|added| *added).count(), 1);
    }

    async fn signing_secret_rotation_keeps_only_previous_secret(db: TestStore) {
        let (user, other) = (new_user("ada@example.com"), new_user("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        tx.rotate_signing_secret(user.id, &[4, 5], at(1)).await.unwrap();
        let found = tx.find_user(user.id).await.unwrap().unwrap();
        assert_eq!(found.signing_secret, [4, 5]);
        assert_eq!(found.previous_signing_secret.as_deref(), Some([1, 2, 3].as_slice()));
        assert_eq!(found.signing_secret_rotated_at, Some(at(1)));
        tx.rotate_signing_secret(user.id, &[6], at(2)).await.unwrap();
        let found = tx.find_user(user.id).await.unwrap().unwrap();
        assert_eq!(found.signing_secret, [6]);
        assert_eq!(found.previous_signing_secret.as_deref(), Some([4, 5].as_slice()));
        assert_eq!(found.signing_secret_rotated_at, Some(at(2)));
        let untouched = tx.find_user(other.id).await.unwrap().unwrap();
        assert_eq!((untouched.signing_secret, untouched.signing_secret_rotated_at), (vec![1, 2, 3], None));
    }

    async fn password_hash_changed_meanwhile_is_not_replaced(db: TestStore) {
        let (user, other) = (new_user("ada@example.com"), new_user("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(!tx.update_password_hash_if_unchanged(user.id, "another", "new").await.unwrap());
        assert!(tx.update_password_hash_if_unchanged(user.id, &user.password_hash, "new").await.unwrap());
        assert!(!tx.update_password_hash_if_unchanged(user.id, &user.password_hash, "newer").await.unwrap());
    }

    async fn email_confirmation_keeps_first_time_and_needs_current_email(db: TestStore) {
        let (user, other) = (new_user("ada@example.com"), new_user("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(!tx.confirm_email(user.id, "eve@example.com", at(1)).await.unwrap());
        assert_eq!(tx.find_user(user.id).await.unwrap().unwrap().email_confirmed_at, None);
        assert!(tx.confirm_email(user.id, "ada@example.com", at(2)).await.unwrap());
        assert!(tx.confirm_email(user.id, "ada@example.com", at(3)).await.unwrap());
        assert_eq!(tx.find_user(user.id).await.unwrap().unwrap().email_confirmed_at, Some(at(2)));
        assert_eq!(tx.find_user(other.id).await.unwrap().unwrap().email_confirmed_at, None);
    }

    async fn email_is_changed_only_to_free_address(db: TestStore) {
        let (user, other) = (new_user("ada@example.com"), new_user("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(!tx.update_email(user.id, "eve@example.com", at(1)).await.unwrap());
        assert!(tx.update_email(user.id, "new@example.com", at(2)).await.unwrap());
        let changed = tx.find_user(user.id).await.unwrap().unwrap();
        assert_eq!((changed.email.as_str(), changed.email_confirmed_at), ("new@example.com", Some(at(2))));
        assert!(tx.find_user_by_email("ada@example.com").await.unwrap().is_none());
        assert_eq!(tx.find_user(other.id).await.unwrap().unwrap().email, "eve@example.com");
        assert!(!tx.update_email(UserId::new(uuid()), "nobody@example.com", at(3)).await.unwrap());
    }

    async fn password_update_leaves_other_users(db: TestStore) {
        let (user, other) = (new_user("ada@example.com"), new_user("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(tx.update_password_hash(user.id, "new").await.unwrap());
        assert!(!tx.update_password_hash(UserId::new(uuid()), "new").await.unwrap());
        assert_eq!(tx.find_user(user.id).await.unwrap().unwrap().password_hash, "new");
        assert_eq!(tx.find_user(other.id).await.unwrap().unwrap().password_hash, other.password_hash);
    }
}
