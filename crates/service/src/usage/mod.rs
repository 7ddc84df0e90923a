//! What an assistant's calls of its model have used and cost, and how much it may spend.

mod announce;

use std::collections::BTreeMap;
use std::time::Duration;

use reef_domain::calendar::{Calendar, Day};
use reef_domain::input::Parsed;
use reef_domain::usage::{
    API_KEY, OTHER_KEY, Usage, UsageAllowance, UsageGrouping, UsageItem, UsageQuery, UsageTotals,
};
use reef_domain::wire::Scope;
use reef_domain::{Assistant, Issue, Timestamp, Usd};
use reef_store::{PersonUsage, Tx, USAGE_INTERVAL_MS, UsageSums};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

pub(crate) use announce::AnnounceAllowance;

/// How long calls are kept.
pub(crate) const CALLS_KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 3600);

/// The days of a report, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DayRange {
    from: Day,
    to: Day,
}

impl Services {
    /// What an assistant has used in some days of its own time zone, by default in this month.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn get_usage(
        &self,
        caller: &Caller,
        id: &str,
        query: Parsed<UsageQuery>,
    ) -> Result<Usage, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let query = query.map_err(Error::InvalidRequest)?;
        let settings = self.read_behavior(&mut tx, assistant.id).await?;
        let calendar = Calendar::new(&settings.time_zone);
        let now = self.now();
        let today = calendar.day_of(now);
        let range = parse_range(&query, today).map_err(Error::InvalidRequest)?;
        let items = list_items(&mut tx, &assistant, &calendar, range, query.by).await?;
        let month = (calendar.start_of(today.month_start()), calendar.start_of(today.next_month_start()));
        let spent_this_month_usd = tx.sum_spent(assistant.id, month.0).await?;
        Ok(Usage {
            totals: items.iter().map(UsageItem::totals).fold(UsageTotals::default(), UsageTotals::plus),
            items,
            allowance: UsageAllowance {
                per_day_usd: settings.allowance.per_day_usd,
                per_month_usd: settings.allowance.per_month_usd,
                spent_today_usd: tx.sum_spent(assistant.id, calendar.start_of(today)).await?,
                spent_this_month_usd,
            },
            forecast_month_usd: forecast(spent_this_month_usd, month, now),
        })
    }
}

/// Parses the days of a query. If only one is given, the other one is the first day of the month, or today.
fn parse_range(query: &UsageQuery, today: Day) -> Parsed<DayRange> {
    let mut issues = Vec::new();
    let mut parse = |name: &str, text: &Option<String>| {
        let text = text.as_deref()?;
        let day = Day::parse(text);
        if day.is_none() {
            issues.push(Issue::new(name, "invalid_value", "This must be a date, such as 2026-12-01."));
        }
        day
    };
    let (from, to) = (parse("from", &query.from), parse("to", &query.to));
    if !issues.is_empty() {
        return Err(issues);
    }
    let to = to.unwrap_or_else(|| from.map_or(today, |from| from.max(today)));
    Ok(DayRange { from: from.unwrap_or_else(|| to.month_start()), to })
}

async fn list_items(
    tx: &mut Tx,
    assistant: &Assistant,
    calendar: &Calendar,
    range: DayRange,
    by: UsageGrouping,
) -> Result<Vec<UsageItem>, Error> {
    let from = calendar.start_of(range.from);
    let until = calendar.start_of(range.to.next());
    Ok(match by {
        UsageGrouping::Day => {
            let mut days = BTreeMap::<Day, UsageTotals>::new();
            for interval in tx.sum_usage_by_interval(assistant.id, from, until).await? {
                let start = Timestamp::from_unix_ms(interval.interval_number * USAGE_INTERVAL_MS);
                let day = days.entry(calendar.day_of(start)).or_default();
                *day = day.plus(totals(interval.sums));
            }
            days.into_iter().map(|(day, totals)| UsageItem::new(day.to_string(), totals)).collect()
        }
        UsageGrouping::Model => {
            let models = tx.sum_usage_by_model(assistant.id, from, until).await?;
            models.into_iter().map(|row| UsageItem::new(row.model, totals(row.sums))).collect()
        }
        UsageGrouping::Person => {
            let people = tx.sum_usage_by_person(assistant.id, from, until).await?;
            people.into_iter().map(|row| UsageItem::new(person_key(row), totals(row.sums))).collect()
        }
    })
}

fn person_key(row: PersonUsage) -> String {
    match row.person_id {
        _ if row.is_api => API_KEY.to_owned(),
        Some(person) => person.to_string(),
        None => OTHER_KEY.to_owned(),
    }
}

fn totals(sums: UsageSums) -> UsageTotals {
    UsageTotals {
        turns: sums.turns,
        input_tokens: sums.input_tokens,
        output_tokens: sums.output_tokens,
        cost_usd: sums.cost_micro_usd.map(Usd::from_micros),
    }
}

/// What a month will cost if it goes on as it has begun. Before a day has passed, the first day counts as a whole one.
fn forecast(spent: Usd, (from, until): (Timestamp, Timestamp), now: Timestamp) -> Usd {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let elapsed_ms = i128::try_from(now.since(from).max(DAY).as_millis()).unwrap_or(i128::MAX);
    let total_ms = i128::try_from(until.since(from).as_millis()).unwrap_or(0);
    let micros = i128::from(spent.micros()) * total_ms / elapsed_ms;
    Usd::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: Option<&str>, to: Option<&str>) -> Parsed<(String, String)> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let query = UsageQuery { from: owned(from), to: owned(to), by: UsageGrouping::Day };
        let today = Day::parse("2026-12-10").expect("a day");
        parse_range(&query, today).map(|range| (range.from.to_string(), range.to.to_string()))
    }

    #[test]
    fn missing_days_are_those_of_the_month() {
        for (given, expected) in [
            ((None, None), ("2026-12-01", "2026-12-10")),
            ((Some("2026-11-20"), None), ("2026-11-20", "2026-12-10")),
            ((None, Some("2026-11-20")), ("2026-11-01", "2026-11-20")),
            ((Some("2027-01-05"), None), ("2027-01-05", "2027-01-05")),
            ((Some("2026-01-01"), Some("2026-12-31")), ("2026-01-01", "2026-12-31")),
            ((Some("2026-12-02"), Some("2026-12-01")), ("2026-12-02", "2026-12-01")),
        ] {
            let expected = (expected.0.to_owned(), expected.1.to_owned());
            assert_eq!(range(given.0, given.1), Ok(expected));
        }
        assert_eq!(range(Some("today"), Some("2026-13-01")).expect_err("no dates").len(), 2);
    }

    #[test]
    fn forecast_goes_on_as_the_month_has_begun() {
        let day = |n: i64| Timestamp::from_unix_ms(n * 24 * 3600 * 1000);
        let month = (day(0), day(30));
        let usd = Usd::from_micros;
        assert_eq!(forecast(usd(10), month, day(10)), usd(30));
        assert_eq!(forecast(usd(10), month, day(0)), usd(300), "the first hour counts as a day");
        assert_eq!(forecast(usd(0), month, day(3)), usd(0));
    }
}
