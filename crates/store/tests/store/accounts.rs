use reef_domain::ids::UserId;
use reef_store::on_both_databases;

use crate::support::{NOW, account, at, uuid};

on_both_databases! {
    async fn an_account_is_found_by_its_address_and_its_id(db: TestStore) {
        let user = account("ada@example.com");
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_user(&user).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = db.store.read().await.unwrap();
        let by_email = tx.user_by_email("ada@example.com").await.unwrap().unwrap();
        let by_id = tx.user(user.id).await.unwrap().unwrap();
        for found in [by_email, by_id] {
            assert_eq!(found.id, user.id);
            assert_eq!(found.email, user.email);
            assert_eq!(found.password_hash, user.password_hash);
            assert_eq!(found.callback_secret, user.callback_secret);
            assert_eq!(found.callback_secret_previous, None);
            assert_eq!(found.callback_secret_rotated, None);
            assert_eq!(found.created_at, NOW);
        }
    }

    async fn an_unknown_account_is_absent(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&account("ada@example.com")).await.unwrap();
        assert!(tx.user_by_email("eve@example.com").await.unwrap().is_none());
        assert!(tx.user(UserId::new(uuid())).await.unwrap().is_none());
    }

    async fn a_taken_address_is_refused_and_changes_nothing(db: TestStore) {
        let first = account("ada@example.com");
        let mut second = account("ada@example.com");
        second.password_hash = "other".to_owned();
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_user(&first).await.unwrap());
        assert!(!tx.insert_user(&second).await.unwrap());
        // A refused insert does not abort the transaction.
        let found = tx.user_by_email("ada@example.com").await.unwrap().unwrap();
        assert_eq!((found.id, found.password_hash), (first.id, first.password_hash));
        assert!(tx.user(second.id).await.unwrap().is_none());
    }

    async fn a_taken_account_id_is_a_unique_violation(db: TestStore) {
        let first = account("ada@example.com");
        let mut second = account("eve@example.com");
        second.id = first.id;
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&first).await.unwrap();
        assert!(tx.insert_user(&second).await.unwrap_err().is_unique_violation());
    }

    async fn two_sign_ups_with_one_address_at_once_make_one_account(db: TestStore) {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let added = tx.insert_user(&account("ada@example.com")).await.unwrap();
                tx.commit().await.unwrap();
                added
            });
        }
        let added = tasks.join_all().await;
        assert_eq!(added.into_iter().filter(|added| *added).count(), 1);
    }

    async fn a_rotation_keeps_the_secret_before_it_and_no_older_one(db: TestStore) {
        let (user, other) = (account("ada@example.com"), account("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        tx.rotate_callback_secret(user.id, &[4, 5], at(1)).await.unwrap();
        let found = tx.user(user.id).await.unwrap().unwrap();
        assert_eq!(found.callback_secret, [4, 5]);
        assert_eq!(found.callback_secret_previous.as_deref(), Some([1, 2, 3].as_slice()));
        assert_eq!(found.callback_secret_rotated, Some(at(1)));
        tx.rotate_callback_secret(user.id, &[6], at(2)).await.unwrap();
        let found = tx.user(user.id).await.unwrap().unwrap();
        assert_eq!(found.callback_secret, [6]);
        assert_eq!(found.callback_secret_previous.as_deref(), Some([4, 5].as_slice()));
        assert_eq!(found.callback_secret_rotated, Some(at(2)));
        let untouched = tx.user(other.id).await.unwrap().unwrap();
        assert_eq!((untouched.callback_secret, untouched.callback_secret_rotated), (vec![1, 2, 3], None));
    }

    async fn a_password_is_replaced_only_while_it_is_what_was_read(db: TestStore) {
        let (user, other) = (account("ada@example.com"), account("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(!tx.change_password_hash(user.id, "another", "new").await.unwrap());
        assert!(tx.change_password_hash(user.id, &user.password_hash, "new").await.unwrap());
        assert!(!tx.change_password_hash(user.id, &user.password_hash, "newer").await.unwrap());
    }

    async fn an_address_is_confirmed_while_it_is_the_accounts_and_the_first_time_counts(db: TestStore) {
        let (user, other) = (account("ada@example.com"), account("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(!tx.confirm_address(user.id, "eve@example.com", at(1)).await.unwrap());
        assert_eq!(tx.user(user.id).await.unwrap().unwrap().email_confirmed_at, None);
        assert!(tx.confirm_address(user.id, "ada@example.com", at(2)).await.unwrap());
        assert!(tx.confirm_address(user.id, "ada@example.com", at(3)).await.unwrap());
        assert_eq!(tx.user(user.id).await.unwrap().unwrap().email_confirmed_at, Some(at(2)));
        assert_eq!(tx.user(other.id).await.unwrap().unwrap().email_confirmed_at, None);
    }

    async fn an_account_takes_a_free_address_and_no_other(db: TestStore) {
        let (user, other) = (account("ada@example.com"), account("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(!tx.change_address(user.id, "eve@example.com", at(1)).await.unwrap());
        assert!(tx.change_address(user.id, "new@example.com", at(2)).await.unwrap());
        let changed = tx.user(user.id).await.unwrap().unwrap();
        assert_eq!((changed.email.as_str(), changed.email_confirmed_at), ("new@example.com", Some(at(2))));
        assert!(tx.user_by_email("ada@example.com").await.unwrap().is_none());
        assert_eq!(tx.user(other.id).await.unwrap().unwrap().email, "eve@example.com");
        assert!(!tx.change_address(UserId::new(uuid()), "nobody@example.com", at(3)).await.unwrap());
    }

    async fn a_new_password_is_that_accounts_alone(db: TestStore) {
        let (user, other) = (account("ada@example.com"), account("eve@example.com"));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_user(&other).await.unwrap();
        assert!(tx.set_password_hash(user.id, "new").await.unwrap());
        assert!(!tx.set_password_hash(UserId::new(uuid()), "new").await.unwrap());
        assert_eq!(tx.user(user.id).await.unwrap().unwrap().password_hash, "new");
        assert_eq!(tx.user(other.id).await.unwrap().unwrap().password_hash, other.password_hash);
    }
}
