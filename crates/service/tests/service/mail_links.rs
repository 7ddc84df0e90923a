//! Links in mails: confirming an email, resetting a password, changing the email.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use reef_service::accounts::SignIn;
use reef_service::api_keys::NewApiKey;
use reef_service::testing::{TestServices, totp_code};
use reef_service::{Caller, ClientAddress, Error};
use reef_store::{SessionRow, on_both_databases};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{HOUR, MINUTE, TICK};

const HERE: ClientAddress = ClientAddress::UNKNOWN;
const ADA: &str = "ada@example.com";
const NEW: &str = "ada@example.net";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn password() -> SecretString {
    secret("correct horse battery")
}

/// The form was sent without a password.
fn none() -> SecretString {
    secret("")
}

/// Signs up and sends the mails.
async fn ada(t: &TestServices) -> Caller {
    let account = t.services.sign_up(ADA, &password(), HERE).await.unwrap();
    t.run_jobs().await;
    Caller::operator(account.id)
}

/// The secret in the latest link to `page`.
fn link(t: &TestServices, to: &str, page: &str) -> SecretString {
    secret(&t.mailer.token(to, page).expect("a link"))
}

/// The code of a field's issue.
#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let Err(Error::InvalidRequest(issues)) = result else { panic!("not refused for a field: {result:?}") };
    issues[0].code.clone()
}

async fn signed_in(t: &TestServices, me: &Caller, id: &str) {
    let row = SessionRow {
        id: id.to_owned(),
        user_id: Some(me.user_id),
        data: "{}".to_owned(),
        ip_address: None,
        user_agent: None,
        created_at: t.services.now(),
        expires_at: t.services.now().plus(24 * HOUR),
        last_used_at: None,
    };
    let mut tx = t.db.store.begin().await.unwrap();
    assert!(tx.insert_session(&row).await.unwrap());
    tx.commit().await.unwrap();
}

async fn can_sign_in(t: &TestServices, email: &str, password: &SecretString) -> bool {
    matches!(t.services.sign_in_with_password(email, password, HERE).await, Ok(SignIn::SignedIn(_)))
}

on_both_databases! {
    async fn new_account_confirms_email_once(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        assert_eq!(t.mailer.subjects(ADA), ["[Reef] Confirm your email"]);
        let account = t.services.find_account(me.user_id).await.unwrap().unwrap();
        assert!(!account.email_confirmed);
        assert!(t.services.purchase(&me, Ok(reef_domain::wire::ApiMode::Byok)).await.is_ok());
        let token = link(&t, ADA, "confirm");
        assert_eq!(code(t.services.confirm_email(&secret("nonsense"), Some(&me), &none(), HERE).await), "link_over");
        assert_eq!(code(t.services.reset_password(&token, &password(), HERE).await), "link_over");
        let confirmed = t.services.confirm_email(&token, Some(&me), &none(), HERE).await.unwrap();
        assert!(confirmed.email_confirmed && confirmed.id == me.user_id);
        assert_eq!(code(t.services.confirm_email(&token, Some(&me), &none(), HERE).await), "link_over");
        t.services.resend_confirmation(&me).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.mailer.sent().len(), 1, "the email is confirmed already");
        t.finish().await;
    }

    async fn expired_confirmation_link_can_be_resent_a_few_times(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        let first = link(&t, ADA, "confirm");
        t.clock.advance(24 * HOUR);
        assert_eq!(code(t.services.confirm_email(&first, Some(&me), &none(), HERE).await), "link_over");
        for _ in 0..3 {
            t.services.resend_confirmation(&me).await.unwrap();
        }
        let Err(Error::RateLimited { retry_after_seconds, .. }) = t.services.resend_confirmation(&me).await else { panic!() };
        assert_eq!(retry_after_seconds, 60);
        t.run_jobs().await;
        t.clock.advance(24 * HOUR - TICK);
        assert!(t.services.confirm_email(&link(&t, ADA, "confirm"), Some(&me), &none(), HERE).await.unwrap().email_confirmed);
        t.finish().await;
    }

    async fn links_without_mail_are_refused(db: TestStore) {
        let t = TestServices::new(db);
        let me = ada(&t).await;
        assert!(!t.services.is_mail_enabled());
        assert_eq!(code(t.services.resend_confirmation(&me).await), "mail_off");
        assert_eq!(code(t.services.request_password_reset(ADA, HERE).await), "mail_off");
        assert_eq!(code(t.services.request_email_change(&me, NEW, &password(), HERE).await), "mail_off");
        t.finish().await;
    }

    async fn reset_changes_password_once_and_ends_sessions(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        signed_in(&t, &me, "one").await;
        signed_in(&t, &me, "two").await;
        t.services.request_email_change(&me, NEW, &password(), HERE).await.unwrap();
        t.services.request_password_reset(ADA, HERE).await.unwrap();
        t.run_jobs().await;
        let other = link(&t, ADA, "reset");
        t.services.request_password_reset(" ADA@example.com", HERE).await.unwrap();
        t.run_jobs().await;
        let token = link(&t, ADA, "reset");
        assert_eq!(code(t.services.reset_password(&token, &secret("short"), HERE).await), "too_short");
        let mut changes = t.services.event_bus().subscribe(me.user_id, None);
        let new = secret("another horse battery");
        t.services.reset_password(&token, &new, HERE).await.unwrap();
        assert!(changes.take_changes() == 1, "open streams check their access");
        assert!(can_sign_in(&t, ADA, &new).await && !can_sign_in(&t, ADA, &password()).await);
        let now = t.services.now();
        let mut tx = t.db.store.read().await.unwrap();
        for id in ["one", "two"] {
            assert!(tx.find_session(id, now).await.unwrap().is_none(), "{id}");
        }
        drop(tx);
        for dead in [&token, &other] {
            assert_eq!(code(t.services.reset_password(dead, &password(), HERE).await), "link_over");
        }
        // The earlier link is revoked, because a stranger may have requested it.
        assert_eq!(code(t.services.confirm_email_change(&link(&t, NEW, "confirm-change"), Some(&me), &none(), HERE).await), "link_over");
        assert!(t.services.find_account(me.user_id).await.unwrap().unwrap().email_confirmed, "the reset proves access to the mailbox");
        t.run_jobs().await;
        t.finish().await;
    }

    async fn password_change_revokes_links(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        let (second, third) = (secret("another horse battery"), secret("third horse battery"));
        for (now, new) in [(password(), Some(second.clone())), (second, None)] {
            t.services.request_email_change(&me, NEW, &now, HERE).await.unwrap();
            t.services.request_password_reset(ADA, HERE).await.unwrap();
            t.run_jobs().await;
            let (reset, change) = (link(&t, ADA, "reset"), link(&t, NEW, "confirm-change"));
            match new {
                Some(new) => drop(t.services.change_password(&me, "", &new, HERE).await.unwrap()),
                None => assert_eq!(t.services.replace_password(ADA, &third, false).await.unwrap().id, me.user_id),
            }
            assert_eq!(code(t.services.reset_password(&reset, &password(), HERE).await), "link_over");
            assert_eq!(code(t.services.confirm_email_change(&change, Some(&me), &none(), HERE).await), "link_over");
        }
        assert!(can_sign_in(&t, ADA, &third).await);
        t.run_jobs().await;
        t.finish().await;
    }

    async fn reset_of_unconfirmed_account_revokes_strangers_access(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        let new = NewApiKey { name: "lurker".to_owned(), read: true, write: true, ..NewApiKey::default() };
        for is_confirmed in [false, true] {
            let (_, key) = t.services.create_api_key(&me, &new).await.unwrap();
            let totp = t.services.create_totp_secret(&me).await.unwrap().secret;
            t.services.confirm_totp(&me, &totp_code(&totp, t.services.now()), HERE).await.unwrap();
            let signing = t.services.get_signing_secret(me.user_id).await.unwrap();
            t.services.request_password_reset(ADA, HERE).await.unwrap();
            t.run_jobs().await;
            let reset = t.services.reset_password(&link(&t, ADA, "reset"), &password(), HERE).await.unwrap();
            assert_eq!(reset.revoked_access, !is_confirmed);
            assert_eq!(t.services.authenticate(&key).await.is_ok(), is_confirmed);
            assert_eq!(t.services.get_totp_status(&me).await.unwrap().is_on, is_confirmed);
            let now = t.services.get_signing_secret(me.user_id).await.unwrap();
            assert_eq!(now.expose_secret() == signing.expose_secret(), is_confirmed);
        }
        t.run_jobs().await;
        t.finish().await;
    }

    async fn reset_expires_in_an_hour_and_concurrent_uses_count_once(db: TestStore) {
        let t = TestServices::with_mail(db);
        ada(&t).await;
        for wait in [HOUR, HOUR - TICK] {
            t.services.request_password_reset(ADA, HERE).await.unwrap();
            t.run_jobs().await;
            t.clock.advance(wait);
            let token = link(&t, ADA, "reset");
            let new = password();
            let (one, two) = tokio::join!(
                t.services.reset_password(&token, &new, HERE),
                t.services.reset_password(&token, &new, HERE)
            );
            let done = usize::from(one.is_ok()) + usize::from(two.is_ok());
            assert_eq!(done, usize::from(wait < HOUR));
        }
        t.run_jobs().await;
        t.finish().await;
    }

    async fn reset_request_does_not_reveal_account(db: TestStore) {
        let t = TestServices::with_mail(db);
        ada(&t).await;
        for email in [ADA, "nobody@example.com"] {
            for _ in 0..3 {
                t.services.request_password_reset(email, HERE).await.unwrap();
                assert_eq!(t.count_jobs().await, (1, 0), "the same job for {email}");
                t.run_jobs().await;
            }
            let limited = t.services.request_password_reset(email, HERE).await;
            assert!(matches!(limited, Err(Error::RateLimited { .. })), "{email}: {limited:?}");
        }
        assert_eq!(t.mailer.sent().iter().filter(|mail| mail.to != ADA).count(), 0);
        assert_eq!(code(t.services.request_password_reset("nonsense", HERE).await), "invalid_email");
        // No sealed secret is left of mails that were sent or had no recipient.
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 1, "the account's signing secret");
        t.finish().await;
    }

    async fn reset_requests_are_limited_by_network(db: TestStore) {
        let t = TestServices::with_mail(db);
        for number in 0..20 {
            t.services.request_password_reset(&format!("user{number}@example.com"), HERE).await.unwrap();
        }
        let refused = t.services.request_password_reset("one.more@example.com", HERE).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })));
        let elsewhere = ClientAddress("203.0.113.9".parse().unwrap());
        t.services.request_password_reset("one.more@example.com", elsewhere).await.unwrap();
        t.run_jobs().await;
        t.finish().await;
    }

    async fn email_change_is_confirmed_and_old_address_notified(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        let confirm = link(&t, ADA, "confirm");
        assert_eq!(code(t.services.request_email_change(&me, "nonsense", &password(), HERE).await), "invalid_email");
        assert_eq!(code(t.services.request_email_change(&me, " ADA@example.com", &password(), HERE).await), "same");
        assert_eq!(code(t.services.request_email_change(&me, NEW, &secret("wrong"), HERE).await), "wrong");
        t.services.request_email_change(&me, "typo@example.net", &password(), HERE).await.unwrap();
        t.services.request_email_change(&me, NEW, &password(), HERE).await.unwrap();
        t.services.request_password_reset(ADA, HERE).await.unwrap();
        t.run_jobs().await;
        let notice = "[Reef] Your email is about to change";
        assert_eq!(t.mailer.subjects(ADA).iter().filter(|subject| *subject == notice).count(), 2);
        assert_eq!(t.services.find_account(me.user_id).await.unwrap().unwrap().email, ADA);
        let earlier = link(&t, "typo@example.net", "confirm-change");
        assert_eq!(code(t.services.confirm_email_change(&earlier, Some(&me), &none(), HERE).await), "link_over");
        let token = link(&t, NEW, "confirm-change");
        let changed = t.services.confirm_email_change(&token, Some(&me), &none(), HERE).await.unwrap();
        assert!(changed.email == NEW && changed.email_confirmed);
        assert_eq!(code(t.services.confirm_email_change(&token, Some(&me), &none(), HERE).await), "link_over");
        t.run_jobs().await;
        assert_eq!(t.mailer.subjects(ADA).last().unwrap(), "[Reef] Your email was changed");
        assert!(can_sign_in(&t, NEW, &password()).await && !can_sign_in(&t, ADA, &password()).await);
        // Links that were sent to the old address are revoked.
        assert_eq!(code(t.services.confirm_email(&confirm, Some(&me), &none(), HERE).await), "link_over");
        assert_eq!(code(t.services.reset_password(&link(&t, ADA, "reset"), &password(), HERE).await), "link_over");
        t.finish().await;
    }

    async fn taken_email_shows_only_behind_link(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        t.services.request_email_change(&me, NEW, &password(), HERE).await.unwrap();
        t.run_jobs().await;
        let token = link(&t, NEW, "confirm-change");
        t.services.create_user(NEW, &password()).await.unwrap();
        assert_eq!(code(t.services.confirm_email_change(&token, Some(&me), &none(), HERE).await), "taken");
        assert_eq!(t.services.find_account(me.user_id).await.unwrap().unwrap().email, ADA);
        t.clock.advance(2 * MINUTE);
        t.services.request_email_change(&me, NEW, &password(), HERE).await.unwrap();
        t.run_jobs().await;
        assert_eq!(code(t.services.confirm_email_change(&link(&t, NEW, "confirm-change"), Some(&me), &none(), HERE).await), "taken");
        t.finish().await;
    }

    async fn email_change_throttles_password_guesses(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        for _ in 0..5 {
            assert_eq!(code(t.services.request_email_change(&me, NEW, &secret("wrong"), HERE).await), "wrong");
        }
        let refused = t.services.request_email_change(&me, NEW, &password(), HERE).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
        t.finish().await;
    }

    async fn api_key_cannot_request_mail(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = ada(&t).await;
        let new = NewApiKey { name: "k".into(), read: true, write: true, ..Default::default() };
        let (_, key) = t.services.create_api_key(&me, &new).await.unwrap();
        let key = t.services.authenticate(&key).await.unwrap();
        assert!(matches!(t.services.resend_confirmation(&key).await, Err(Error::Forbidden { .. })));
        let change = t.services.request_email_change(&key, NEW, &password(), HERE).await;
        assert!(matches!(change, Err(Error::Forbidden { .. })));
        t.run_jobs().await;
        t.finish().await;
    }
}
