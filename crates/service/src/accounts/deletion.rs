//! The end of an account: its assistants first, one by one, then all the rest at once.

use reef_domain::Timestamp;
use reef_domain::wire::Status;
use secrecy::SecretString;

use crate::api_keys::only_people;
use crate::caller::Caller;
use crate::client::Client;
use crate::error::Error;
use crate::services::Services;

/// How often it starts over because an assistant was ordered meanwhile.
const ROUNDS: usize = 5;

/// What is there before an account is deleted, and ends with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeletionPreview {
    /// Assistants, paid ones that were never activated among them.
    pub assistants: usize,
    /// Those that run or are being deployed.
    pub running: usize,
    /// Subscriptions that are paid for, whose renewal is being tried, or that are paused.
    pub subscriptions: usize,
    /// API keys that work.
    pub keys: i64,
}

/// What has become of an account that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountDeletion {
    /// It is gone.
    Done,
    /// The worker of this assistant may still be there, so the assistant and the account are, with their keys and
    /// sessions. Those deleted before it are gone. It can be tried again.
    WorkerRemains {
        /// What the assistant is called.
        name: String,
    },
}

impl Services {
    /// Deletes the caller's account. Each assistant is deleted as by [`Self::delete`]: its worker is gone first, its
    /// secrets are destroyed, jobs revoke its subscription and do not give up. Then keys, sessions, receipts and the
    /// account itself go in one transaction, and whatever was open ends.
    ///
    /// Dropped anywhere, what is left is an account with fewer assistants, and the same call goes on.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks; [`Error::InvalidRequest`] for a wrong `password`, then for a missing or wrong
    /// `code` (or recovery code) of an account with two-step sign-in; [`Error::RateLimited`] after too many of either, or
    /// while assistants are being ordered for the account.
    #[tracing::instrument(name = "delete_account", skip_all)]
    pub async fn delete_account(
        &self,
        caller: &Caller,
        password: &SecretString,
        code: Option<&SecretString>,
        from: impl Into<Client>,
    ) -> Result<AccountDeletion, Error> {
        let client = from.into();
        let user = self.prove_password(caller, password, "password", &client).await?;
        if self.confirmed_totp(user.id).await?.is_some() {
            let message = "The code of your authenticator app, or a recovery code, is required.";
            let code = code.ok_or_else(|| Error::invalid_field("code", "required", message))?;
            self.prove_code(&user, code, &client).await?;
        }
        for _ in 0..ROUNDS {
            if let Some(name) = self.delete_assistants_of(caller).await? {
                tracing::warn!(user_id = %user.id, "an account stays because a worker could not be removed");
                return Ok(AccountDeletion::WorkerRemains { name });
            }
            let mut work = self.work().await?;
            if work.tx.delete_user(user.id).await? {
                work.mail_farewell(&user).await?;
                work.commit_end_of_access(user.id).await?;
                tracing::info!(user_id = %user.id, "account deleted");
                return Ok(AccountDeletion::Done);
            }
            if work.tx.user(user.id).await?.is_none() {
                // Somebody else's click was faster.
                return Ok(AccountDeletion::Done);
            }
        }
        let message = "An assistant was just ordered for this account";
        Err(Error::RateLimited { message, retry_after_seconds: 5 })
    }

    /// Deletes the caller's assistants one after the other; gives the name of the first that can't be deleted now.
    async fn delete_assistants_of(&self, caller: &Caller) -> Result<Option<String>, Error> {
        let all = self.store().read().await?.assistants_of(caller.user_id, EVER).await?;
        for assistant in all {
            match self.delete(caller, &assistant.id.to_string(), Ok(())).await {
                Ok(()) | Err(Error::NotFound) => {}
                Err(Error::WorkerDeleteFailed { .. }) => return Ok(Some(assistant.name().to_owned())),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What ends with the caller's account.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks.
    pub async fn account_deletion_preview(&self, caller: &Caller) -> Result<DeletionPreview, Error> {
        only_people(caller)?;
        let mut tx = self.store().read().await?;
        let all = tx.assistants_of(caller.user_id, EVER).await?;
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

/// Unpaid slots that are not listed any more go too: their checkouts may still be paid.
const EVER: Timestamp = Timestamp::from_unix_ms(0);
