//! Payment checks: for which assistants Polar is asked, when, and at what rate. All processes of a database share one
//! rate.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_optional};

/// A payment check that this process has claimed.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct PaymentCheckRow {
    /// The assistant, which may be deleted.
    pub assistant_id: AssistantId,
    pub checkout_id: Option<String>,
    /// Until when the claim holds. The check becomes due again then, unless it is completed before.
    #[sqlx(rename = "next_check_at")]
    pub claimed_until: Timestamp,
    /// How many checks were made since the schedule last started over, including this one.
    pub check_count: i64,
    /// When Polar first said that the checkout can no longer be paid.
    pub checkout_closed_at: Option<Timestamp>,
    /// When the assistant was ordered, or when it got its current checkout.
    pub ordered_at: Timestamp,
}

/// A statement with the user of the assistant `$1` between two parts. The user is known after a deletion too.
macro_rules! with_user {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "coalesce((select user_id from assistants where id = $1),
                      (select user_id from tombstones where assistant_id = $1))",
            $after
        )
    };
}

/// The order in which due checks are made. Users take turns: the one whose last check was longest ago is next,
/// however many of their checks are due. Among the checks of a user those of deleted assistants come last.
macro_rules! check_order {
    () => {
        "(select max(checked.last_checked_at) from payment_checks checked where checked.user_id = due.user_id)
             nulls first,
         not exists (select 1 from assistants where assistants.id = due.assistant_id), due.next_check_at,
         due.assistant_id"
    };
}

/// The rate of checks, over all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateBudget {
    /// The average time between two checks.
    pub interval: Duration,
    /// How far ahead of that average checks may run.
    pub burst: Duration,
}

impl Tx {
    /// Inserts the payment check of an assistant, first due at `first`. One that exists stays as it is.
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
            "insert into payment_checks (assistant_id, user_id, next_check_at, check_count, expedite_count, ordered_at)
             values ($1, $2, $3, 0, 0, $4)
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
                "insert into payment_checks (assistant_id, user_id, checkout_id, next_check_at, check_count,
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
                "insert into payment_checks (assistant_id, user_id, next_check_at, check_count, expedite_count, ordered_at)
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

    /// Claims the next due check until `until`, if the rate allows one at `now`. Users take turns.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_payment_check(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        budget: RateBudget,
    ) -> Result<Option<PaymentCheckRow>, StoreError> {
        const SQLITE: &str = concat!(
            "update payment_checks set next_check_at = $2, check_count = check_count + 1, last_checked_at = $1
             where assistant_id in (select due.assistant_id from payment_checks due where due.next_check_at <= $1
                                    order by ",
            check_order!(),
            " limit 1)
             returning assistant_id, checkout_id, next_check_at, check_count, checkout_closed_at, ordered_at"
        );
        const POSTGRES: &str = concat!(
            "update payment_checks set next_check_at = $2, check_count = check_count + 1, last_checked_at = $1
             where assistant_id = any (array(select due.assistant_id from payment_checks due
                                             where due.next_check_at <= $1 order by ",
            check_order!(),
            " limit 1 for update of due skip locked))
             returning assistant_id, checkout_id, next_check_at, check_count, checkout_closed_at, ordered_at"
        );
        let free_at = self.lock_rate_budget().await?.max(now);
        if free_at > now.plus(budget.burst) {
            return Ok(None);
        }
        let sql = dialect!(self, sqlite: SQLITE, postgres: POSTGRES);
        let claimed = fetch_optional!(self, PaymentCheckRow, sql, now, until);
        if claimed.is_some() {
            execute!(self, "update polar_state set budget_free_at = $1", free_at.plus(budget.interval));
        }
        Ok(claimed)
    }

    /// Completes a claimed check: the next one is at `next`, or never, and the count is `check_count`. A check that was
    /// brought forward meanwhile keeps its time, and `checkout_closed_at` is dropped when the assistant has another
    /// checkout.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn complete_payment_check(
        &mut self,
        claimed: &PaymentCheckRow,
        next: Option<Timestamp>,
        check_count: i64,
        checkout_closed_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update payment_checks set
                    checkout_closed_at = case when checkout_id is not distinct from $6 then $5
                                              else checkout_closed_at end,
                    next_check_at = case when next_check_at = $2 then $3 else next_check_at end,
                    check_count = case when next_check_at = $2 then $4 else check_count end
             where assistant_id = $1",
            claimed.assistant_id,
            claimed.claimed_until,
            next,
            check_count,
            checkout_closed_at,
            &claimed.checkout_id,
        );
        Ok(())
    }

    /// Makes no check before `until`, because Polar asked to wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn pause_payment_checks(
        &mut self,
        until: Timestamp,
        budget: RateBudget,
    ) -> Result<(), StoreError> {
        let free_at = until.plus(budget.burst).plus(Duration::from_millis(1));
        execute!(self, "update polar_state set budget_free_at = $1 where budget_free_at < $1", free_at);
        Ok(())
    }

    /// Requests that everything last checked before `before` is checked again: see `expedite_payment_checks`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn request_recheck(&mut self, before: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update polar_state set recheck_before = $1", before);
        Ok(())
    }

    /// Brings forward the checks that `request_recheck` asked for, and spreads them over `within`: at most
    /// `checks_max`, less one for each user who has a check due within that time anyway, so that new checks need not
    /// wait behind them. Users take turns, each with the check that was made longest ago. Deleted assistants are left
    /// out. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn expedite_payment_checks(
        &mut self,
        now: Timestamp,
        within: Duration,
        checks_max: u32,
    ) -> Result<u64, StoreError> {
        macro_rules! expedited {
            ($milliseconds:literal) => {
                concat!(
                    "update payment_checks set next_check_at = $1 + chosen.place * $3",
                    $milliseconds,
                    " from (select id, row_number() over (order by turn, last nulls first, id) as place
                            from (select assistant_id as id,
                                         row_number() over (partition by coalesce(user_id, assistant_id)
                                                            order by last_checked_at nulls first, assistant_id)
                                             as turn,
                                         max(last_checked_at) over (partition by coalesce(user_id, assistant_id))
                                             as last
                                  from payment_checks, polar_state
                                  where next_check_at > $2 and recheck_before is not null
                                    and (last_checked_at is null or last_checked_at < recheck_before)
                                    and exists (select 1 from assistants where assistants.id = assistant_id))
                                 as candidates
                            order by turn, last nulls first, id limit $4) as chosen
                     where payment_checks.assistant_id = chosen.id and payment_checks.next_check_at > $2"
                )
            };
        }
        let end = now.plus(within);
        let users_with_due_checks: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(distinct coalesce(user_id, assistant_id)) from payment_checks where next_check_at <= $1",
            end,
        );
        let limit =
            i64::from(checks_max).saturating_sub(users_with_due_checks.map_or(0, |(count,)| count)).max(0);
        let interval_ms = i64::try_from((within / checks_max.max(1)).as_millis()).unwrap_or(i64::MAX);
        let sql = dialect!(self, sqlite: expedited!(""),
            postgres: expedited!(" * interval '1 millisecond'"));
        Ok(execute!(self, sql, now, end, interval_ms, limit))
    }

    async fn lock_rate_budget(&mut self) -> Result<Timestamp, StoreError> {
        let sql = dialect!(self, sqlite: "select budget_free_at from polar_state",
            postgres: "select budget_free_at from polar_state for update");
        let row: Option<(Timestamp,)> = fetch_optional!(self, (Timestamp,), sql);
        row.map(|(free_at,)| free_at).ok_or_else(|| StoreError::corrupt("polar_state", 1))
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
        Ok(execute!(
            self,
            "delete from payment_checks where next_check_at is null
               and not exists (select 1 from assistants where assistants.id = payment_checks.assistant_id)"
        ))
    }

    /// Claims the check of Polar's webhook endpoint if it is due; the next one is due at `next`, for all processes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_endpoint_check(
        &mut self,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<bool, StoreError> {
        let claimed = execute!(
            self,
            "update polar_state set endpoint_next_check_at = $2 where endpoint_next_check_at <= $1",
            now,
            next
        );
        Ok(claimed == 1)
    }

    /// Stores the status of Polar's webhook endpoint.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_endpoint_status(&mut self, status: &str) -> Result<(), StoreError> {
        execute!(self, "update polar_state set endpoint_status = $1", status);
        Ok(())
    }

    /// Finds the last known status of Polar's webhook endpoint; `None` before the first check.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_endpoint_status(&mut self) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> =
            fetch_optional!(self, (Option<String>,), "select endpoint_status from polar_state");
        Ok(row.and_then(|(status,)| status))
    }
}
