//! Deleting an account: first its assistants, one by one, then everything else at once.

use reef_domain::Timestamp;
use reef_domain::wire::Status;
use secrecy::SecretString;

use crate::accounts::known_devices::Client;
use crate::api_keys::require_session;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// How often the deletion restarts because an assistant was ordered in the meantime.
const ATTEMPTS_MAX: usize = 5;

/// What an account has before it is deleted, and loses with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeletionPreview {
    /// Assistants, including paid ones that were never activated.
    pub assistants: usize,
    /// Assistants that are running or being deployed.
    pub running: usize,
    /// Subscriptions that are paid, past due or paused.
    pub subscriptions: usize,
    /// API keys that are still valid.
    pub keys: i64,
}

/// The outcome of deleting an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountDeletion {
    /// The account is deleted.
    Deleted,
    /// The worker of this assistant may still exist, so the assistant and the account were not deleted. Assistants
    /// deleted before it stay deleted, and the call can be repeated.
    WorkerRemains {
        /// The name of that assistant.
        name: String,
    },
}

impl Services {
    /// Deletes the caller's account. Each assistant is deleted as by [`Self::delete`]: its worker is removed first, its
    /// secrets are destroyed, and a job revokes its subscription. Then keys, sessions, receipts and the account itself
    /// are deleted in one transaction, and open streams end.
    ///
    /// If this is interrupted, the account has fewer assistants, and the same call continues.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] for a wrong `password`, then for a missing or wrong
    /// `code` (or recovery code) of an account with two-factor authentication; [`Error::RateLimited`] after too many of
    /// either, or while assistants are being ordered for the account.
    #[tracing::instrument(name = "delete_account", skip_all)]
    pub async fn delete_account(
        &self,
        caller: &Caller,
        password: &SecretString,
        code: Option<&SecretString>,
        from: impl Into<Client>,
    ) -> Result<AccountDeletion, Error> {
        let client = from.into();
        let user = self.verify_caller_password(caller, password, "password", &client).await?;
        if self.find_confirmed_totp(user.id).await?.is_some() {
            let message = "Enter the code from your authenticator app, or a recovery code.";
            let code = code.ok_or_else(|| Error::invalid_field("code", "required", message))?;
            self.verify_code(&user, code, &client).await?;
        }
        for _ in 0..ATTEMPTS_MAX {
            if let Some(name) = self.delete_assistants_of(caller).await? {
                tracing::warn!(user_id = %user.id, "account not deleted: worker could not be removed");
                return Ok(AccountDeletion::WorkerRemains { name });
            }
            let mut work = self.unit_of_work().await?;
            if work.tx.delete_user(user.id).await? {
                work.enqueue_deletion_notice(&user).await?;
                work.commit_access_revoked(user.id).await?;
                tracing::info!(user_id = %user.id, "account deleted");
                return Ok(AccountDeletion::Deleted);
            }
            if work.tx.find_user(user.id).await?.is_none() {
                // Another request has deleted the account meanwhile.
                return Ok(AccountDeletion::Deleted);
            }
        }
        let message = "An assistant is being ordered for this account";
        Err(Error::RateLimited { message, retry_after_seconds: 5 })
    }

    /// Deletes the caller's assistants one by one. Returns the name of the first that cannot be deleted.
    async fn delete_assistants_of(&self, caller: &Caller) -> Result<Option<String>, Error> {
        let all = self.store().read().await?.list_assistants(caller.user_id, NO_CUTOFF).await?;
        for assistant in all {
            match self.delete(caller, &assistant.id.to_string(), Ok(())).await {
                Ok(()) | Err(Error::NotFound) => {}
                Err(Error::WorkerDeleteFailed { .. }) => return Ok(Some(assistant.name().to_owned())),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What deleting the caller's account would end.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys.
    pub async fn account_deletion_preview(&self, caller: &Caller) -> Result<DeletionPreview, Error> {
        require_session(caller)?;
        let mut tx = self.store().read().await?;
        let all = tx.list_assistants(caller.user_id, NO_CUTOFF).await?;
        let mut preview = DeletionPreview {
            keys: tx.count_live_api_keys(caller.user_id, self.now()).await?,
            ..DeletionPreview::default()
        };
        for assistant in all {
            preview.assistants += usize::from(assistant.state.status() != Status::PendingPayment);
            preview.running += usize::from(assistant.state.is_running());
            preview.subscriptions += usize::from(assistant.payment.status.is_subscribed());
        }
        Ok(preview)
    }
}

/// Also finds orders that are too old to be listed, because their checkouts may still be paid.
const NO_CUTOFF: Timestamp = Timestamp::from_unix_ms(0);
