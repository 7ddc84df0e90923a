//! Limits on the mail that one address gets, no matter who requests it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use reef_service::api_keys::NewApiKey;
use reef_service::testing::TestServices;
use reef_service::{Caller, ClientAddress, Error, Services};
use reef_store::on_both_databases;
use reef_vault::Vault;
use secrecy::SecretString;

use crate::support::{HOUR, MINUTE};

const EMAIL: &str = "victim@example.com";

fn from(number: u32) -> ClientAddress {
    ClientAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number)))
}

fn password() -> SecretString {
    SecretString::from("correct horse battery")
}

/// Another process on the same database.
fn other_process(t: &TestServices) -> Services {
    let key = data_encoding::BASE64.encode(&[7; 32]);
    let vault = Arc::new(Vault::new(&SecretString::from(key)).unwrap());
    Services::new(t.db.store.clone(), t.services.config().clone(), vault, t.services.ports().clone())
}

/// How many mails were sent to any spelling of the victim's mailbox.
fn received(t: &TestServices) -> usize {
    t.mailer.sent().iter().filter(|mail| mail.to.to_lowercase().starts_with("victim")).count()
}

/// Signs up with an address, has the link sent again, and deletes the account.
async fn sign_up_and_leave(t: &TestServices, email: &str, number: u32) {
    let account = t.services.sign_up(email, &password(), from(number)).await.unwrap();
    let me = Caller::operator(account.id);
    t.services.resend_confirmation(&me).await.unwrap();
    t.run_jobs().await;
    t.services.delete_account(&me, &password(), None, from(number)).await.unwrap();
}

on_both_databases! {
    async fn mail_to_one_mailbox_is_limited(db: TestStore) {
        let t = TestServices::with_mail(db);
        let two = other_process(&t);
        // New accounts, with every spelling of the address.
        for number in 0..10 {
            sign_up_and_leave(&t, &format!("Victim+{number}@Example.com"), number).await;
        }
        // Accounts of others that request a change to the address.
        for number in 0..10 {
            let email = format!("attacker{number}@example.net");
            let account = t.services.create_user(&email, &password()).await.unwrap();
            let me = Caller::operator(account.id);
            two.request_email_change(&me, EMAIL, &password(), from(number)).await.unwrap();
        }
        // Password resets from everywhere, for emails with and without an account.
        t.services.create_user(EMAIL, &password()).await.unwrap();
        for number in 0..10 {
            let spelled = format!("victim+{number}@example.com");
            for email in [EMAIL, &*spelled] {
                match two.request_password_reset(email, from(1000 + number)).await {
                    Ok(()) | Err(Error::RateLimited { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        t.run_jobs().await;
        println!("mails to one mailbox within a moment: {}", received(&t));
        // Confirmation links, and reset links.
        assert_eq!(received(&t), 5 + 3);
        t.clock.advance(HOUR);
        for number in 0..10 {
            sign_up_and_leave(&t, &format!("victim+again{number}@example.com"), 2000 + number).await;
        }
        assert_eq!(received(&t), 10 + 3);
        for hour in 2..24 {
            t.clock.advance(HOUR);
            for number in 0..3 {
                let email = format!("victim+{hour}-{number}@example.com");
                sign_up_and_leave(&t, &email, 3000 + 10 * hour + number).await;
            }
        }
        assert_eq!(received(&t), 20 + 3, "within a day");
        t.services.prune().await.unwrap();
        t.finish().await;
    }

    async fn unsent_mail_has_same_response(db: TestStore) {
        let t = TestServices::with_mail(db);
        for number in 0..5 {
            sign_up_and_leave(&t, &format!("victim+{number}@example.com"), number).await;
        }
        let before = received(&t);
        let account = t.services.sign_up(EMAIL, &password(), from(100)).await.unwrap();
        let me = Caller::operator(account.id);
        t.services.resend_confirmation(&me).await.unwrap();
        for email in [EMAIL, "victim+nobody@example.com"] {
            t.services.request_password_reset(email, from(101)).await.unwrap();
        }
        let other = t.services.create_user("other@example.com", &password()).await.unwrap();
        t.services.request_email_change(&Caller::operator(other.id), EMAIL, &password(), from(102)).await.unwrap();
        t.run_jobs().await;
        assert_eq!(received(&t), before + 1, "only the reset link");
        // The account works, and gets its link later.
        t.clock.advance(HOUR);
        t.services.resend_confirmation(&me).await.unwrap();
        t.run_jobs().await;
        let token = SecretString::from(t.mailer.token(EMAIL, "confirm").unwrap());
        t.services.confirm_email(&token, Some(&me), &"".into(), from(100)).await.unwrap();
        t.finish().await;
    }

    async fn links_by_others_do_not_suppress_notices(db: TestStore) {
        let t = TestServices::with_mail(db);
        for number in 0..5 {
            sign_up_and_leave(&t, &format!("victim+{number}@example.com"), number).await;
        }
        let account = t.services.create_user(EMAIL, &password()).await.unwrap();
        let me = Caller::operator(account.id);
        let new = NewApiKey { name: "k".to_owned(), read: true, write: true, ..NewApiKey::default() };
        for _ in 0..40 {
            t.services.create_api_key(&me, &new).await.unwrap();
        }
        t.services.rotate_signing_secret(&me).await.unwrap();
        t.services.change_password(&me, "", &SecretString::from("another horse battery"), from(1)).await.unwrap();
        t.run_jobs().await;
        let subjects = t.mailer.subjects(EMAIL);
        let count = |subject: &str| subjects.iter().filter(|one| *one == subject).count();
        assert_eq!(count("[Reef] A new API key was created"), 3);
        assert_eq!(count("[Reef] Your signing secret was rotated"), 1);
        assert_eq!(count("[Reef] Your password was changed"), 1);
        t.finish().await;
    }

    async fn recipient_is_stored_hashed(db: TestStore) {
        let t = TestServices::with_mail(db);
        sign_up_and_leave(&t, EMAIL, 1).await;
        t.clock.advance(MINUTE);
        let kept: Vec<(String,)> = match t.db.store.database() {
            reef_store::Database::Sqlite { write, .. } => {
                sqlx::query_as("select recipient from mail_requests").fetch_all(write).await.unwrap()
            }
            reef_store::Database::Postgres(pool) => {
                sqlx::query_as("select recipient from mail_requests").fetch_all(pool).await.unwrap()
            }
        };
        assert_eq!(kept.len(), 2, "even after the account was deleted");
        for (recipient,) in kept {
            assert!(recipient.len() == 64 && recipient.bytes().all(|b| b.is_ascii_hexdigit()), "{recipient}");
        }
        t.clock.advance(24 * HOUR);
        t.services.prune().await.unwrap();
        sign_up_and_leave(&t, EMAIL, 2).await;
        t.finish().await;
    }

    async fn links_by_others_leave_room_for_reset(db: TestStore) {
        let t = TestServices::with_mail(db);
        t.services.create_user(EMAIL, &password()).await.unwrap();
        for number in 0..10 {
            let email = format!("attacker{number}@example.net");
            let account = t.services.create_user(&email, &password()).await.unwrap();
            let me = Caller::operator(account.id);
            t.services.request_email_change(&me, EMAIL, &password(), from(number)).await.unwrap();
        }
        t.services.request_password_reset(EMAIL, from(100)).await.unwrap();
        t.run_jobs().await;
        assert!(t.mailer.token(EMAIL, "reset").is_some());
        t.finish().await;
    }

    async fn owner_always_has_valid_reset_link(db: TestStore) {
        let t = TestServices::with_mail(db);
        t.services.create_user(EMAIL, &password()).await.unwrap();
        // Accounts that others created in the same mailbox, and spellings of it without an account.
        for number in 0..3 {
            t.services.create_user(&format!("victim+{number}@example.com"), &password()).await.unwrap();
        }
        // An attacker requests resets all day from everywhere, and throttles every request of the owner.
        for minute in 0..24 * 60 {
            let other = format!("victim+{}@example.com", minute % 7);
            for email in [EMAIL, &*other] {
                match t.services.request_password_reset(email, from(minute)).await {
                    Ok(()) | Err(Error::RateLimited { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
            if minute % 20 == 19 {
                t.run_jobs().await;
                let token = SecretString::from(t.mailer.token(EMAIL, "reset").unwrap());
                let now = t.services.now();
                let hash = reef_vault::fingerprint("reef mail token", secrecy::ExposeSecret::expose_secret(&token));
                let good = t.db.store.read().await.unwrap().find_mail_token(&hash, reef_store::TokenPurpose::Reset, now).await.unwrap();
                assert!(good.is_some(), "in minute {minute} the newest link in the mailbox has expired");
            }
            t.clock.advance(MINUTE);
        }
        println!("mails to one mailbox within a day: {}", received(&t));
        assert!(received(&t) <= 60, "{}", received(&t));
        t.finish().await;
    }

    async fn email_change_over_limit_keeps_sent_link(db: TestStore) {
        let t = TestServices::with_mail(db);
        let account = t.services.create_user("me@example.net", &password()).await.unwrap();
        let me = Caller::operator(account.id);
        for _ in 0..12 {
            match t.services.request_email_change(&me, EMAIL, &password(), from(1)).await {
                Ok(()) => {}
                Err(Error::RateLimited { retry_after_seconds, .. }) => {
                    t.clock.advance(std::time::Duration::from_secs(retry_after_seconds));
                }
                other => panic!("{other:?}"),
            }
        }
        t.run_jobs().await;
        let token = SecretString::from(t.mailer.token(EMAIL, "confirm-change").unwrap());
        let changed = t.services.confirm_email_change(&token, Some(&me), &"".into(), from(1)).await.unwrap();
        assert_eq!(changed.email, EMAIL);
        t.run_jobs().await;
        t.finish().await;
    }
}
