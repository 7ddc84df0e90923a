use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_store::{SessionRow, on_both_databases};

use crate::support::{NOW, add_user, at, raw, raw_rows, uuid};

fn session(id: &str, user_id: Option<UserId>, expires_at: Timestamp) -> SessionRow {
    SessionRow {
        id: id.to_owned(),
        user_id,
        data: r#"{"a":1}"#.to_owned(),
        ip_address: Some("192.0.2.7".to_owned()),
        user_agent: Some("Firefox".to_owned()),
        created_at: NOW,
        expires_at,
        last_used_at: None,
    }
}

on_both_databases! {
    async fn session_round_trips(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        assert!(tx.insert_session(&session("s1", Some(user), at(1000))).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = db.store.read().await.unwrap();
        let found = tx.find_session("s1", NOW).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.user_id), ("s1", Some(user)));
        assert_eq!(found.data, r#"{"a":1}"#);
        assert_eq!(found.ip_address.as_deref(), Some("192.0.2.7"));
        assert_eq!(found.user_agent.as_deref(), Some("Firefox"));
        assert_eq!((found.created_at, found.expires_at), (NOW, at(1000)));
        assert!(tx.find_session("s2", NOW).await.unwrap().is_none());
    }

    async fn session_expires_to_the_millisecond(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_session(&session("s1", None, at(1000))).await.unwrap();
        assert!(tx.find_session("s1", at(999)).await.unwrap().is_some());
        assert!(tx.find_session("s1", at(1000)).await.unwrap().is_none());
        assert!(tx.find_session("s1", at(1001)).await.unwrap().is_none());
    }

    async fn taken_session_id_is_refused(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_session(&session("s1", None, at(1000))).await.unwrap());
        let mut intruder = session("s1", None, at(5000));
        intruder.data = "stolen".to_owned();
        assert!(!tx.insert_session(&intruder).await.unwrap());
        let found = tx.find_session("s1", NOW).await.unwrap().unwrap();
        assert_eq!((found.data.as_str(), found.expires_at), (r#"{"a":1}"#, at(1000)));
    }

    async fn update_replaces_everything_but_created_at(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_session(&session("s1", None, at(1000))).await.unwrap();
        let mut later = session("s1", Some(user), at(2000));
        later.data = r#"{"b":2}"#.to_owned();
        later.ip_address = None;
        later.user_agent = Some("Chrome".to_owned());
        later.created_at = at(500);
        tx.update_session(&later).await.unwrap();
        let found = tx.find_session("s1", at(1500)).await.unwrap().unwrap();
        assert_eq!((found.user_id, found.data.as_str()), (Some(user), r#"{"b":2}"#));
        assert_eq!((found.ip_address, found.user_agent.as_deref()), (None, Some("Chrome")));
        assert_eq!((found.created_at, found.expires_at), (NOW, at(2000)));
    }

    async fn session_of_unknown_user_is_refused(db: TestStore) {
        let stranger = Some(UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        let refused = tx.insert_session(&session("s1", stranger, at(1000))).await.unwrap_err();
        assert!(!refused.is_unique_violation());
        drop(tx);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_session(&session("s1", None, at(1000))).await.unwrap();
        assert!(tx.update_session(&session("s1", stranger, at(1000))).await.is_err());
    }

    async fn session_deletion_is_idempotent(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_session(&session("s1", Some(user), at(1000))).await.unwrap();
        tx.insert_session(&session("s2", None, at(1000))).await.unwrap();
        tx.insert_session(&session("s3", None, at(1000))).await.unwrap();
        assert_eq!(tx.delete_session("s1").await.unwrap(), Some(user));
        assert_eq!(tx.delete_session("s1").await.unwrap(), None);
        assert_eq!(tx.delete_session("s3").await.unwrap(), None);
        // A save by a request that began before the deletion does not restore the session.
        tx.update_session(&session("s1", Some(user), at(1000))).await.unwrap();
        assert!(tx.find_session("s1", NOW).await.unwrap().is_none());
        assert!(tx.find_session("s2", NOW).await.unwrap().is_some());
    }

    async fn prune_deletes_exactly_expired_sessions(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for (id, expiry) in [("past", -1), ("now", 0), ("soon", 1)] {
            tx.insert_session(&session(id, None, at(expiry))).await.unwrap();
        }
        assert_eq!(tx.prune_sessions(NOW).await.unwrap(), 2);
        assert_eq!(tx.prune_sessions(NOW).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let left = raw_rows!(db, (String,), "select id from sessions");
        assert_eq!(left, [("soon".to_owned(),)]);
    }

    async fn sessions_are_deleted_with_user(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_session(&session("s1", Some(user), at(1000))).await.unwrap();
        tx.insert_session(&session("s2", None, at(1000))).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(raw!(db, "delete from users where id = $1", user), 1);
        let left = raw_rows!(db, (String,), "select id from sessions");
        assert_eq!(left, [("s2".to_owned(),)]);
    }

    async fn flash_is_found_until_it_expires(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for id in ["s1", "s2"] {
            tx.insert_session(&session(id, None, at(10_000))).await.unwrap();
        }
        assert!(!tx.update_flash("s3", b"x", at(1000)).await.unwrap(), "the session does not exist");
        assert!(tx.update_flash("s1", b"older", at(500)).await.unwrap());
        assert!(tx.update_flash("s1", b"newer", at(1000)).await.unwrap());
        // Updates of the session leave the flash alone.
        tx.update_session(&session("s1", None, at(20_000))).await.unwrap();
        assert_eq!(tx.find_flash("s1", at(999)).await.unwrap().as_deref(), Some(&b"newer"[..]));
        assert_eq!(tx.find_flash("s2", NOW).await.unwrap(), None);
        assert_eq!(tx.find_flash("s1", at(1000)).await.unwrap(), None);
        assert_eq!(tx.prune_flashes(at(999)).await.unwrap(), 0);
        assert_eq!(tx.prune_flashes(at(1000)).await.unwrap(), 1);
        assert_eq!(tx.find_flash("s1", NOW).await.unwrap(), None);
    }

    async fn sessions_are_listed_by_last_use(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for (id, of, expiry) in [
            ("s1", Some(user), 9000), ("s2", Some(user), 9000), ("s3", Some(user), 9000), ("over", Some(user), 50),
            ("theirs", Some(other), 9000), ("nobodys", None, 9000),
        ] {
            tx.insert_session(&session(id, of, at(expiry))).await.unwrap();
        }
        tx.record_session_use("s3", at(20)).await.unwrap();
        tx.record_session_use("s2", at(10)).await.unwrap();
        // An update leaves the time of the last use.
        tx.update_session(&session("s3", Some(user), at(9000))).await.unwrap();
        let listed = tx.list_sessions(user, at(50), 10).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|row| (row.id.as_str(), row.last_used_at)).collect();
        assert_eq!(listed, [("s3", Some(at(20))), ("s2", Some(at(10))), ("s1", None)]);
        assert_eq!(tx.list_sessions(user, at(50), 2).await.unwrap().len(), 2);
        assert_eq!(tx.find_session("s2", NOW).await.unwrap().unwrap().last_used_at, Some(at(10)));
    }

    async fn deletion_of_other_sessions_keeps_one_and_other_users(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for (id, of) in [("s1", Some(user)), ("s2", Some(user)), ("theirs", Some(other)), ("nobodys", None)] {
            tx.insert_session(&session(id, of, at(9000))).await.unwrap();
        }
        assert_eq!(tx.delete_other_sessions(user, "s1").await.unwrap(), 1);
        assert_eq!(tx.delete_other_sessions(user, "s1").await.unwrap(), 0);
        tx.commit().await.unwrap();
        let left = raw_rows!(db, (String,), "select id from sessions order by id");
        assert_eq!(left, ["nobodys", "s1", "theirs"].map(|id| (id.to_owned(),)));
    }

    async fn sessions_of_one_user_are_deleted(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for (id, whose) in [("s1", Some(user)), ("s2", Some(user)), ("s3", Some(other)), ("s4", None)] {
            assert!(tx.insert_session(&session(id, whose, at(1000))).await.unwrap());
        }
        assert_eq!(tx.delete_sessions(user).await.unwrap(), 2);
        for (id, is_there) in [("s1", false), ("s2", false), ("s3", true), ("s4", true)] {
            assert_eq!(tx.find_session(id, NOW).await.unwrap().is_some(), is_there, "{id}");
        }
    }
}
