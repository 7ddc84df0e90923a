//! Two-factor authentication: codes, recovery codes, and attempts to guess them.

use reef_service::accounts::{Account, PendingSignIn, SignIn};
use reef_service::testing::{TestServices, totp_code};
use reef_service::{Caller, ClientAddress, Error};
use reef_store::on_both_databases;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{MINUTE, SECOND, TICK};

const HERE: ClientAddress = ClientAddress::UNKNOWN;
const EMAIL: &str = "ada@example.com";
/// How long the app shows a code.
const STEP: std::time::Duration = std::time::Duration::from_secs(30);

fn password() -> SecretString {
    SecretString::from("correct horse battery")
}

/// An account with two-factor authentication.
pub struct Ada {
    pub account: Account,
    pub me: Caller,
    pub secret: SecretString,
    pub recovery: Vec<SecretString>,
}

impl Ada {
    /// Turns two-factor authentication on with the code of a minute ago, so that the current code is unused.
    pub async fn new(t: &TestServices) -> Self {
        let account = t.services.create_user(EMAIL, &password()).await.expect("an account");
        let me = Caller::operator(account.id);
        let secret = t.services.create_totp_secret(&me).await.expect("a secret").secret;
        let recovery = t
            .services
            .confirm_totp(&me, &totp_code(&secret, t.services.now()), HERE)
            .await
            .expect("recovery codes");
        t.clock.advance(2 * STEP);
        Self { account, me, secret, recovery }
    }

    pub fn code(&self, t: &TestServices) -> SecretString {
        totp_code(&self.secret, t.services.now())
    }

    async fn enter_password(&self, t: &TestServices) -> PendingSignIn {
        match t.services.sign_in_with_password(EMAIL, &password(), HERE).await.expect("the password is right")
        {
            SignIn::NeedsCode(pending) => pending,
            SignIn::SignedIn(_) => panic!("signed in without a code"),
        }
    }

    async fn enter_code(&self, t: &TestServices, code: &SecretString) -> Result<Account, Error> {
        let pending = self.enter_password(t).await;
        t.services.sign_in_with_code(&pending, code, HERE).await
    }
}

/// The code of the only issue.
#[track_caller]
fn issue<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::InvalidRequest(mut issues)) if issues.len() == 1 => issues.remove(0).code,
        other => panic!("{other:?}"),
    }
}

on_both_databases! {
    async fn totp_setup_requires_code(db: TestStore) {
        let t = TestServices::new(db);
        let account = t.services.create_user(EMAIL, &password()).await.unwrap();
        let me = Caller::operator(account.id);
        assert!(t.services.find_pending_totp(&me).await.unwrap().is_none());
        assert_eq!(issue(t.services.confirm_totp(&me, &"123456".into(), HERE).await), "nothing_pending");
        let older = t.services.create_totp_secret(&me).await.unwrap();
        let new = t.services.create_totp_secret(&me).await.unwrap();
        let shown = t.services.find_pending_totp(&me).await.unwrap().unwrap();
        assert_eq!(shown.secret.expose_secret(), new.secret.expose_secret());
        let url = new.otpauth_url.expose_secret();
        let rest = format!("?secret={}&issuer=Reef&algorithm=SHA1&digits=6&period=30", new.secret.expose_secret());
        assert_eq!(*url, format!("otpauth://totp/Reef:ada%40example%2Ecom{rest}"));
        let of = |secret: &SecretString| totp_code(secret, t.services.now());
        assert_eq!(issue(t.services.confirm_totp(&me, &of(&older.secret), HERE).await), "wrong");
        let signed_in = t.services.sign_in_with_password(EMAIL, &password(), HERE).await.unwrap();
        assert_eq!(signed_in, SignIn::SignedIn(account));
        assert!(!t.services.get_totp_status(&me).await.unwrap().is_on);
        // People type codes in groups.
        let code = of(&new.secret);
        let (one, two) = code.expose_secret().split_at(3);
        let recovery = t.services.confirm_totp(&me, &format!(" {one} {two}").into(), HERE).await.unwrap();
        let status = t.services.get_totp_status(&me).await.unwrap();
        assert_eq!((recovery.len(), status.is_on, status.recovery_codes_left), (10, true, 10));
        assert!(t.services.find_pending_totp(&me).await.unwrap().is_none());
        assert_eq!(issue(t.services.create_totp_secret(&me).await), "totp_is_on");
        t.finish().await;
    }

    async fn totp_secret_expires_after_an_hour(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let secret = t.services.create_totp_secret(&me).await.unwrap().secret;
        t.clock.advance(60 * MINUTE);
        assert!(t.services.find_pending_totp(&me).await.unwrap().is_none());
        let code = totp_code(&secret, t.services.now());
        assert_eq!(issue(t.services.confirm_totp(&me, &code, HERE).await), "nothing_pending");
        t.clock.advance(TICK);
        t.services.prune().await.unwrap();
        // Only the signing secret is left.
        assert_eq!(t.services.count_sealed_by_key().await.unwrap().first, 1);
        t.finish().await;
    }

    async fn code_signs_in_once(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let code = ada.code(&t);
        assert_eq!(ada.enter_code(&t, &code).await.unwrap(), ada.account);
        assert_eq!(issue(ada.enter_code(&t, &code).await), "wrong", "a code that was seen works only once");
        t.clock.advance(STEP);
        assert_eq!(issue(ada.enter_code(&t, &code).await), "wrong", "within the window, but used");
        // The app's clock may be late by one step, and not more.
        let late = ada.code(&t);
        t.clock.advance(STEP);
        ada.enter_code(&t, &late).await.unwrap();
        let later = ada.code(&t);
        t.clock.advance(2 * STEP);
        assert_eq!(issue(ada.enter_code(&t, &later).await), "wrong");
        for nonsense in ["", "123", "äöüäöü", "1234567"] {
            t.clock.advance(15 * MINUTE);
            assert_eq!(issue(ada.enter_code(&t, &nonsense.into()).await), "wrong", "{nonsense}");
        }
        t.finish().await;
    }

    async fn recovery_code_signs_in_once_in_any_spelling(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let plain = ada.recovery[0].expose_secret();
        let written = [plain.to_owned(), plain.replace('-', "").to_uppercase()];
        assert_eq!(ada.enter_code(&t, &written[1].as_str().into()).await.unwrap(), ada.account);
        for again in &written {
            assert_eq!(issue(ada.enter_code(&t, &again.as_str().into()).await), "wrong");
        }
        ada.enter_code(&t, &ada.recovery[1]).await.unwrap();
        assert_eq!(t.services.get_totp_status(&ada.me).await.unwrap().recovery_codes_left, 8);
        let new = t.services.replace_recovery_codes(&ada.me, &ada.code(&t), HERE).await.unwrap();
        assert_eq!(t.services.get_totp_status(&ada.me).await.unwrap().recovery_codes_left, 10);
        assert_eq!(issue(ada.enter_code(&t, &ada.recovery[2]).await), "wrong", "replaced");
        ada.enter_code(&t, &new[0]).await.unwrap();
        t.finish().await;
    }

    async fn pending_sign_in_expires_after_ten_minutes_or_password_change(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let pending = ada.enter_password(&t).await;
        t.clock.advance(10 * MINUTE - TICK);
        let kept = serde_json::to_value(&pending).unwrap();
        let read = serde_json::from_value(kept).unwrap();
        t.services.sign_in_with_code(&read, &ada.code(&t), HERE).await.unwrap();
        t.clock.advance(TICK);
        assert_eq!(issue(t.services.sign_in_with_code(&pending, &ada.recovery[0], HERE).await), "sign_in_over");
        let pending = ada.enter_password(&t).await;
        let new = SecretString::from("another horse battery");
        t.services.change_password(&ada.me, "", &new, HERE).await.unwrap();
        assert_eq!(issue(t.services.sign_in_with_code(&pending, &ada.recovery[0], HERE).await), "sign_in_over");
        assert_eq!(t.services.get_totp_status(&ada.me).await.unwrap().recovery_codes_left, 10, "no recovery code was used");
        t.finish().await;
    }

    async fn code_guesses_wait_longer_and_longer(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let pending = ada.enter_password(&t).await;
        for _ in 0..5 {
            // One code in a million is right by chance.
            let wrong = t.services.sign_in_with_code(&pending, &"abcdef".into(), HERE).await;
            assert_eq!(issue(wrong), "wrong");
        }
        // The right code has to wait, too, and so does every other form that takes a code.
        let code = ada.code(&t);
        let slowed = t.services.sign_in_with_code(&pending, &code, HERE).await;
        assert!(matches!(slowed, Err(Error::RateLimited { retry_after_seconds: 10, .. })), "{slowed:?}");
        let slowed = t.services.replace_recovery_codes(&ada.me, &code, HERE).await;
        assert!(matches!(slowed, Err(Error::RateLimited { .. })), "{slowed:?}");
        // Entering the password again does not reset the wait.
        let pending = ada.enter_password(&t).await;
        let slowed = t.services.sign_in_with_code(&pending, &code, HERE).await;
        assert!(matches!(slowed, Err(Error::RateLimited { .. })), "{slowed:?}");
        t.clock.advance(10 * SECOND);
        t.services.sign_in_with_code(&pending, &ada.recovery[0], HERE).await.unwrap();
        t.finish().await;
    }

    async fn disabling_totp_requires_password_and_code(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let pending = ada.enter_password(&t).await;
        let code = ada.code(&t);
        let wrong = SecretString::from("wrong horse battery");
        assert_eq!(issue(t.services.disable_totp(&ada.me, &wrong, &code, HERE).await), "wrong");
        assert_eq!(issue(t.services.disable_totp(&ada.me, &password(), &"abcdef".into(), HERE).await), "wrong");
        assert!(t.services.get_totp_status(&ada.me).await.unwrap().is_on);
        t.services.disable_totp(&ada.me, &password(), &code, HERE).await.unwrap();
        let status = t.services.get_totp_status(&ada.me).await.unwrap();
        assert_eq!((status.is_on, status.recovery_codes_left), (false, 0));
        let signed_in = t.services.sign_in_with_password(EMAIL, &password(), HERE).await.unwrap();
        assert_eq!(signed_in, SignIn::SignedIn(ada.account.clone()));
        assert_eq!(issue(t.services.sign_in_with_code(&pending, &ada.recovery[0], HERE).await), "sign_in_over");
        assert_eq!(issue(t.services.replace_recovery_codes(&ada.me, &code, HERE).await), "totp_is_off");
        assert_eq!(issue(t.services.disable_totp(&ada.me, &password(), &code, HERE).await), "totp_is_off");
        t.finish().await;
    }
    async fn operator_restores_locked_out_account(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let new = SecretString::from("another horse battery");
        t.services.replace_password(EMAIL, &new, false).await.unwrap();
        let old = t.services.sign_in_with_password(EMAIL, &password(), HERE).await;
        assert!(matches!(old, Err(Error::WrongCredentials)), "{old:?}");
        let first = t.services.sign_in_with_password(EMAIL, &new, HERE).await;
        assert!(matches!(first, Ok(SignIn::NeedsCode(_))), "a new password does not turn two-factor authentication off");
        t.services.replace_password(EMAIL, &new, true).await.unwrap();
        assert!(matches!(t.services.sign_in_with_password(EMAIL, &new, HERE).await, Ok(SignIn::SignedIn(_))));
        assert!(!t.services.get_totp_status(&ada.me).await.unwrap().is_on);
        let short = t.services.replace_password(EMAIL, &SecretString::from("short"), false).await;
        assert!(matches!(short, Err(Error::InvalidRequest(_))), "{short:?}");
        let nobody = t.services.replace_password("bob@example.com", &new, false).await;
        assert!(matches!(nobody, Err(Error::NotFound)), "{nobody:?}");
    }
}
