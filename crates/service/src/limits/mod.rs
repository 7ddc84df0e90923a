//! How often somebody may ask: so many requests a minute, over all processes.
//!
//! A process counts for itself, so that no request waits. Twice a second it adds what it has counted to the database
//! and takes over the sum of all. Processes therefore agree within a second, and a new process goes on where the last
//! one ended.

mod failures;
mod windows;

use std::time::Duration;

use reef_domain::Chain;
use reef_domain::ids::{ApiKeyId, UserId};
use tokio_util::sync::CancellationToken;

use crate::client::ClientAddress;
use crate::config::Config;
use crate::error::Error;
use crate::services::Services;

use failures::Admission;
use windows::Windows;

/// How often counts are exchanged.
const EXCHANGE_EVERY: Duration = Duration::from_millis(500);
/// Counts exchanged in one transaction.
const BATCH: usize = 100;
/// Transactions of one exchange; what is left waits for the next.
const BATCHES_MAX: usize = 20;

/// Questions to vendors that one user may cause in a window, by looking at pages and checking forms.
const CHECKS: u64 = 40;

/// How many keys' worth of requests an account has, however many keys it makes.
const KEYS_PER_ACCOUNT: u64 = 10;

/// Callbacks that one user may have sent by hand in a window, tests and redeliveries together.
const RESENDS: u64 = 30;

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(60);

/// What is left of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests a window has.
    pub limit: u64,
    /// Requests left.
    pub remaining: u64,
    /// Seconds until the window is over, at least one.
    pub resets_in: u64,
    /// Whether there was one too many.
    pub is_over: bool,
}

/// Everything that is counted in this process.
#[derive(Debug)]
pub(crate) struct Counts {
    keys: Windows,
    accounts: Windows,
    /// Of an IPv4 address or a /64, of a /56, of a /48.
    failures: [Windows; 3],
    checks: Windows,
    resends: Windows,
    admission: Admission,
}

impl Counts {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            keys: Windows::new(config.rate_limit_per_minute),
            accounts: Windows::new(config.rate_limit_per_minute.saturating_mul(KEYS_PER_ACCOUNT)),
            failures: WIDTHS.map(|times| Windows::new(config.auth_failures_per_minute.saturating_mul(times))),
            checks: Windows::new(CHECKS),
            resends: Windows::new(RESENDS),
            admission: Admission::default(),
        }
    }
}

fn of_key(id: ApiKeyId) -> String {
    format!("key {id}")
}

/// How many times the wrong keys of a /64 a /56 and a /48 may send: a few customers share them.
const WIDTHS: [u64; 3] = [1, 2, 4];

/// What an address's wrong keys are counted for, the narrowest network first.
fn of_failures(from: ClientAddress) -> Vec<String> {
    let wider = from.wider_networks().into_iter().rev();
    let wider = wider.map(|(network, length)| format!("wrong keys {network}/{length}"));
    std::iter::once(format!("wrong keys {from}")).chain(wider).collect()
}

impl Services {
    /// Counts a request of a key. The first one of a window asks the database what other processes have counted.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database does not answer then.
    pub async fn count_request(&self, key: ApiKeyId) -> Result<Quota, Error> {
        self.count_in(&self.counts().keys, of_key(key)).await
    }

    /// Counts a request of an account, whichever of its keys it comes with.
    ///
    /// # Errors
    /// As [`Self::count_request`].
    pub async fn count_account_request(&self, user: UserId) -> Result<Quota, Error> {
        self.count_in(&self.counts().accounts, format!("account {user}")).await
    }

    /// Counts a question to a vendor that a user causes.
    pub(crate) async fn count_check(&self, user: UserId) -> Result<Quota, Error> {
        self.count_in(&self.counts().checks, format!("checks of {user}")).await
    }

    /// Counts a question to a vendor that a user causes, and refuses it when there were too many.
    pub(crate) async fn may_check(&self, user: UserId) -> Result<(), Error> {
        let quota = self.count_check(user).await?;
        if quota.is_over {
            let message = "That was often within a minute: wait a moment";
            return Err(Error::RateLimited { message, retry_after_seconds: quota.resets_in });
        }
        Ok(())
    }

    /// Counts a callback that is sent by hand, and refuses it when there were too many.
    pub(crate) async fn may_resend(&self, user: UserId) -> Result<(), Error> {
        let quota = self.count_in(&self.counts().resends, format!("resends of {user}")).await?;
        if quota.is_over {
            let message = "Too many callbacks were sent by hand within a minute; wait and try again";
            return Err(Error::RateLimited { message, retry_after_seconds: quota.resets_in });
        }
        Ok(())
    }

    async fn count_in(&self, windows: &Windows, subject: String) -> Result<Quota, Error> {
        if let Some(quota) = windows.count(&subject, self.now()) {
            return Ok(quota);
        }
        let elsewhere = self.store().read().await?.request_count(&subject, self.now()).await?;
        windows.begin(&subject, elsewhere, self.now());
        Ok(windows.count_anew(&subject, self.now()))
    }

    /// Exchanges counts with other processes until `stop`, and once more then.
    pub async fn exchange_counts(&self, stop: CancellationToken) {
        let mut is_cut_off = false;
        loop {
            let is_last = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(EXCHANGE_EVERY) => false,
            };
            match self.exchange_counts_once().await {
                Ok(()) => is_cut_off = false,
                Err(error) if is_cut_off => {
                    tracing::debug!(error = %Chain(&error), "counts are not exchanged");
                }
                Err(error) => {
                    is_cut_off = true;
                    let error = tracing::field::display(Chain(&error));
                    tracing::warn!(error, "counts are not exchanged: this process counts for itself");
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Adds what this process has counted to the database, and takes over the sums.
    ///
    /// # Errors
    /// [`Error::Internal`]; nothing that was counted is lost.
    pub async fn exchange_counts_once(&self) -> Result<(), Error> {
        let Counts { keys, accounts, failures, checks, resends, .. } = self.counts();
        let [narrow, middle, wide] = failures;
        for windows in [keys, accounts, narrow, middle, wide, checks, resends] {
            for _ in 0..BATCHES_MAX {
                let batch = windows.unsent(BATCH, self.now());
                if batch.is_empty() {
                    break;
                }
                let mut tx = self.store().begin().await?;
                let mut sums = Vec::with_capacity(batch.len());
                for counted in &batch {
                    let (subject, count) = (&counted.subject, counted.count);
                    sums.push(tx.add_requests(subject, count, counted.ends_at, self.now()).await?);
                }
                tx.commit().await?;
                windows.sent(batch.into_iter().zip(sums));
            }
        }
        Ok(())
    }
}
