//! Limits on how many mails one address gets, no matter who requests them.

use std::time::Duration;

use reef_domain::Timestamp;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_optional};

/// How many mails an address may get within a period of at most [`MAIL_LIMIT_PERIOD_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct MailLimit {
    pub count: i64,
    pub within: Duration,
}

/// The longest period that a limit can have.
pub const MAIL_LIMIT_PERIOD_MAX: Duration = Duration::from_secs(24 * 3600);

impl Tx {
    /// Counts a mail to a recipient if all limits allow it, and returns whether they do. Requests for the same
    /// recipient wait for each other until the transaction ends, in all processes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reserve_mail(
        &mut self,
        recipient: &str,
        limits: &[MailLimit],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // A writer on SQLite has locked the whole database.
        let lock = dialect!(
            self,
            sqlite: "select 1 where $1 is null",
            postgres: "select 1 from (select pg_advisory_xact_lock(hashtextextended($1, 0))) as lock",
        );
        execute!(self, lock, recipient);
        for MailLimit { count, within } in limits {
            if self.count_mail_requests(recipient, now.minus(*within)).await? >= *count {
                return Ok(false);
            }
        }
        let sql = "insert into mail_requests (recipient, requested_at) values ($1, $2)";
        execute!(self, sql, recipient, now);
        Ok(true)
    }

    async fn count_mail_requests(&mut self, recipient: &str, since: Timestamp) -> Result<i64, StoreError> {
        let sql = "select count(*) from mail_requests where recipient = $1 and requested_at > $2";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, recipient, since);
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Deletes entries that no limit counts any longer; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_mail_requests(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from mail_requests where requested_at <= $1", before))
    }
}
