use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_store::{SessionRow, on_both_databases};

use crate::support::{NOW, add_user, at, raw, raw_rows, uuid};

fn session(id: &str, user_id: Option<UserId>, expires_at: Timestamp) -> SessionRow {
    SessionRow {
        id: id.to_owned(),
        user_id,
        data: r#"{"a":1}"#.to_owned(),
        address: Some("192.0.2.7".to_owned()),
        agent: Some("Firefox".to_owned()),
        created_at: NOW,
        expires_at,
        last_used_at: None,
    }
}

on_both_databases! {
    async fn a_session_is_read_as_it_was_written(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        assert!(tx.insert_session(&session("s1", Some(user), at(1000))).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = db.store.read().await.unwrap();
        let found = tx.session("s1", NOW).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.user_id), ("s1", Some(user)));
        assert_eq!(found.data, r#"{"a":1}"#);
        assert_eq!(found.address.as_deref(), Some("192.0.2.7"));
        assert_eq!(found.agent.as_deref(), Some("Firefox"));
        assert_eq!((found.created_at, found.expires_at), (NOW, at(1000)));
        assert!(tx.session("s2", NOW).await.unwrap().is_none());
    }

    async fn a_session_ends_at_its_expiry_to_the_millisecond(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_session(&session("s1", None, at(1000))).await.unwrap();
        assert!(tx.session("s1", at(999)).await.unwrap().is_some());
        assert!(tx.session("s1", at(1000)).await.unwrap().is_none());
        assert!(tx.session("s1", at(1001)).await.unwrap().is_none());
    }

    async fn a_taken_session_id_is_refused_and_the_session_there_stays(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_session(&session("s1", None, at(1000))).await.unwrap());
        let mut intruder = session("s1", None, at(5000));
        intruder.data = "stolen".to_owned();
        assert!(!tx.insert_session(&intruder).await.unwrap());
        let found = tx.session("s1", NOW).await.unwrap().unwrap();
        assert_eq!((found.data.as_str(), found.expires_at), (r#"{"a":1}"#, at(1000)));
    }

    async fn saving_replaces_everything_but_when_it_was_opened(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_session(&session("s1", None, at(1000))).await.unwrap();
        let mut later = session("s1", Some(user), at(2000));
        later.data = r#"{"b":2}"#.to_owned();
        later.address = None;
        later.agent = Some("Chrome".to_owned());
        later.created_at = at(500);
        tx.save_session(&later).await.unwrap();
        let found = tx.session("s1", at(1500)).await.unwrap().unwrap();
        assert_eq!((found.user_id, found.data.as_str()), (Some(user), r#"{"b":2}"#));
        assert_eq!((found.address, found.agent.as_deref()), (None, Some("Chrome")));
        assert_eq!((found.created_at, found.expires_at), (NOW, at(2000)));
    }

    async fn a_session_of_nobody_known_is_refused(db: TestStore) {
        let stranger = Some(UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        let refused = tx.insert_session(&session("s1", stranger, at(1000))).await.unwrap_err();
        assert!(!refused.is_unique_violation());
        drop(tx);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_session(&session("s1", None, at(1000))).await.unwrap();
        assert!(tx.save_session(&session("s1", stranger, at(1000))).await.is_err());
    }

    async fn an_ended_session_is_gone_and_ending_it_again_is_no_error(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_session(&session("s1", Some(user), at(1000))).await.unwrap();
        tx.insert_session(&session("s2", None, at(1000))).await.unwrap();
        tx.insert_session(&session("s3", None, at(1000))).await.unwrap();
        assert_eq!(tx.delete_session("s1").await.unwrap(), Some(user));
        assert_eq!(tx.delete_session("s1").await.unwrap(), None);
        assert_eq!(tx.delete_session("s3").await.unwrap(), None);
        // A save by a request that began before the deletion does not restore the session.
        tx.save_session(&session("s1", Some(user), at(1000))).await.unwrap();
        assert!(tx.session("s1", NOW).await.unwrap().is_none());
        assert!(tx.session("s2", NOW).await.unwrap().is_some());
    }

    async fn pruning_forgets_exactly_the_sessions_that_have_ended(db: TestStore) {
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

    async fn the_sessions_of_a_deleted_account_go_with_it(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_session(&session("s1", Some(user), at(1000))).await.unwrap();
        tx.insert_session(&session("s2", None, at(1000))).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(raw!(db, "delete from users where id = $1", user), 1);
        let left = raw_rows!(db, (String,), "select id from sessions");
        assert_eq!(left, [("s2".to_owned(),)]);
    }

    async fn what_is_kept_for_a_page_is_there_for_its_time_alone(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for id in ["s1", "s2"] {
            tx.insert_session(&session(id, None, at(10_000))).await.unwrap();
        }
        assert!(!tx.set_flash("s3", b"x", at(1000)).await.unwrap(), "the session does not exist");
        assert!(tx.set_flash("s1", b"older", at(500)).await.unwrap());
        assert!(tx.set_flash("s1", b"newer", at(1000)).await.unwrap());
        // Updates of the session leave the flash alone.
        tx.save_session(&session("s1", None, at(20_000))).await.unwrap();
        assert_eq!(tx.flash("s1", at(999)).await.unwrap().as_deref(), Some(&b"newer"[..]));
        assert_eq!(tx.flash("s2", NOW).await.unwrap(), None);
        assert_eq!(tx.flash("s1", at(1000)).await.unwrap(), None);
        assert_eq!(tx.prune_flashes(at(999)).await.unwrap(), 0);
        assert_eq!(tx.prune_flashes(at(1000)).await.unwrap(), 1);
        assert_eq!(tx.flash("s1", NOW).await.unwrap(), None);
    }

    async fn a_users_sessions_are_listed_by_their_last_use(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for (id, of, expiry) in [
            ("s1", Some(user), 9000), ("s2", Some(user), 9000), ("s3", Some(user), 9000), ("over", Some(user), 50),
            ("theirs", Some(other), 9000), ("nobodys", None, 9000),
        ] {
            tx.insert_session(&session(id, of, at(expiry))).await.unwrap();
        }
        tx.touch_session("s3", at(20)).await.unwrap();
        tx.touch_session("s2", at(10)).await.unwrap();
        // An update leaves the time of the last use.
        tx.save_session(&session("s3", Some(user), at(9000))).await.unwrap();
        let listed = tx.sessions_of(user, at(50), 10).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|row| (row.id.as_str(), row.last_used_at)).collect();
        assert_eq!(listed, [("s3", Some(at(20))), ("s2", Some(at(10))), ("s1", None)]);
        assert_eq!(tx.sessions_of(user, at(50), 2).await.unwrap().len(), 2);
        assert_eq!(tx.session("s2", NOW).await.unwrap().unwrap().last_used_at, Some(at(10)));
    }

    async fn ending_the_others_leaves_the_one_and_everybody_elses(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for (id, of) in [("s1", Some(user)), ("s2", Some(user)), ("theirs", Some(other)), ("nobodys", None)] {
            tx.insert_session(&session(id, of, at(9000))).await.unwrap();
        }
        assert_eq!(tx.end_other_sessions(user, "s1").await.unwrap(), 1);
        assert_eq!(tx.end_other_sessions(user, "s1").await.unwrap(), 0);
        tx.commit().await.unwrap();
        let left = raw_rows!(db, (String,), "select id from sessions order by id");
        assert_eq!(left, ["nobodys", "s1", "theirs"].map(|id| (id.to_owned(),)));
    }

    async fn all_sessions_of_an_account_end_and_no_others(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for (id, whose) in [("s1", Some(user)), ("s2", Some(user)), ("s3", Some(other)), ("s4", None)] {
            assert!(tx.insert_session(&session(id, whose, at(1000))).await.unwrap());
        }
        assert_eq!(tx.end_sessions_of(user).await.unwrap(), 2);
        for (id, is_there) in [("s1", false), ("s2", false), ("s3", true), ("s4", true)] {
            assert_eq!(tx.session(id, NOW).await.unwrap().is_some(), is_there, "{id}");
        }
    }
}
