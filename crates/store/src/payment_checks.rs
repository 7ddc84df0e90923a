//! Payment checks: for which assistants Polar is asked, and when.

mod claims;
mod rechecks;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

pub use claims::{PaymentCheckRow, RateBudget};

/// A statement with the user of the assistant `$1`, and whether it is deleted, between two parts. The user is known after
/// a deletion too.
macro_rules! with_user {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "coalesce((select user_id from assistants where id = $1),
                      (select user_id from tombstones where assistant_id = $1)),
             not exists (select 1 from assistants where id = $1)",
            $after
        )
    };
}

impl Tx {
    /// Inserts the payment check of an assistant that is stored, first due at `first`. One that exists stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_payment_check(
        &mut self,
        id: AssistantId,
        user: UserId,
        first: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into payment_checks (assistant_id, user_id, assistant_deleted, next_check_at, check_count,
                 expedite_count, ordered_at)
             values ($1, $2, not exists (select 1 from assistants where id = $1), $3, 0, 0, $4)
             on conflict (assistant_id) do nothing",
            id,
            user,
            first,
            now,
        );
        Ok(())
    }

    /// Resets the payment checks of an assistant that has a new checkout, as if it had just been ordered.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reset_payment_checks(
        &mut self,
        id: AssistantId,
        checkout: &str,
        first: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            with_user!(
                "insert into payment_checks (assistant_id, user_id, assistant_deleted, checkout_id, next_check_at, check_count,
                     expedite_count, ordered_at)
                 values ($1, ",
                ", $2, $3, 0, 0, $4)
                 on conflict (assistant_id) do update set checkout_id = excluded.checkout_id,
                     next_check_at = excluded.next_check_at, check_count = 0, expedite_count = 0,
                     checkout_closed_at = null, ordered_at = excluded.ordered_at"
            ),
            id,
            checkout,
            first,
            now,
        );
        Ok(())
    }

    /// Schedules a check at `at`, unless an earlier one is scheduled, and resets the count, so that the next ones
    /// follow at short intervals. This works after checks had ended, too.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn schedule_payment_check(
        &mut self,
        id: AssistantId,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            with_user!(
                "insert into payment_checks (assistant_id, user_id, assistant_deleted, next_check_at, check_count, expedite_count,
                     ordered_at)
                 values ($1, ",
                ", $2, 0, 0, $3)
                 on conflict (assistant_id) do update set check_count = 0,
                     next_check_at = case when payment_checks.next_check_at < excluded.next_check_at
                                          then payment_checks.next_check_at else excluded.next_check_at end"
            ),
            id,
            at,
            now,
        );
        Ok(())
    }

    /// Brings the next check forward to `at` for a customer who waits, unless the last one was made after
    /// `checked_before`. Works `times_max` times per assistant, so that one customer cannot use up the rate of all.
    /// Returns whether it did.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn expedite_payment_check(
        &mut self,
        id: AssistantId,
        at: Timestamp,
        checked_before: Timestamp,
        times_max: i64,
    ) -> Result<bool, StoreError> {
        let expedited = execute!(
            self,
            "update payment_checks set next_check_at = $2, expedite_count = expedite_count + 1
             where assistant_id = $1 and next_check_at > $2 and expedite_count < $3
               and (last_checked_at is null or last_checked_at <= $4)",
            id,
            at,
            times_max,
            checked_before,
        );
        Ok(expedited == 1)
    }

    /// Ends the checks of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stop_payment_checks(&mut self, id: AssistantId) -> Result<(), StoreError> {
        execute!(self, "update payment_checks set next_check_at = null where assistant_id = $1", id);
        Ok(())
    }

    /// Postpones the next check to `at`, for a deleted assistant whose checkout cannot be closed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn postpone_payment_check(&mut self, id: AssistantId, at: Timestamp) -> Result<(), StoreError> {
        let sql =
            "update payment_checks set next_check_at = $2 where assistant_id = $1 and next_check_at < $2";
        execute!(self, sql, id, at);
        Ok(())
    }

    /// Finds Polar's time of the newest subscription state that was applied to an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_payment_as_of(&mut self, id: AssistantId) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<Timestamp>,)> = fetch_optional!(
            self,
            (Option<Timestamp>,),
            "select payment_as_of from payment_checks where assistant_id = $1",
            id,
        );
        Ok(row.and_then(|(as_of,)| as_of))
    }

    /// Stores Polar's time of the subscription state that was applied; `None` when it is not known.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_payment_as_of(
        &mut self,
        id: AssistantId,
        as_of: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        execute!(self, "update payment_checks set payment_as_of = $2 where assistant_id = $1", id, as_of);
        Ok(())
    }

    /// Whether a check is due at `now`. However many are, this takes one step in an index.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_overdue_payment_check(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "select check_count from payment_checks where next_check_at <= $1 limit 1";
        Ok(fetch_optional!(self, (i64,), sql, now).is_some())
    }

    /// Counts the checks that are due at `now`, and finds when the oldest one became due.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_overdue_payment_checks(
        &mut self,
        now: Timestamp,
    ) -> Result<(i64, Option<Timestamp>), StoreError> {
        let row: Option<(i64, Option<Timestamp>)> = fetch_optional!(
            self,
            (i64, Option<Timestamp>),
            "select count(*), min(next_check_at) from payment_checks where next_check_at <= $1",
            now,
        );
        Ok(row.unwrap_or_default())
    }

    /// Deletes the rows of deleted assistants whose checks have ended; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_payment_checks(&mut self) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from payment_checks where assistant_deleted and next_check_at is null"))
    }
}
