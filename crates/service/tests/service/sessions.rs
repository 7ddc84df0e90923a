//! The list of sessions, and changing the password.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_service::accounts::{SessionView, SignIn};
use reef_service::forms::flash::session_row_id;
use reef_service::testing::TestServices;
use reef_service::{Caller, ClientAddress, Error};
use reef_store::{SessionRow, on_both_databases};
use secrecy::SecretString;

use crate::support::{MINUTE, SECOND, TICK};

const HERE: ClientAddress = ClientAddress::UNKNOWN;
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A stored session of this user with this id.
pub async fn open_session(t: &TestServices, user: UserId, id: &str) -> SessionRow {
    let row = SessionRow {
        id: session_row_id(id),
        user_id: Some(user),
        data: "{}".to_owned(),
        ip_address: Some("192.0.2.7".to_owned()),
        user_agent: Some(FIREFOX.to_owned()),
        created_at: t.services.now(),
        expires_at: t.services.now().plus(600 * MINUTE),
        last_used_at: None,
    };
    let mut tx = t.db.store.begin().await.expect("begin should succeed");
    assert!(tx.insert_session(&row).await.expect("a session"));
    tx.commit().await.expect("commit should succeed");
    row
}

/// Finds a session as it is stored.
pub async fn find_session(t: &TestServices, id: &str) -> Option<SessionRow> {
    let mut tx = t.db.store.read().await.expect("begin should succeed");
    tx.find_session(&session_row_id(id), t.services.now()).await.expect("the session should be readable")
}

async fn sessions(t: &TestServices, me: &Caller, current: &str) -> Vec<SessionView> {
    t.services.list_sessions(me, &session_row_id(current)).await.expect("a list")
}

async fn last_use(t: &TestServices, id: &str) -> Option<Timestamp> {
    find_session(t, id).await.expect("a session").last_used_at
}

on_both_databases! {
    async fn session_list_shows_details_without_ids(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let opened = t.services.now();
        let row = open_session(&t, me.user_id, "laptop").await;
        t.clock.advance(MINUTE);
        open_session(&t, me.user_id, "phone").await;
        open_session(&t, other.user_id, "tablet").await;
        let listed = sessions(&t, &me, "laptop").await;
        assert_eq!(listed.iter().map(|one| one.is_current).collect::<Vec<_>>(), [false, true]);
        let laptop = &listed[1];
        assert_eq!((laptop.agent.as_str(), laptop.address.as_deref()), ("Firefox on Linux", Some("192.0.2.7")));
        assert_eq!((laptop.created_at, laptop.last_used_at), (opened, opened));
        assert_ne!(laptop.handle, listed[0].handle);
        for one in &listed {
            assert_eq!(one.handle.len(), 32);
            assert!(!row.id.contains(&one.handle), "the storage id is not shown");
        }
        t.finish().await;
    }

    async fn session_use_is_recorded_every_five_minutes(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let note = async || t.services.record_session_use(&find_session(&t, "laptop").await.unwrap()).await;
        let row = open_session(&t, me.user_id, "laptop").await;
        note().await;
        let first = t.services.now();
        assert_eq!(last_use(&t, "laptop").await, Some(first));
        t.clock.advance(5 * MINUTE - TICK);
        note().await;
        assert_eq!(last_use(&t, "laptop").await, Some(first));
        t.clock.advance(TICK);
        note().await;
        assert_eq!(last_use(&t, "laptop").await, Some(t.services.now()));
        assert_eq!(sessions(&t, &me, "laptop").await[0].last_used_at, t.services.now());
        // Uses of anonymous sessions and of ended ones are not recorded.
        t.services.record_session_use(&SessionRow { user_id: None, ..row.clone() }).await;
        t.services.revoke_other_sessions(&me, "").await.unwrap();
        t.services.record_session_use(&row).await;
        assert!(find_session(&t, "laptop").await.is_none());
        t.finish().await;
    }

    async fn session_is_ended_by_handle_of_owner_only(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        for id in ["laptop", "phone"] {
            open_session(&t, me.user_id, id).await;
        }
        let listed = sessions(&t, &me, "laptop").await;
        let phone = listed.iter().find(|one| !one.is_current).unwrap();
        for (caller, handle) in [(&other, phone.handle.as_str()), (&me, "nonsense"), (&me, &session_row_id("phone"))] {
            assert!(matches!(t.services.revoke_session(caller, handle).await, Err(Error::NotFound)), "{handle}");
        }
        let mut changes = t.services.event_bus().subscribe(me.user_id, None);
        t.services.revoke_session(&me, &phone.handle).await.unwrap();
        assert_eq!(changes.take_changes(), 1, "its streams check their access");
        assert!(matches!(t.services.revoke_session(&me, &phone.handle).await, Err(Error::NotFound)));
        assert!(find_session(&t, "phone").await.is_none() && find_session(&t, "laptop").await.is_some());
        t.finish().await;
    }

    async fn password_change_ends_other_sessions_and_streams(db: TestStore) {
        let t = TestServices::new(db);
        let (old, new) = (SecretString::from("correct horse battery"), SecretString::from("another horse battery"));
        let account = t.services.create_user("ada@example.com", &old).await.unwrap();
        let (me, other) = (Caller::operator(account.id), t.create_user().await);
        for (user, id) in [(me.user_id, "laptop"), (me.user_id, "phone"), (other.user_id, "tablet")] {
            open_session(&t, user, id).await;
        }
        let current = session_row_id("laptop");
        let short = t.services.change_password(&me, &current, &"short".into(), HERE).await;
        let Err(Error::InvalidRequest(issues)) = short else { panic!("{short:?}") };
        assert_eq!((issues[0].path.as_str(), issues[0].code.as_str()), ("newPassword", "too_short"));
        let mut changes = t.services.event_bus().subscribe(me.user_id, None);
        let browsing = Caller::signed_in(account.id);
        let unproven = t.services.change_password(&browsing, &current, &new, HERE).await;
        let Err(Error::InvalidRequest(issues)) = unproven else { panic!("{unproven:?}") };
        assert_eq!((issues[0].path.as_str(), issues[0].code.as_str()), ("password", "required"));
        assert!(find_session(&t, "phone").await.is_some() && changes.take_changes() == 0);

        t.services.change_password(&me, &current, &new, HERE).await.unwrap();
        assert_eq!(changes.take_changes(), 1);
        assert!(find_session(&t, "phone").await.is_none());
        assert!(find_session(&t, "laptop").await.is_some() && find_session(&t, "tablet").await.is_some());
        let refused = t.services.sign_in_with_password("ada@example.com", &old, HERE).await;
        assert!(matches!(refused, Err(Error::WrongCredentials)), "{refused:?}");
        let SignIn::SignedIn(now) = t.services.sign_in_with_password("ada@example.com", &new, HERE).await.unwrap() else { panic!() };
        assert_eq!(now.id, account.id);
        // A sign-in with the old password that had no session yet when the password changed is refused.
        t.services.confirm_sign_in(&now).await.unwrap();
        let late = t.services.confirm_sign_in(&account).await;
        assert!(matches!(late, Err(Error::WrongCredentials)), "{late:?}");
        t.finish().await;
    }

    async fn wrong_password_in_settings_does_not_throttle_sign_in(db: TestStore) {
        let t = TestServices::new(db);
        let (right, wrong) = (SecretString::from("correct horse battery"), SecretString::from("wrong horse battery"));
        let account = t.services.create_user("ada@example.com", &right).await.unwrap();
        let caller = Caller::signed_in(account.id);
        for (typed, code) in [("", "required"), ("wrong horse battery", "wrong")] {
            let refused = t.services.reauthenticate(&caller, &typed.into(), HERE).await;
            let Err(Error::InvalidRequest(issues)) = refused else { panic!("{refused:?}") };
            assert_eq!((issues[0].path.as_str(), issues[0].code.as_str()), ("password", code));
        }
        for _ in 0..4 {
            let refused = t.services.reauthenticate(&caller, &wrong, HERE).await;
            assert!(matches!(refused, Err(Error::InvalidRequest(_))), "{refused:?}");
        }
        assert!(matches!(t.services.sign_in_with_password("ada@example.com", &right, HERE).await, Ok(SignIn::SignedIn(_))));
        let slowed = t.services.reauthenticate(&caller, &right, HERE).await;
        assert!(matches!(slowed, Err(Error::RateLimited { retry_after_seconds: 10, .. })), "{slowed:?}");
        t.clock.advance(10 * SECOND);
        assert!(t.services.reauthenticate(&caller, &right, HERE).await.unwrap().has_proven_password());
        assert!(!caller.has_proven_password() && Caller::operator(account.id).has_proven_password());
        t.finish().await;
    }
}
