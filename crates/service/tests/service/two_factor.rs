//! Two-factor authentication: its codes, its recovery codes, and guessing them.

use reef_service::accounts::{Account, PendingSignIn, SignIn};
use reef_service::testing::{TestServices, totp_code};
use reef_service::{Caller, ClientAddress, Error};
use reef_store::on_both_databases;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{MINUTE, SECOND, TICK};

const HERE: ClientAddress = ClientAddress::UNKNOWN;
const EMAIL: &str = "ada@example.com";
/// After this time the app shows another code.
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
    /// Turned on with the code of a minute ago, so that the current code is unused.
    pub async fn new(t: &TestServices) -> Self {
        let account = t.services.create_user(EMAIL, &password()).await.expect("it works");
        let me = Caller::session(account.id);
        let secret = t.services.begin_totp(&me).await.expect("it works").secret;
        let recovery = t
            .services
            .confirm_totp(&me, &totp_code(&secret, t.services.now()), HERE)
            .await
            .expect("it works");
        t.clock.advance(2 * STEP);
        Self { account, me, secret, recovery }
    }

    pub fn code(&self, t: &TestServices) -> SecretString {
        totp_code(&self.secret, t.services.now())
    }

    async fn first(&self, t: &TestServices) -> PendingSignIn {
        match t.services.sign_in_first(EMAIL, &password(), HERE).await.expect("it works") {
            SignIn::NeedsCode(pending) => pending,
            SignIn::Done(_) => panic!("signed in without a code"),
        }
    }

    async fn second(&self, t: &TestServices, code: &SecretString) -> Result<Account, Error> {
        let pending = self.first(t).await;
        t.services.sign_in_second(&pending, code, HERE).await
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
    async fn nothing_changes_before_a_code_has_shown_that_the_app_has_the_secret(db: TestStore) {
        let t = TestServices::new(db);
        let account = t.services.create_user(EMAIL, &password()).await.unwrap();
        let me = Caller::session(account.id);
        assert!(t.services.pending_totp(&me).await.unwrap().is_none());
        assert_eq!(issue(t.services.confirm_totp(&me, &"123456".into(), HERE).await), "nothing_pending");
        let older = t.services.begin_totp(&me).await.unwrap();
        let new = t.services.begin_totp(&me).await.unwrap();
        let shown = t.services.pending_totp(&me).await.unwrap().unwrap();
        assert_eq!(shown.secret.expose_secret(), new.secret.expose_secret());
        let url = new.otpauth_url.expose_secret();
        let rest = format!("?secret={}&issuer=Reef&algorithm=SHA1&digits=6&period=30", new.secret.expose_secret());
        assert_eq!(*url, format!("otpauth://totp/Reef:ada%40example%2Ecom{rest}"));
        let of = |secret: &SecretString| totp_code(secret, t.services.now());
        assert_eq!(issue(t.services.confirm_totp(&me, &of(&older.secret), HERE).await), "wrong");
        let signed_in = t.services.sign_in_first(EMAIL, &password(), HERE).await.unwrap();
        assert_eq!(signed_in, SignIn::Done(account));
        assert!(!t.services.totp_status(&me).await.unwrap().on);
        // People type codes in groups.
        let code = of(&new.secret);
        let (one, two) = code.expose_secret().split_at(3);
        let recovery = t.services.confirm_totp(&me, &format!(" {one} {two}").into(), HERE).await.unwrap();
        let status = t.services.totp_status(&me).await.unwrap();
        assert_eq!((recovery.len(), status.on, status.recovery_codes_left), (10, true, 10));
        assert!(t.services.pending_totp(&me).await.unwrap().is_none());
        assert_eq!(issue(t.services.begin_totp(&me).await), "totp_is_on");
        t.finish().await;
    }

    async fn a_secret_waits_an_hour_to_be_confirmed(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let secret = t.services.begin_totp(&me).await.unwrap().secret;
        t.clock.advance(60 * MINUTE);
        assert!(t.services.pending_totp(&me).await.unwrap().is_none());
        let code = totp_code(&secret, t.services.now());
        assert_eq!(issue(t.services.confirm_totp(&me, &code, HERE).await), "nothing_pending");
        t.clock.advance(TICK);
        t.services.prune().await.unwrap();
        // Only the signing secret is left.
        assert_eq!(t.services.sealed_with().await.unwrap().first, 1);
        t.finish().await;
    }

    async fn a_code_signs_in_once(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let code = ada.code(&t);
        assert_eq!(ada.second(&t, &code).await.unwrap(), ada.account);
        assert_eq!(issue(ada.second(&t, &code).await), "wrong", "a code that was seen works only once");
        t.clock.advance(STEP);
        assert_eq!(issue(ada.second(&t, &code).await), "wrong", "within the window, but used");
        // The app's clock may be late by one step, and not more.
        let late = ada.code(&t);
        t.clock.advance(STEP);
        ada.second(&t, &late).await.unwrap();
        let later = ada.code(&t);
        t.clock.advance(2 * STEP);
        assert_eq!(issue(ada.second(&t, &later).await), "wrong");
        for nonsense in ["", "123", "äöüäöü", "1234567"] {
            t.clock.advance(15 * MINUTE);
            assert_eq!(issue(ada.second(&t, &nonsense.into()).await), "wrong", "{nonsense}");
        }
        t.finish().await;
    }

    async fn a_recovery_code_signs_in_once_however_it_is_written(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let plain = ada.recovery[0].expose_secret();
        let written = [plain.to_owned(), plain.replace('-', "").to_uppercase()];
        assert_eq!(ada.second(&t, &written[1].as_str().into()).await.unwrap(), ada.account);
        for again in &written {
            assert_eq!(issue(ada.second(&t, &again.as_str().into()).await), "wrong");
        }
        ada.second(&t, &ada.recovery[1]).await.unwrap();
        assert_eq!(t.services.totp_status(&ada.me).await.unwrap().recovery_codes_left, 8);
        let new = t.services.new_recovery_codes(&ada.me, &ada.code(&t), HERE).await.unwrap();
        assert_eq!(t.services.totp_status(&ada.me).await.unwrap().recovery_codes_left, 10);
        assert_eq!(issue(ada.second(&t, &ada.recovery[2]).await), "wrong", "replaced");
        ada.second(&t, &new[0]).await.unwrap();
        t.finish().await;
    }

    async fn a_sign_in_waits_ten_minutes_for_its_code_and_not_for_another_password(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let pending = ada.first(&t).await;
        t.clock.advance(10 * MINUTE - TICK);
        let kept = serde_json::to_value(&pending).unwrap();
        let read = serde_json::from_value(kept).unwrap();
        t.services.sign_in_second(&read, &ada.code(&t), HERE).await.unwrap();
        t.clock.advance(TICK);
        assert_eq!(issue(t.services.sign_in_second(&pending, &ada.recovery[0], HERE).await), "sign_in_over");
        let pending = ada.first(&t).await;
        let new = SecretString::from("another horse battery");
        t.services.change_password(&ada.me, "", &new, HERE).await.unwrap();
        assert_eq!(issue(t.services.sign_in_second(&pending, &ada.recovery[0], HERE).await), "sign_in_over");
        assert_eq!(t.services.totp_status(&ada.me).await.unwrap().recovery_codes_left, 10, "no recovery code was used");
        t.finish().await;
    }

    async fn guessing_codes_takes_longer_and_longer(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let pending = ada.first(&t).await;
        for _ in 0..5 {
            // One code in a million is right by chance.
            let wrong = t.services.sign_in_second(&pending, &"abcdef".into(), HERE).await;
            assert_eq!(issue(wrong), "wrong");
        }
        // The right code has to wait, too, and so does every other form that takes a code.
        let code = ada.code(&t);
        let slowed = t.services.sign_in_second(&pending, &code, HERE).await;
        assert!(matches!(slowed, Err(Error::RateLimited { retry_after_seconds: 10, .. })), "{slowed:?}");
        let slowed = t.services.new_recovery_codes(&ada.me, &code, HERE).await;
        assert!(matches!(slowed, Err(Error::RateLimited { .. })), "{slowed:?}");
        // Giving the password again does not reset the wait.
        let pending = ada.first(&t).await;
        let slowed = t.services.sign_in_second(&pending, &code, HERE).await;
        assert!(matches!(slowed, Err(Error::RateLimited { .. })), "{slowed:?}");
        t.clock.advance(10 * SECOND);
        t.services.sign_in_second(&pending, &ada.recovery[0], HERE).await.unwrap();
        t.finish().await;
    }

    async fn switching_off_takes_password_and_code(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let pending = ada.first(&t).await;
        let code = ada.code(&t);
        let wrong = SecretString::from("wrong horse battery");
        assert_eq!(issue(t.services.disable_totp(&ada.me, &wrong, &code, HERE).await), "wrong");
        assert_eq!(issue(t.services.disable_totp(&ada.me, &password(), &"abcdef".into(), HERE).await), "wrong");
        assert!(t.services.totp_status(&ada.me).await.unwrap().on);
        t.services.disable_totp(&ada.me, &password(), &code, HERE).await.unwrap();
        let status = t.services.totp_status(&ada.me).await.unwrap();
        assert_eq!((status.on, status.recovery_codes_left), (false, 0));
        let signed_in = t.services.sign_in_first(EMAIL, &password(), HERE).await.unwrap();
        assert_eq!(signed_in, SignIn::Done(ada.account.clone()));
        assert_eq!(issue(t.services.sign_in_second(&pending, &ada.recovery[0], HERE).await), "sign_in_over");
        assert_eq!(issue(t.services.new_recovery_codes(&ada.me, &code, HERE).await), "totp_is_off");
        assert_eq!(issue(t.services.disable_totp(&ada.me, &password(), &code, HERE).await), "totp_is_off");
        t.finish().await;
    }
    async fn an_operator_lets_somebody_in_who_has_lost_everything(db: TestStore) {
        let t = TestServices::new(db);
        let ada = Ada::new(&t).await;
        let new = SecretString::from("another horse battery");
        t.services.replace_password(EMAIL, &new, false).await.unwrap();
        let old = t.services.sign_in_first(EMAIL, &password(), HERE).await;
        assert!(matches!(old, Err(Error::WrongCredentials)), "{old:?}");
        let first = t.services.sign_in_first(EMAIL, &new, HERE).await;
        assert!(matches!(first, Ok(SignIn::NeedsCode(_))), "a new password does not turn two-factor authentication off");
        t.services.replace_password(EMAIL, &new, true).await.unwrap();
        assert!(matches!(t.services.sign_in_first(EMAIL, &new, HERE).await, Ok(SignIn::Done(_))));
        assert!(!t.services.totp_status(&ada.me).await.unwrap().on);
        let short = t.services.replace_password(EMAIL, &SecretString::from("short"), false).await;
        assert!(matches!(short, Err(Error::InvalidRequest(_))), "{short:?}");
        let nobody = t.services.replace_password("bob@example.com", &new, false).await;
        assert!(matches!(nobody, Err(Error::NotFound)), "{nobody:?}");
    }
}
