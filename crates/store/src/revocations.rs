//! Subscriptions that Reef ends at Polar. A job does the work; this is its state, for people to see.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// A subscription that Reef ends.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct RevocationRow {
    /// Polar's id of the subscription.
    pub subscription_id: String,
    /// The assistant it was paid for.
    pub assistant_id: Option<AssistantId>,
    /// One of `deleted`, `duplicate`, `late`, `refunded`.
    pub reason: String,
    pub requested_at: Timestamp,
    /// When Polar confirmed that it has ended.
    pub confirmed_at: Option<Timestamp>,
}

impl Tx {
    /// Inserts a revocation; `false` when there is one already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_revocation(
        &mut self,
        subscription: &str,
        assistant: AssistantId,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into revocations (subscription_id, assistant_id, reason, requested_at) values ($1, $2, $3, $4)
             on conflict (subscription_id) do nothing",
            subscription,
            assistant,
            reason,
            now,
        );
        Ok(added == 1)
    }

    /// Records that Polar has confirmed the end of a subscription.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn confirm_revocation(&mut self, subscription: &str, now: Timestamp) -> Result<(), StoreError> {
        execute!(
            self,
            "update revocations set confirmed_at = $2 where subscription_id = $1 and confirmed_at is null",
            subscription,
            now,
        );
        Ok(())
    }

    /// Finds the revocation of a subscription.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_revocation(&mut self, subscription: &str) -> Result<Option<RevocationRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            RevocationRow,
            "select subscription_id, assistant_id, reason, requested_at, confirmed_at from revocations
             where subscription_id = $1",
            subscription,
        ))
    }

    /// Lists the revocations of an assistant's subscriptions, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_revocations(
        &mut self,
        assistant: AssistantId,
        limit: i64,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        Ok(fetch_all!(
            self,
            RevocationRow,
            "select subscription_id, assistant_id, reason, requested_at, confirmed_at from revocations
             where assistant_id = $1 order by requested_at, subscription_id limit $2",
            assistant,
            limit,
        ))
    }

    /// Counts the revocations that are not confirmed, and finds when the oldest one was requested.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_open_revocations(&mut self) -> Result<(i64, Option<Timestamp>), StoreError> {
        let row: Option<(i64, Option<Timestamp>)> = fetch_optional!(
            self,
            (i64, Option<Timestamp>),
            "select count(*), min(requested_at) from revocations where confirmed_at is null",
        );
        Ok(row.unwrap_or_default())
    }

    /// Deletes revocations that were confirmed before `before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_revocations(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from revocations where confirmed_at < $1", before))
    }
}
