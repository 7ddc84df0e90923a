//! What a form passes to the page it redirects to.

use reef_service::Error;
use reef_service::forms::flash::session_row_id;
use reef_service::testing::TestServices;
use reef_store::{SessionRow, on_both_databases};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{MINUTE, TICK};

async fn session(t: &TestServices, id: &str) {
    let row = SessionRow {
        id: session_row_id(id),
        user_id: None,
        data: "{}".to_owned(),
        ip_address: None,
        user_agent: None,
        created_at: t.services.now(),
        expires_at: t.services.now().plus(60 * MINUTE),
        last_used_at: None,
    };
    let mut tx = t.db.store.begin().await.expect("begin should succeed");
    assert!(tx.insert_session(&row).await.expect("a session"));
    tx.commit().await.expect("commit should succeed");
}

async fn shown(t: &TestServices, session: &str, name: &str) -> Option<String> {
    let flash = t.services.find_flash(session, name).await.expect("the flash should be readable");
    flash.map(|text| text.expose_secret().to_owned())
}

on_both_databases! {
    async fn flash_is_shown_for_a_minute_to_its_session_by_page(db: TestStore) {
        let t = TestServices::new(db);
        session(&t, "one").await;
        session(&t, "two").await;
        let text = SecretString::from("reef_live_x and more\nlines");
        t.services.set_flash("one", "api-key", &SecretString::from("older")).await.unwrap();
        t.services.set_flash("one", "api-key", &text).await.unwrap();
        assert_eq!(shown(&t, "one", "api-key").await.as_deref(), Some(text.expose_secret()));
        assert_eq!(shown(&t, "one", "recovery-codes").await, None);
        assert_eq!(shown(&t, "two", "api-key").await, None);
        let refused = t.services.set_flash("three", "api-key", &text).await;
        assert!(matches!(refused, Err(Error::Unauthorized)), "{refused:?}");
        t.clock.advance(MINUTE - TICK);
        // Reading does not consume it, because pages are reloaded.
        assert!(shown(&t, "one", "api-key").await.is_some());
        t.clock.advance(TICK);
        assert_eq!(shown(&t, "one", "api-key").await, None);
        t.services.prune().await.unwrap();
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 0, "nothing sealed is left");
        t.finish().await;
    }

    async fn sealed_flash_is_shown_for_a_minute_on_its_page(db: TestStore) {
        let t = TestServices::new(db);
        let text = SecretString::from("an error and more\nlines");
        let sealed = t.services.seal_flash("/signin", &text).unwrap();
        assert!(!sealed.contains("error") && sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let opened = |page: &str, sealed: &str| {
            t.services.open_flash(page, sealed).map(|text| text.expose_secret().to_owned())
        };
        assert_eq!(opened("/signin", &sealed).as_deref(), Some(text.expose_secret()));
        assert_eq!(opened("/signup", &sealed), None);
        // A changed text, or one that Reef has not sealed, is not shown.
        for forged in ["", "session", "e30", &sealed[1..], &sealed[..sealed.len() - 2]] {
            assert_eq!(opened("/signin", forged), None, "{forged}");
        }
        let other = t.services.seal_flash("/signin", &SecretString::from("an error")).unwrap();
        let mixed = format!("{}{}", &other[..40], &sealed[40..]);
        assert_eq!(opened("/signin", &mixed), None);
        t.clock.advance(MINUTE - TICK);
        assert!(opened("/signin", &sealed).is_some());
        t.clock.advance(TICK);
        assert_eq!(opened("/signin", &sealed), None);
        t.finish().await;
    }
}
