//! Claiming due checks. A claim moves the time of the next check ahead, so that a check whose process dies runs again.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::Provider;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, fetch_all, fetch_optional};

/// A check that this process has claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct HealthClaim {
    /// The assistant to check.
    pub assistant_id: AssistantId,
    /// Until when the claim holds. The next check is scheduled then, unless this one is completed before.
    pub claimed_until: Timestamp,
}

impl Tx {
    /// Whether a check is due at `now`, or something was seen that has to be evaluated. Each part reads one entry of an index.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_due_health(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        for provider in Provider::ALL {
            let due: Option<(i64,)> = fetch_optional!(
                self,
                (i64,),
                "select generation from assistant_health where provider = $1 and next_model_check_at <= $2 limit 1",
                provider.as_str(),
                now,
            );
            if due.is_some() {
                return Ok(true);
            }
        }
        let due: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select generation from assistant_health where next_telegram_check_at <= $1 limit 1",
            now,
        );
        let seen: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select generation from assistant_health where signal_at is not null limit 1"
        );
        Ok(due.is_some() || seen.is_some())
    }

    /// Finds since when the most overdue check has been due at `now`, by the ends of two indexes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_health_overdue_since(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "select next_telegram_check_at from assistant_health where next_telegram_check_at <= $1
                   order by next_telegram_check_at limit 1";
        let telegram: Option<(Timestamp,)> = fetch_optional!(self, (Timestamp,), sql, now);
        let mut since = telegram.map(|(at,)| at);
        for provider in Provider::ALL {
            let sql = "select next_model_check_at from assistant_health
                       where provider = $1 and next_model_check_at <= $2 order by next_model_check_at limit 1";
            let model: Option<(Timestamp,)> =
                fetch_optional!(self, (Timestamp,), sql, provider.as_str(), now);
            since = [since, model.map(|(at,)| at)].into_iter().flatten().min();
        }
        Ok(since)
    }

    /// Claims up to `limit` due checks of Telegram until `until`, the longest due ones first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_telegram_checks(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: i64,
    ) -> Result<Vec<HealthClaim>, StoreError> {
        let sql = dialect!(self,
            sqlite: "update assistant_health set next_telegram_check_at = $2
                     where assistant_id in (select assistant_id from assistant_health
                                            where next_telegram_check_at <= $1
                                            order by next_telegram_check_at limit $3)
                     returning assistant_id, next_telegram_check_at as claimed_until",
            postgres: "update assistant_health set next_telegram_check_at = $2
                       where assistant_id = any (array(select assistant_id from assistant_health
                                                       where next_telegram_check_at <= $1
                                                       order by next_telegram_check_at limit $3
                                                       for update skip locked))
                       returning assistant_id, next_telegram_check_at as claimed_until");
        Ok(fetch_all!(self, HealthClaim, sql, now, until, limit))
    }

    /// As [`Self::claim_telegram_checks`], for the models of one provider.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_model_checks(
        &mut self,
        provider: Provider,
        now: Timestamp,
        until: Timestamp,
        limit: i64,
    ) -> Result<Vec<HealthClaim>, StoreError> {
        let sql = dialect!(self,
            sqlite: "update assistant_health set next_model_check_at = $3
                     where assistant_id in (select assistant_id from assistant_health
                                            where provider = $1 and next_model_check_at <= $2
                                            order by next_model_check_at limit $4)
                     returning assistant_id, next_model_check_at as claimed_until",
            postgres: "update assistant_health set next_model_check_at = $3
                       where assistant_id = any (array(select assistant_id from assistant_health
                                                       where provider = $1 and next_model_check_at <= $2
                                                       order by next_model_check_at limit $4
                                                       for update skip locked))
                       returning assistant_id, next_model_check_at as claimed_until");
        Ok(fetch_all!(self, HealthClaim, sql, provider.as_str(), now, until, limit))
    }
}
