//! Checking again what may have changed while no webhooks arrived.

use std::time::Duration;

use reef_domain::Timestamp;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_optional};

impl Tx {
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
                                    and not assistant_deleted)
                                 as candidates
                            order by turn, last nulls first, id limit $4) as chosen
                     where payment_checks.assistant_id = chosen.id and payment_checks.next_check_at > $2"
                )
            };
        }
        let requested: Option<(Option<Timestamp>,)> =
            fetch_optional!(self, (Option<Timestamp>,), "select recheck_before from polar_state");
        // Without a request, no row has to be looked at to find out that none is brought forward.
        if requested.is_none_or(|(before,)| before.is_none()) {
            return Ok(0);
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
}
