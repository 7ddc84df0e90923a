//! The keys that were created at OpenRouter, with what was spent through each.

use serde_json::{Value, json};
use sqlx::FromRow;

use crate::{
    World,
    clock::{now_ms, parse_rfc3339, rfc3339},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// 1970-01-01 was a Thursday, three days after a Monday.
const MONDAY_OFFSET_DAYS: i64 = 3;

/// A key created with `POST /keys`, and its usage in USD.
#[derive(Debug, FromRow)]
pub(super) struct Key {
    pub hash: String,
    pub name: String,
    label: String,
    pub disabled: bool,
    pub usd_limit: Option<f64>,
    pub limit_reset: Option<String>,
    pub include_byok_in_limit: bool,
    created_at: i64,
    updated_at: i64,
    expires_at: Option<i64>,
    deleted: bool,
    usage: f64,
    usage_daily: f64,
    usage_weekly: f64,
    usage_monthly: f64,
}

/// Selects keys with their usage. `$1` to `$3` are the starts of the day, the week and the month.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "select k.hash, k.name, k.label, k.disabled, k.usd_limit, k.limit_reset, k.include_byok_in_limit,
               k.created_at, k.updated_at, k.expires_at, k.deleted,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash), 0.0) as usage,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash and u.at >= $1), 0.0) as usage_daily,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash and u.at >= $2), 0.0) as usage_weekly,
               coalesce((select sum(usd) from openrouter_usage u where u.hash = k.hash and u.at >= $3), 0.0) as usage_monthly
             from openrouter_keys k ",
            $rest
        )
    };
}

impl Key {
    pub fn is_live(&self, now: i64) -> bool {
        !self.deleted && !self.disabled && self.expires_at.is_none_or(|at| at > now)
    }

    /// The USD that may still be spent, or `None` without a limit. A limit is reset at 00:00 UTC.
    pub fn limit_remaining(&self) -> Option<f64> {
        let used = match self.limit_reset.as_deref() {
            Some("daily") => self.usage_daily,
            Some("weekly") => self.usage_weekly,
            Some("monthly") => self.usage_monthly,
            _ => self.usage,
        };
        self.usd_limit.map(|limit| (limit - used).max(0.0))
    }

    pub fn to_json(&self) -> Value {
        json!({
            "hash": self.hash, "label": self.label, "name": self.name, "disabled": self.disabled,
            "limit": self.usd_limit, "limit_remaining": self.limit_remaining(), "limit_reset": self.limit_reset,
            "include_byok_in_limit": self.include_byok_in_limit, "usage": self.usage, "usage_daily": self.usage_daily,
            "usage_weekly": self.usage_weekly, "usage_monthly": self.usage_monthly, "byok_usage": 0, "byok_usage_daily": 0,
            "byok_usage_weekly": 0, "byok_usage_monthly": 0, "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at), "expires_at": self.expires_at.map(rfc3339), "workspace_id": null,
        })
    }
}

/// Returns the starts of this day, this week (a Monday) and this month, in UTC.
fn period_starts(now: i64) -> (i64, i64, i64) {
    let days = now.div_euclid(DAY_MS);
    let week = days - (days + MONDAY_OFFSET_DAYS).rem_euclid(7);
    let month = parse_rfc3339(&format!("{}-01T00:00:00Z", &rfc3339(now)[..7])).unwrap_or(days * DAY_MS);
    (days * DAY_MS, week * DAY_MS, month)
}

/// Finds a key by its secret, including deleted keys.
pub(super) async fn find_by_secret(world: &World, secret: &str) -> sqlx::Result<Option<Key>> {
    let (day, week, month) = period_starts(now_ms());
    sqlx::query_as(select_keys!("where k.secret = $4"))
        .bind(day)
        .bind(week)
        .bind(month)
        .bind(secret)
        .fetch_optional(&world.db)
        .await
}

/// Finds a key that is not deleted by its hash.
pub(super) async fn find_by_hash(world: &World, hash: &str) -> sqlx::Result<Option<Key>> {
    let (day, week, month) = period_starts(now_ms());
    sqlx::query_as(select_keys!("where k.hash = $4 and not k.deleted"))
        .bind(day)
        .bind(week)
        .bind(month)
        .bind(hash)
        .fetch_optional(&world.db)
        .await
}

/// Lists keys that are not deleted, the newest first.
pub(super) async fn list(
    world: &World,
    is_disabled_included: bool,
    offset: i64,
    limit: i64,
) -> sqlx::Result<Vec<Key>> {
    let (day, week, month) = period_starts(now_ms());
    sqlx::query_as(select_keys!(
        "where not k.deleted and ($4 or not k.disabled) order by k.seq desc limit $5 offset $6"
    ))
    .bind(day)
    .bind(week)
    .bind(month)
    .bind(is_disabled_included)
    .bind(limit)
    .bind(offset)
    .fetch_all(&world.db)
    .await
}

/// Records the cost of a completion.
pub(super) async fn record_usage(world: &World, hash: &str, usd: f64) -> sqlx::Result<()> {
    sqlx::query("insert into openrouter_usage (hash, at, usd) values ($1, $2, $3)")
        .bind(hash)
        .bind(now_ms())
        .bind(usd)
        .execute(&world.db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_start_at_midnight_utc() {
        let at = |text| parse_rfc3339(text).unwrap();
        // 2026-11-22 is a Sunday, the last day of a week.
        let now = at("2026-11-22T13:45:00Z");
        let expected = (at("2026-11-22T00:00:00Z"), at("2026-11-16T00:00:00Z"), at("2026-11-01T00:00:00Z"));
        assert_eq!(period_starts(now), expected);
    }
}
