//! Claiming due checks within the rate that all processes share, and completing them.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
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

/// The order in which due checks are made. Users take turns: the one whose last check was longest ago is next,
/// however many of their checks are due. Among the checks of a user those of deleted assistants come last.
macro_rules! check_order {
    () => {
        "(select max(checked.last_checked_at) from payment_checks checked where checked.user_id = due.user_id)
             nulls first,
         due.assistant_deleted, due.next_check_at, due.assistant_id"
    };
}

/// Which due checks that order is applied to, so that a claim costs the same however many are due: those that have been due
/// for longest, and those that became due last, which are the orders that somebody waits for.
macro_rules! candidates {
    () => {
        "due.next_check_at <= $1 and due.assistant_id in (
             select assistant_id from (select assistant_id from payment_checks where next_check_at <= $1
                                       order by next_check_at limit 500) as oldest
             union all
             select assistant_id from (select assistant_id from payment_checks where next_check_at <= $1
                                       order by next_check_at desc limit 500) as newest)"
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
    /// Claims the next due check until `until`, if the rate allows one at `now`. Users take turns, as far as they have one of the
    /// 500 checks that have been due for longest, or of the 500 that became due last.
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
             where assistant_id in (select due.assistant_id from payment_checks due where ",
            candidates!(),
            " order by ",
            check_order!(),
            " limit 1)
             returning assistant_id, checkout_id, next_check_at, check_count, checkout_closed_at, ordered_at"
        );
        const POSTGRES: &str = concat!(
            "update payment_checks set next_check_at = $2, check_count = check_count + 1, last_checked_at = $1
             where assistant_id = any (array(select due.assistant_id from payment_checks due where ",
            candidates!(),
            " order by ",
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

    async fn lock_rate_budget(&mut self) -> Result<Timestamp, StoreError> {
        let sql = dialect!(self, sqlite: "select budget_free_at from polar_state",
            postgres: "select budget_free_at from polar_state for update");
        let row: Option<(Timestamp,)> = fetch_optional!(self, (Timestamp,), sql);
        row.map(|(free_at,)| free_at).ok_or_else(|| StoreError::corrupt("polar_state", 1))
    }
}
