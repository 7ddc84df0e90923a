//! Two-factor authentication: turned on once a code proves that the owner's app has the secret, and turned off again.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reef_domain::ids::UserId;
use reef_store::{MailKind, StoreError, TotpRow, UserRow};
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::known_devices::Client;
use crate::accounts::one_time_code::{SECRET_BYTES, find_step};
use crate::accounts::password::lock_if_password_unchanged;
use crate::accounts::recovery_codes;
use crate::accounts::requires_code;
use crate::api_keys::require_session;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::throttling::throttle::ThrottleKey;
use reef_vault::{SecretLocation, VaultError};

/// Table and column; the row is the account's id.
pub(crate) const COLUMN: &str = "totp.secret";
/// How long a new secret can be confirmed.
pub(crate) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(3600);

/// A secret for an authenticator app that is not confirmed yet.
#[derive(Clone, Debug)]
pub struct NewTotp {
    /// The secret in base32, for typing.
    pub secret: SecretString,
    /// The `otpauth:` URL for a QR code.
    pub otpauth_url: SecretString,
}

/// Whether an account has two-factor authentication, and its recovery codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotpStatus {
    /// Whether signing in requires a code.
    pub is_on: bool,
    /// Recovery codes that were not used yet.
    pub recovery_codes_left: i64,
}

impl NewTotp {
    fn of(secret: &str, email: &str) -> Self {
        let email = utf8_percent_encode(email, NON_ALPHANUMERIC);
        let url = format!(
            "otpauth://totp/Reef:{email}?secret={secret}&issuer=Reef&algorithm=SHA1&digits=6&period=30"
        );
        Self { secret: secret.into(), otpauth_url: url.into() }
    }
}

impl Services {
    /// Creates a secret for the caller's authenticator app. Nothing changes before [`Self::confirm_totp`]; an earlier
    /// secret that was not confirmed is replaced.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] (`totp_is_on`) when two-factor authentication is
    /// on, or about `password` when it was not given recently.
    pub async fn create_totp_secret(&self, caller: &Caller) -> Result<NewTotp, Error> {
        caller.require_password()?;
        let user = self.get_own_account(caller).await?;
        let mut bytes = [0; SECRET_BYTES];
        self.ports().entropy.fill(&mut bytes);
        let secret = BASE32_NOPAD.encode(&bytes);
        let place = SecretLocation { column: COLUMN, row: &user.id };
        let sealed = self.vault().seal(&secret, place, &*self.ports().entropy).map_err(Error::internal)?;
        let mut work = self.unit_of_work().await?;
        work.require_password(caller).await?;
        if !work.tx.insert_totp(user.id, &sealed, work.now).await? {
            let message = "Two-factor authentication is on. Turn it off first to use another app.";
            return Err(Error::invalid_field("", "totp_is_on", message));
        }
        work.commit(None).await?;
        Ok(NewTotp::of(&secret, &user.email))
    }

    /// Finds the secret that waits to be confirmed, for up to an hour, for the page that shows it again.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys.
    pub async fn find_pending_totp(&self, caller: &Caller) -> Result<Option<NewTotp>, Error> {
        let user = self.get_own_account(caller).await?;
        let Some(row) = self.find_pending(user.id).await? else { return Ok(None) };
        let secret = self.open_totp(user.id, &row)?;
        Ok(Some(NewTotp::of(secret.expose_secret(), &user.email)))
    }

    /// Turns two-factor authentication on; the code proves that the caller's app has the secret. Returns the recovery
    /// codes, which cannot be read again.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] about `code`: `wrong`, or `nothing_pending` when
    /// the setup has to start over; about `password` when it was not given recently; [`Error::RateLimited`] after too
    /// many wrong codes.
    pub async fn confirm_totp(
        &self,
        caller: &Caller,
        code: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Vec<SecretString>, Error> {
        caller.require_password()?;
        let account = self.get_own_account(caller).await?;
        let (user, client) = (account.id, from.into());
        let Some(row) = self.find_pending(user).await? else { return Err(nothing_pending()) };
        let device = self.known_device(&client, Some(&account));
        let key = ThrottleKey::two_factor_code(user, client.address, device.as_ref());
        self.admit_attempt(&key, TOO_MANY_CODES).await?;
        let typed = normalize_code(code);
        let step = find_step(&self.totp_key(user, &row)?, typed.expose_secret(), self.now(), 0);
        let step = step.ok_or_else(wrong_code)?;
        let (codes, hashes) = self.generate_recovery_codes();
        let mut work = self.unit_of_work().await?;
        work.require_password(caller).await?;
        if !work.tx.confirm_totp(user, row.created_at, step, work.now).await? {
            return Err(nothing_pending());
        }
        work.tx.replace_recovery_codes(user, &hashes).await?;
        work.enqueue_security_notice(user, MailKind::TwoFactorEnabled, "").await?;
        work.commit(None).await?;
        self.record_successful_attempt(&key).await?;
        tracing::info!(user_id = %user, "two-factor authentication turned on");
        Ok(codes)
    }

    /// Turns two-factor authentication off and destroys the secret and the recovery codes.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] for a wrong `password`, then a wrong `code` (or
    /// recovery code), or `totp_is_off`; [`Error::RateLimited`] after too many of either.
    pub async fn disable_totp(
        &self,
        caller: &Caller,
        password: &SecretString,
        code: &SecretString,
        from: impl Into<Client>,
    ) -> Result<(), Error> {
        let client = from.into();
        let user = self.verify_caller_password(caller, password, "password", &client).await?;
        self.require_totp(user.id).await?;
        self.verify_code(&user, code, &client).await?;
        let mut work = self.unit_of_work().await?;
        lock_if_password_unchanged(&mut work.tx, &user).await?;
        work.tx.delete_totp(user.id).await?;
        work.enqueue_security_notice(user.id, MailKind::TwoFactorDisabled, "").await?;
        work.commit(None).await?;
        tracing::info!(user_id = %user.id, "two-factor authentication turned off");
        Ok(())
    }

    /// Replaces the caller's recovery codes and returns the new ones, which cannot be read again.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] for a wrong `code`, or `totp_is_off`;
    /// [`Error::RateLimited`] after too many wrong codes.
    pub async fn replace_recovery_codes(
        &self,
        caller: &Caller,
        code: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Vec<SecretString>, Error> {
        let user = self.get_own_account(caller).await?;
        self.require_totp(user.id).await?;
        self.verify_code(&user, code, &from.into()).await?;
        let (codes, hashes) = self.generate_recovery_codes();
        let mut work = self.unit_of_work().await?;
        let tx = &mut work.tx;
        tx.lock_user(caller.user_id).await?;
        // Without two-factor authentication, which may have been turned off meanwhile, recovery codes would be left
        // over.
        if !requires_code(tx, caller.user_id).await? {
            return Err(totp_is_off());
        }
        tx.replace_recovery_codes(caller.user_id, &hashes).await?;
        work.enqueue_security_notice(caller.user_id, MailKind::RecoveryCodesReplaced, "").await?;
        work.commit(None).await?;
        Ok(codes)
    }

    /// Whether the caller has two-factor authentication, and how many recovery codes are left.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys.
    pub async fn get_totp_status(&self, caller: &Caller) -> Result<TotpStatus, Error> {
        require_session(caller)?;
        let on = self.find_confirmed_totp(caller.user_id).await?.is_some();
        let mut tx = self.store().read().await?;
        Ok(TotpStatus { is_on: on, recovery_codes_left: tx.count_recovery_codes(caller.user_id).await? })
    }

    /// Verifies a code of the account's authenticator app or a recovery code. Each works once.
    pub(super) async fn verify_code(
        &self,
        user: &UserRow,
        code: &SecretString,
        client: &Client,
    ) -> Result<(), Error> {
        let device = self.known_device(client, Some(user));
        let key = ThrottleKey::two_factor_code(user.id, client.address, device.as_ref());
        self.admit_attempt(&key, TOO_MANY_CODES).await?;
        let typed = normalize_code(code);
        let is_right = match recovery_codes::hash_typed(&typed) {
            Some(hash) => self.use_recovery_code(user.id, &hash).await?,
            None => self.use_totp_code(user.id, &typed).await?,
        };
        if !is_right {
            return Err(wrong_code());
        }
        self.record_successful_attempt(&key).await
    }

    /// Finds the secret that the account's codes are generated from, if signing in requires a code.
    pub(super) async fn find_confirmed_totp(&self, user: UserId) -> Result<Option<TotpRow>, StoreError> {
        let row = self.store().read().await?.find_totp(user).await?;
        Ok(row.filter(|row| row.confirmed_at.is_some()))
    }

    async fn require_totp(&self, user: UserId) -> Result<(), Error> {
        self.find_confirmed_totp(user).await?.map(drop).ok_or_else(totp_is_off)
    }

    async fn find_pending(&self, user: UserId) -> Result<Option<TotpRow>, Error> {
        let since = self.now().minus(CONFIRM_TIMEOUT);
        let row = self.store().read().await?.find_totp(user).await?;
        Ok(row.filter(|row| row.confirmed_at.is_none() && row.created_at > since))
    }

    fn open_totp(&self, user: UserId, row: &TotpRow) -> Result<SecretString, Error> {
        self.vault().open(&row.secret, SecretLocation { column: COLUMN, row: &user }).map_err(Error::internal)
    }

    fn totp_key(&self, user: UserId, row: &TotpRow) -> Result<[u8; SECRET_BYTES], Error> {
        let secret = self.open_totp(user, row)?;
        let key = BASE32_NOPAD.decode(secret.expose_secret().as_bytes()).ok();
        key.and_then(|key| key.try_into().ok()).ok_or_else(|| Error::internal(VaultError::CannotOpen))
    }

    async fn use_totp_code(&self, user: UserId, typed: &SecretString) -> Result<bool, Error> {
        let Some(row) = self.find_confirmed_totp(user).await? else { return Ok(false) };
        let key = self.totp_key(user, &row)?;
        let Some(step) = find_step(&key, typed.expose_secret(), self.now(), row.last_used_step) else {
            return Ok(false);
        };
        let mut tx = self.store().begin().await?;
        let is_first = tx.consume_totp_step(user, row.created_at, step).await?;
        tx.commit().await?;
        Ok(is_first)
    }

    async fn use_recovery_code(&self, user: UserId, hash: &[u8]) -> Result<bool, Error> {
        let mut tx = self.store().begin().await?;
        let is_right = tx.consume_recovery_code(user, hash).await?;
        tx.commit().await?;
        if is_right {
            tracing::info!(user_id = %user, "recovery code used");
        }
        Ok(is_right)
    }

    /// New recovery codes, and their hashes.
    fn generate_recovery_codes(&self) -> (Vec<SecretString>, Vec<Vec<u8>>) {
        (0..recovery_codes::CODE_COUNT).map(|_| recovery_codes::generate(&*self.ports().entropy)).unzip()
    }
}

const TOO_MANY_CODES: &str = "Too many incorrect codes";

/// Removes spaces and dashes, because people type codes in groups.
fn normalize_code(code: &SecretString) -> SecretString {
    let typed = code.expose_secret().chars().filter(|c| !c.is_whitespace() && *c != '-');
    typed.collect::<String>().into()
}

fn wrong_code() -> Error {
    Error::invalid_field("code", "wrong", "That code is incorrect or already used.")
}

fn nothing_pending() -> Error {
    Error::invalid_field("code", "nothing_pending", "Setup timed out. Start over with a new secret.")
}

fn totp_is_off() -> Error {
    Error::invalid_field("", "totp_is_off", "Two-factor authentication is off.")
}
