//! A stranger who creates an account with somebody else's email, or changes an account to it, loses everything once the
//! owner of the email follows a link. What could take an account away requires the password, and its owner is notified.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use reef_domain::wire::ApiMode;
use reef_service::accounts::{LinkAccess, SignIn};
use reef_service::api_keys::{NewApiKey, Overlap};
use reef_service::testing::{TestServices, totp_code};
use reef_service::{Caller, ClientAddress, Error};
use reef_store::testing::TestStore;
use reef_store::{SessionRow, on_both_databases};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{HOUR, MINUTE};

const HERE: ClientAddress = ClientAddress::UNKNOWN;
const EMAIL: &str = "owner@example.com";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn stranger_password() -> SecretString {
    secret("strangers horse battery")
}

fn owner_password() -> SecretString {
    secret("owners horse battery")
}

/// What a stranger has set up in an account with the owner's email.
struct Stranger {
    caller: Caller,
    key: SecretString,
    signing: SecretString,
    change: SecretString,
}

fn new_key(name: &str) -> NewApiKey {
    NewApiKey { name: name.to_owned(), read: true, write: true, ..NewApiKey::default() }
}

impl Stranger {
    async fn create(t: &TestServices) -> Self {
        let account = t.services.sign_up(EMAIL, &stranger_password(), HERE).await.expect("an account");
        let caller = Caller::operator(account.id);
        let row = SessionRow {
            id: "stranger".to_owned(),
            user_id: Some(account.id),
            data: "{}".to_owned(),
            ip_address: None,
            user_agent: None,
            created_at: t.services.now(),
            expires_at: t.services.now().plus(24 * HOUR),
            last_used_at: None,
        };
        let mut tx = t.db.store.begin().await.expect("begin should succeed");
        assert!(tx.insert_session(&row).await.expect("a session"));
        tx.commit().await.expect("commit should succeed");
        let (_, key) = t.services.create_api_key(&caller, &new_key("lurker")).await.expect("a key");
        let totp = t.services.create_totp_secret(&caller).await.expect("a secret").secret;
        let code = totp_code(&totp, t.services.now());
        t.services.confirm_totp(&caller, &code, HERE).await.expect("recovery codes");
        let signing = t.services.get_signing_secret(caller.user_id).await.expect("a secret");
        t.services
            .request_email_change(&caller, "stranger@example.net", &stranger_password(), HERE)
            .await
            .expect("a link");
        t.run_jobs().await;
        let change = secret(&t.mailer.token("stranger@example.net", "confirm-change").expect("a link"));
        Self { caller, key, signing, change }
    }

    /// What the stranger still has access to.
    async fn remaining_access(&self, t: &TestServices) -> Vec<&'static str> {
        let now = t.services.now();
        let session = t.db.store.read().await.unwrap().find_session("stranger", now).await.unwrap();
        let signing = t.services.get_signing_secret(self.caller.user_id).await.unwrap();
        let change = t.services.link_access(&self.change, true, Some(&self.caller)).await.unwrap();
        let holds = [
            ("a session", session.is_some()),
            ("a key", t.services.authenticate(&self.key).await.is_ok()),
            ("a second factor", t.services.get_totp_status(&self.caller).await.unwrap().is_on),
            ("the signing secret", signing.expose_secret() == self.signing.expose_secret()),
            ("a way to another address", change != LinkAccess::Invalid),
            (
                "the password",
                t.services.sign_in_with_password(EMAIL, &stranger_password(), HERE).await.is_ok(),
            ),
        ];
        holds.into_iter().filter_map(|(what, holds)| holds.then_some(what)).collect()
    }
}

/// The path and code of a field's issue.
#[track_caller]
fn issue<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
    let Err(Error::InvalidRequest(mut issues)) = result else {
        panic!("not refused for a field: {result:?}")
    };
    let issue = issues.remove(0);
    (issue.path, issue.code)
}

fn about(path: &str, code: &str) -> (String, String) {
    (path.to_owned(), code.to_owned())
}

async fn is_confirmed(t: &TestServices, caller: &Caller) -> bool {
    t.services.find_account(caller.user_id).await.unwrap().unwrap().email_confirmed
}

async fn confirmed_by_who_opened_it(db: TestStore, with_password: bool) {
    let t = TestServices::with_mail(db);
    let me = Stranger::create(&t).await;
    let token = secret(&t.mailer.token(EMAIL, "confirm").unwrap());
    let (reader, typed) =
        if with_password { (None, stranger_password()) } else { (Some(&me.caller), secret("")) };
    t.services.confirm_email(&token, reader, &typed, HERE).await.unwrap();
    assert_eq!(me.remaining_access(&t).await.len(), 6);
    assert!(is_confirmed(&t, &me.caller).await);
    t.finish().await;
}

on_both_databases! {
    async fn link_without_account_access_confirms_nothing(db: TestStore) {
        let t = TestServices::with_mail(db);
        let stranger = Stranger::create(&t).await;
        let bob = t.create_user().await;
        let token = secret(&t.mailer.token(EMAIL, "confirm").unwrap());
        for reader in [None, Some(&bob)] {
            assert_eq!(t.services.link_access(&token, false, reader).await.unwrap(), LinkAccess::PasswordRequired);
            let refused = t.services.confirm_email(&token, reader, &secret(""), HERE).await;
            assert_eq!(issue(refused), about("password", "required"));
            let refused = t.services.confirm_email(&token, reader, &owner_password(), HERE).await;
            assert_eq!(issue(refused), about("password", "wrong"));
        }
        assert!(!is_confirmed(&t, &stranger.caller).await);
        assert_eq!(t.services.link_access(&secret("nonsense"), false, None).await.unwrap(), LinkAccess::Invalid);
        t.finish().await;
    }

    async fn claimed_account_leaves_stranger_no_access(db: TestStore) {
        let t = TestServices::with_mail(db);
        let stranger = Stranger::create(&t).await;
        assert_eq!(stranger.remaining_access(&t).await.len(), 6);
        let token = secret(&t.mailer.token(EMAIL, "confirm").unwrap());
        assert_eq!(issue(t.services.claim_account(&token, &secret("short"), HERE).await), about("password", "too_short"));
        let claimed = t.services.claim_account(&token, &owner_password(), HERE).await.unwrap();
        assert!(claimed.revoked_access);
        assert_eq!(stranger.remaining_access(&t).await, [""; 0]);
        assert!(is_confirmed(&t, &stranger.caller).await);
        assert!(matches!(t.services.sign_in_with_password(EMAIL, &owner_password(), HERE).await, Ok(SignIn::SignedIn(_))));
        assert_eq!(issue(t.services.claim_account(&token, &stranger_password(), HERE).await), about("", "link_over"));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn link_only_confirmation_leaves_stranger_no_access(db: TestStore) {
        let t = TestServices::with_mail(db);
        let stranger = Stranger::create(&t).await;
        let token = secret(&t.mailer.token(EMAIL, "confirm").unwrap());
        let reset = t.services.confirm_email_by_link_only(&token).await.unwrap();
        assert_eq!(stranger.remaining_access(&t).await, [""; 0]);
        assert!(is_confirmed(&t, &stranger.caller).await);
        assert_eq!(issue(t.services.confirm_email_by_link_only(&token).await), about("", "link_over"));
        t.services.reset_password(&reset, &owner_password(), HERE).await.unwrap();
        assert!(matches!(t.services.sign_in_with_password(EMAIL, &owner_password(), HERE).await, Ok(SignIn::SignedIn(_))));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn concurrent_claims_count_once_and_confirmed_account_is_not_claimed(db: TestStore) {
        let t = TestServices::with_mail(db);
        let stranger = Stranger::create(&t).await;
        let first = secret(&t.mailer.token(EMAIL, "confirm").unwrap());
        t.services.resend_confirmation(&stranger.caller).await.unwrap();
        t.run_jobs().await;
        let second = secret(&t.mailer.token(EMAIL, "confirm").unwrap());
        let (one, two) = (owner_password(), secret("another horse battery"));
        let (one, two) = tokio::join!(
            t.services.claim_account(&first, &one, HERE),
            t.services.claim_account(&second, &two, HERE)
        );
        assert!(one.is_ok() != two.is_ok(), "a claim revokes the other links: {one:?} {two:?}");
        t.run_jobs().await;
        t.finish().await;
    }

    async fn reset_leaves_stranger_no_access(db: TestStore) {
        let t = TestServices::with_mail(db);
        let stranger = Stranger::create(&t).await;
        let confirm = secret(&t.mailer.token(EMAIL, "confirm").unwrap());
        t.services.request_password_reset(EMAIL, HERE).await.unwrap();
        t.run_jobs().await;
        let token = secret(&t.mailer.token(EMAIL, "reset").unwrap());
        t.services.reset_password(&token, &owner_password(), HERE).await.unwrap();
        assert_eq!(stranger.remaining_access(&t).await, [""; 0]);
        assert_eq!(issue(t.services.claim_account(&confirm, &stranger_password(), HERE).await), about("", "link_over"));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn session_confirms_email_and_keeps_access(db: TestStore) {
        confirmed_by_who_opened_it(db, false).await;
    }

    async fn password_confirms_email_elsewhere_and_keeps_access(db: TestStore) {
        confirmed_by_who_opened_it(db, true).await;
    }

    async fn email_change_link_alone_confirms_nothing(db: TestStore) {
        let t = TestServices::with_mail(db);
        let stranger = t.services.sign_up("stranger@example.net", &stranger_password(), HERE).await.unwrap();
        let stranger = Caller::operator(stranger.id);
        t.services.request_email_change(&stranger, EMAIL, &stranger_password(), HERE).await.unwrap();
        t.run_jobs().await;
        let token = secret(&t.mailer.token(EMAIL, "confirm-change").unwrap());
        let refused = t.services.confirm_email_change(&token, None, &secret(""), HERE).await;
        assert_eq!(issue(refused), about("password", "required"));
        let refused = t.services.confirm_email_change(&token, None, &owner_password(), HERE).await;
        assert_eq!(issue(refused), about("password", "wrong"));
        assert_eq!(t.services.find_account(stranger.user_id).await.unwrap().unwrap().email, "stranger@example.net");
        t.services.confirm_email_change(&token, None, &stranger_password(), HERE).await.unwrap();
        assert_eq!(t.services.find_account(stranger.user_id).await.unwrap().unwrap().email, EMAIL);
        t.run_jobs().await;
        t.finish().await;
    }

    async fn sensitive_actions_require_password(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (key, _) = t.services.create_api_key(&me, &new_key("k")).await.unwrap();
        let id = key.id.to_string();
        let totp = t.services.create_totp_secret(&me).await.unwrap().secret;
        let code = totp_code(&totp, t.services.now());
        let signed_in = Caller::signed_in(me.user_id);
        let expected = about("password", "required");
        assert_eq!(issue(t.services.create_api_key(&signed_in, &new_key("l")).await), expected);
        assert_eq!(issue(t.services.rotate_api_key(&signed_in, &id, Overlap::Day).await), expected);
        assert_eq!(issue(t.services.rotate_signing_secret(&signed_in).await), expected);
        assert_eq!(issue(t.services.create_totp_secret(&signed_in).await), expected);
        assert_eq!(issue(t.services.confirm_totp(&signed_in, &code, HERE).await), expected);
        assert_eq!(issue(t.services.change_password(&signed_in, "", &owner_password(), HERE).await), expected);
        // Other issues are reported first, so that the password need not be typed twice.
        assert_eq!(issue(t.services.create_api_key(&signed_in, &new_key("")).await).0, "name");
        // What takes nothing away does not require the password.
        t.services.revoke_api_key(&signed_in, &id).await.unwrap();
        assert!(t.services.purchase(&signed_in, Ok(ApiMode::Byok)).await.is_ok());
        assert_eq!(t.services.list_api_keys(&me).await.unwrap().len(), 0);
        t.finish().await;
    }

    async fn sensitive_actions_are_mailed(db: TestStore) {
        let t = TestServices::with_mail(db);
        let account = t.services.create_user(EMAIL, &owner_password()).await.unwrap();
        let me = Caller::operator(account.id);
        let (key, _) = t.services.create_api_key(&me, &new_key("deploy\u{2028}script")).await.unwrap();
        t.services.rotate_api_key(&me, &key.id.to_string(), Overlap::None).await.unwrap();
        t.services.rotate_signing_secret(&me).await.unwrap();
        let totp = t.services.create_totp_secret(&me).await.unwrap().secret;
        let codes = t.services.confirm_totp(&me, &totp_code(&totp, t.services.now()), HERE).await.unwrap();
        let codes = t.services.replace_recovery_codes(&me, &codes[0], HERE).await.unwrap();
        t.services.disable_totp(&me, &owner_password(), &codes[0], HERE).await.unwrap();
        t.services.change_password(&me, "", &stranger_password(), HERE).await.unwrap();
        t.clock.advance(MINUTE);
        t.run_jobs().await;
        let mut subjects = t.mailer.subjects(EMAIL);
        subjects.sort_unstable();
        assert_eq!(
            subjects,
            [
                "[Reef] A new API key was created",
                "[Reef] An API key was rotated",
                "[Reef] Two-factor authentication was turned off",
                "[Reef] Two-factor authentication was turned on",
                "[Reef] Your password was changed",
                "[Reef] Your recovery codes were replaced",
                "[Reef] Your signing secret was rotated",
            ]
        );
        let sent = t.mailer.sent();
        let created = sent.iter().find(|mail| mail.subject == "[Reef] A new API key was created").unwrap();
        assert!(created.text.expose_secret().contains("The API key deploy script was created in your account."));
        // Resets by mail and by the operator are announced, too.
        t.services.request_password_reset(EMAIL, HERE).await.unwrap();
        t.run_jobs().await;
        let token = secret(&t.mailer.token(EMAIL, "reset").unwrap());
        t.services.reset_password(&token, &owner_password(), HERE).await.unwrap();
        t.services.replace_password(EMAIL, &stranger_password(), false).await.unwrap();
        t.run_jobs().await;
        let changed = |subject: &String| subject == "[Reef] Your password was changed";
        assert_eq!(t.mailer.subjects(EMAIL).into_iter().filter(changed).count(), 3);
        for mail in t.mailer.sent() {
            for secret in [&owner_password(), &stranger_password()] {
                assert!(!mail.text.expose_secret().contains(secret.expose_secret()));
            }
        }
        t.finish().await;
    }

    async fn stranger_request_during_reset_is_refused(db: TestStore) {
        let t = TestServices::with_mail(db);
        t.services.sign_up(EMAIL, &stranger_password(), HERE).await.unwrap();
        let account = t.services.find_account_by_email(EMAIL).await.unwrap().unwrap();
        // The request was authenticated before the reset.
        let stranger = t.services.reauthenticate(&Caller::signed_in(account.id), &stranger_password(), HERE).await.unwrap();
        t.services.request_password_reset(EMAIL, HERE).await.unwrap();
        t.run_jobs().await;
        let token = secret(&t.mailer.token(EMAIL, "reset").unwrap());
        t.services.reset_password(&token, &owner_password(), HERE).await.unwrap();
        let expected = about("password", "required");
        assert_eq!(issue(t.services.create_api_key(&stranger, &new_key("lurker")).await), expected);
        assert_eq!(issue(t.services.rotate_signing_secret(&stranger).await), expected);
        assert_eq!(issue(t.services.create_totp_secret(&stranger).await), expected);
        assert_eq!(issue(t.services.change_password(&stranger, "", &stranger_password(), HERE).await), expected);
        let owner = t.services.reauthenticate(&Caller::signed_in(account.id), &owner_password(), HERE).await.unwrap();
        t.services.create_api_key(&owner, &new_key("mine")).await.unwrap();
        t.run_jobs().await;
        t.finish().await;
    }
}
