//! Rate limits: a number of requests per minute, over all processes.
//!
//! Each process counts in memory, so that no request waits for the database. Twice a second it adds its counts to the
//! database and reads the sums of all processes. Processes therefore agree within a second, and a new process continues
//! where the last one stopped.

use std::time::Duration;

use reef_domain::ErrorChain;
use reef_domain::ids::{ApiKeyId, UserId};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::services::Services;
use crate::throttling::rate_limits::RateLimits;
use crate::throttling::subjects::RequestSubject;
use crate::throttling::windows::{Quota, Windows};

/// How often counts are synchronized.
const SYNC_INTERVAL: Duration = Duration::from_millis(500);
/// Counts that are synchronized in one transaction.
const BATCH: usize = 100;
/// Transactions per synchronization. What is left waits for the next one.
const BATCHES_MAX: usize = 20;

impl Services {
    /// Counts a request of a key. The first one in a window reads the counts of other processes from the database.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn count_request(&self, key: ApiKeyId) -> Result<Quota, Error> {
        self.count_in(&self.rate_limits().keys, RequestSubject::Key(key)).await
    }

    /// Counts a request of an account, over all of its keys.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn count_account_request(&self, user: UserId) -> Result<Quota, Error> {
        self.count_in(&self.rate_limits().accounts, RequestSubject::Account(user)).await
    }

    /// Counts a request to a vendor that a user causes.
    pub(crate) async fn count_check(&self, user: UserId) -> Result<Quota, Error> {
        self.count_in(&self.rate_limits().checks, RequestSubject::Checks(user)).await
    }

    /// Counts a request to a vendor that a user causes, and refuses it over the limit.
    pub(crate) async fn require_check_quota(&self, user: UserId) -> Result<(), Error> {
        let quota = self.count_check(user).await?;
        if quota.is_exceeded {
            let message = "Too many requests within a minute";
            return Err(Error::RateLimited { message, retry_after_seconds: quota.resets_in_seconds });
        }
        Ok(())
    }

    /// Counts a webhook that a user sends manually, and refuses it over the limit.
    pub(crate) async fn require_resend_quota(&self, user: UserId) -> Result<(), Error> {
        let quota = self.count_in(&self.rate_limits().resends, RequestSubject::Resends(user)).await?;
        if quota.is_exceeded {
            let message = "Too many webhooks were sent manually within a minute";
            return Err(Error::RateLimited { message, retry_after_seconds: quota.resets_in_seconds });
        }
        Ok(())
    }

    async fn count_in(&self, windows: &Windows, subject: RequestSubject) -> Result<Quota, Error> {
        let subject = subject.to_string();
        if let Some(quota) = windows.count(&subject, self.now()) {
            return Ok(quota);
        }
        let elsewhere = self.store().read().await?.find_request_count(&subject, self.now()).await?;
        windows.open_window(&subject, elsewhere, self.now());
        Ok(windows.open_and_count(&subject, self.now()))
    }

    /// Synchronizes counts with other processes until `stop` is canceled, and then a last time.
    pub async fn run_rate_limit_sync(&self, stop: CancellationToken) {
        let mut has_failed = false;
        loop {
            let is_last = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(SYNC_INTERVAL) => false,
            };
            match self.sync_rate_limits().await {
                Ok(()) => has_failed = false,
                Err(error) if has_failed => {
                    tracing::debug!(error = %ErrorChain(&error), "rate limits could not be synchronized");
                }
                Err(error) => {
                    has_failed = true;
                    let error = tracing::field::display(ErrorChain(&error));
                    tracing::warn!(error, "rate limits could not be synchronized");
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Adds this process's counts to the database, and reads the sums of all processes.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails. No count is lost.
    pub async fn sync_rate_limits(&self) -> Result<(), Error> {
        let RateLimits { keys, accounts, failures, checks, resends, .. } = self.rate_limits();
        let [narrow, middle, wide] = failures;
        for windows in [keys, accounts, narrow, middle, wide, checks, resends] {
            for _ in 0..BATCHES_MAX {
                let batch = windows.unsynced(BATCH, self.now());
                if batch.is_empty() {
                    break;
                }
                let mut tx = self.store().begin().await?;
                let mut sums = Vec::with_capacity(batch.len());
                for counted in &batch {
                    let (subject, count) = (&counted.subject, counted.count);
                    sums.push(tx.record_requests(subject, count, counted.ends_at, self.now()).await?);
                }
                tx.commit_without_sync().await?;
                windows.apply_sums(batch.into_iter().zip(sums));
            }
        }
        Ok(())
    }
}
