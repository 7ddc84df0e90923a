//! Making sure that an assistant's worker is gone.

use std::time::Duration;

use reef_domain::Assistant;
use reef_domain::state::Run;
use secrecy::SecretString;
use thiserror::Error as ThisError;
use tokio::time::timeout;

use crate::error::Error;
use crate::ports::{HostError, TelegramError, WorkerRef};
use crate::services::Services;

/// How long the worker host and Telegram together may take to confirm.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(12);

/// The worker may still be there.
#[derive(Debug, ThisError)]
pub(crate) enum RemovalError {
    /// Telegram did not confirm that it sends the worker nothing more.
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    /// The host did not confirm.
    #[error(transparent)]
    Host(#[from] HostError),
    /// No answer in time.
    #[error("no confirmation within 12 s")]
    Timeout,
}

/// The worker that a run belongs to.
pub(crate) fn worker_ref(a: &Assistant, run: &Run) -> WorkerRef {
    WorkerRef { assistant_id: a.id, worker_name: run.worker_name.clone(), generation: run.generation }
}

impl Services {
    /// Removes the worker of an assistant's last run, so that it answers nobody any more. What is gone
    /// already, or was never there, is success.
    pub(crate) async fn remove_worker_of(&self, a: &Assistant) -> Result<Result<(), RemovalError>, Error> {
        let Some(run) = a.state.run() else { return Ok(Ok(())) };
        let secrets = {
            let mut tx = self.store().read().await?;
            tx.secrets(a.id).await?
        };
        let token = self.open_bot_token(a.id, &secrets)?;
        Ok(self.remove_worker(&worker_ref(a, run), token.as_ref()).await)
    }

    /// Ends the bot's webhook, then the worker.
    pub(crate) async fn remove_worker(
        &self,
        worker: &WorkerRef,
        token: Option<&SecretString>,
    ) -> Result<(), RemovalError> {
        let removal = async {
            if let Some(token) = token {
                match self.ports().telegram.delete_webhook(token).await {
                    // A token that Telegram no longer knows can't have a webhook of ours.
                    Ok(()) | Err(TelegramError::TokenRejected) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(self.ports().workers.remove(worker).await?)
        };
        timeout(REMOVAL_TIMEOUT, removal).await.unwrap_or(Err(RemovalError::Timeout))
    }
}
